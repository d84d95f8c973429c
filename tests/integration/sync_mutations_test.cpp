// Broken messages over real sockets to the real server: handshakes, and what a peer that proved its key may send then.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <random>

#include "crypto/hashing.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/trust.hpp"
#include "support/mutator.hpp"
#include "support/process.hpp"
#include "support/raw_client.hpp"
#include "support/signed_ops.hpp"
#include "support/temp_folder.hpp"
#include "support/test_node.hpp"
#include "support/web_socket_peer.hpp"
#include "sync/handshake.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr int kHandshakes = 2'500;
constexpr int kPeers = 2'500;
constexpr unsigned kSeed = 20'260'409;

std::uint16_t free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(probe);
  return ntohs(address.sin_port);
}

Identity peer_identity(int number) {
  std::array<std::uint8_t, 32> seed{};
  for (std::size_t i = 0; i < sizeof number; ++i) seed[i] = static_cast<std::uint8_t>(number >> (8 * i));
  seed[31] = 77;
  return Identity::from_seed(seed);
}

bool listens(std::uint16_t port) {
  try {
    const RawClient client(port);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

/// A connection whose upgrade was answered with 101.
std::unique_ptr<RawClient> connect(std::uint16_t port) {
  auto client = std::make_unique<RawClient>(port);
  client->send(upgrade_request("/crdt-sync", "Sec-WebSocket-Protocol: musher-sync.1\r\n"));
  const std::string head = client->read_until("\r\n\r\n");
  REQUIRE(head.starts_with("HTTP/1.1 101"));
  return client;
}

void send(RawClient& client, std::string_view message) { client.send(frame(Opcode::binary, message)); }

std::string read_message(RawClient& client) {
  const auto read = read_frame(client);
  REQUIRE(read);
  INFO(read->payload);
  REQUIRE(read->opcode == Opcode::binary);
  return read->payload;
}

/// What a peer may send, none of which changes the log if it is what it says: the op's signature is another's.
std::vector<std::string> corpus() {
  const OpId some = op_id_of(9);
  const LogMark mark{RowId{1}, Digest{some.hash}};
  const Tip tip{AuthorId{some.hash}, OpIndex{3}, some};
  SignedOp op = plain_signed(OpKind::insert).claim();
  op.signature.bytes[0] ^= 1;
  return {sync::encode(sync::Position{mark}),
          sync::encode(sync::Position{}),
          sync::encode(sync::Resume{}),
          sync::encode(sync::Tips{1, mark, {tip, tip}, true}),
          sync::encode(sync::Reconcile{}),
          sync::encode(sync::Want{1, {{some, {tip}}, {some, {}}}, true}),
          sync::encode(sync::Samples{1, some, {tip, tip}}),
          sync::encode(sync::Ops{1, mark, {op, op}}),
          sync::encode(sync::Ops{1, std::nullopt, {}}),
          sync::encode(sync::Ack{1}),
          sync::encode(sync::Ask{{some, some}}),
          sync::encode(sync::Absent{{some}})};
}

/// How the server ends the connection once we say goodbye, or before.
std::uint16_t goodbye(RawClient& client) {
  client.send(frame(Opcode::close, close_payload(1000)));
  return read_close_code(client);
}

bool is_an_answer(std::uint16_t code) { return code == 1000 || (code >= 4001 && code <= 4011); }

}  // namespace

TEST_CASE("sync: broken messages over a real socket are answered by a close code, and change nothing", "[sync]") {
  const TempFolder folder;
  const DocumentId document = test_document();
  std::uint64_t ops = 0;
  {
    TestNode node(folder.path(), "node", document);
    node.insert("1_story");
    ops = *node.log().count();
    for (int number = 0; number < kPeers; ++number) {
      REQUIRE(trust_add(node.replica(), peer_identity(number).author(), "peer" + std::to_string(number), false));
    }
  }
  const std::uint16_t port = free_port();
  const std::string path = (folder / "node.db").string();
  Child server = Child::start({{std::string(MUSHER_BIN_DIR) + "/musher-serve", "--quiet", "--log", path, "--identity",
                                (folder / "node.key").string(), "--listen", "127.0.0.1:" + std::to_string(port)},
                               "",
                               {{"XDG_STATE_HOME", (folder / "state").string()}}});
  REQUIRE(wait_until([&] { return listens(port); }));

  // A mutator keeps its corpus: one for each kind of message that is broken.
  const std::vector<std::string> words = {"musher-sync", std::string(8, '\xff'), std::string(4, '\0'), "\x09"};
  std::mt19937 random(fuzz_seed(kSeed));
  const auto broken = [&](std::vector<std::string> corpus) {
    return Mutator(static_cast<unsigned>(random()), std::move(corpus), words).next();
  };
  Mutator messages(fuzz_seed(kSeed), corpus(), words);
  int refused = 0;
  for (int number = 0; number < kHandshakes; ++number) {
    INFO("handshake " << number);
    const Identity identity = peer_identity(number);
    sync::Handshake handshake(sync::Role::dialer, {&identity, document, random_id<LogId>()}, std::nullopt,
                              op_id_of(static_cast<std::uint8_t>(number)).hash,
                              [](const AuthorId&) { return Standing::allowed; });
    const auto client = connect(port);
    const bool proof = number % 2 == 1;
    if (!proof) {
      send(*client, broken({*handshake.opening()}));
    } else {
      send(*client, *handshake.opening());
      auto reply = handshake.take(*sync::decode(read_message(*client)));
      send(*client, broken({std::get<sync::Handshake::Reply>(reply).message}));
    }
    const std::uint16_t code = goodbye(*client);
    CHECK(is_an_answer(code));
    refused += code != 1000 ? 1 : 0;
  }
  CHECK(refused > kHandshakes / 2);

  int dropped = 0;
  for (int number = 0; number < kPeers; ++number) {
    INFO("peer " << number);
    const Identity identity = peer_identity(number);
    sync::Handshake handshake(sync::Role::dialer, {&identity, document, random_id<LogId>()}, std::nullopt,
                              op_id_of(static_cast<std::uint8_t>(number)).hash,
                              [](const AuthorId&) { return Standing::allowed; });
    const auto client = connect(port);
    send(*client, *handshake.opening());
    auto reply = handshake.take(*sync::decode(read_message(*client)));
    send(*client, std::get<sync::Handshake::Reply>(reply).message);
    reply = handshake.take(*sync::decode(read_message(*client)));
    REQUIRE(std::get<sync::Handshake::Reply>(reply).peer);
    send(*client, sync::encode(sync::Position{}));
    for (std::size_t count = 1 + random() % 3; count > 0; --count) {
      send(*client, messages.next());
    }
    const std::uint16_t code = goodbye(*client);
    CHECK(is_an_answer(code));
    dropped += code != 1000 ? 1 : 0;
  }
  CHECK(dropped > kPeers / 2);
  CHECK(dropped < kPeers);

  CHECK(listens(port));
  server.signal(SIGTERM);
  const ChildOutcome ended = server.wait();
  INFO(ended.err);
  CHECK(ended.exit_code == 0);
  const auto after = SqliteOpLog::open(path, OpenMode::read);
  REQUIRE(after);
  CHECK(*(*after)->count() == ops);
}
