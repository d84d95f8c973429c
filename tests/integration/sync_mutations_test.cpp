// Broken messages over real sockets to the real server: handshakes, what a peer that proved its key may send then, and
// what is too large.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <random>

#include "crypto/hashing.hpp"
#include "model/text.hpp"
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
std::unique_ptr<RawClient> connect(std::uint16_t port, const std::string& headers = "") {
  auto client = std::make_unique<RawClient>(port);
  client->send(upgrade_request("/crdt-sync", "Sec-WebSocket-Protocol: musher-sync.1\r\n" + headers));
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

/// A server on a log with one story, which trusts so many peers.
class Target {
 public:
  explicit Target(int peers) {
    {
      TestNode node(folder_.path(), "node", test_document());
      node.insert("1_story");
      ops_ = *node.log().count();
      for (int number = 0; number < peers; ++number) {
        REQUIRE(trust_add(node.replica(), peer_identity(number).author(), "peer" + std::to_string(number), false));
      }
    }
    server_.emplace(Child::start({{std::string(MUSHER_BIN_DIR) + "/musher-serve", "--log", path(), "--identity",
                                   (folder_ / "node.key").string(), "--listen", "127.0.0.1:" + std::to_string(port_)},
                                  "",
                                  {{"XDG_STATE_HOME", (folder_ / "state").string()}}}));
    REQUIRE(wait_until([&] { return listens(port_); }));
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Child& server() { return *server_; }

  /// A peer that proved its key and said how far it is.
  struct Peer {
    std::unique_ptr<RawClient> client;
    sync::Seal seal;

    /// Whatever it is, as this peer's.
    void send(std::string message) { client->send(frame(Opcode::binary, seal.close(std::move(message)))); }
  };
  [[nodiscard]] Peer proven(int number, const std::string& headers = "") const {
    const Identity identity = peer_identity(number);
    sync::Handshake handshake(sync::Role::dialer, {&identity, test_document(), random_id<LogId>()}, std::nullopt,
                              op_id_of(static_cast<std::uint8_t>(number)).hash,
                              [](const AuthorId&) { return Standing::allowed; });
    auto client = connect(port_, headers);
    send(*client, *handshake.opening());
    auto reply = handshake.take(*sync::decode(read_message(*client)));
    send(*client, std::get<sync::Handshake::Reply>(reply).message);
    reply = handshake.take(*sync::decode(read_message(*client)));
    REQUIRE(std::get<sync::Handshake::Reply>(reply).peer);
    Peer peer{std::move(client), std::get<sync::Handshake::Reply>(reply).seal.value()};
    peer.send(sync::encode(sync::Position{}));
    return peer;
  }

  /// It still listens, ends as it should, and its log has what it had. Returns what it logged.
  std::string check_unharmed() {
    CHECK(listens(port_));
    server_->signal(SIGTERM);
    ChildOutcome ended = server_->wait();
    INFO(ended.err);
    CHECK(ended.exit_code == 0);
    const auto after = SqliteOpLog::open(path(), OpenMode::read);
    REQUIRE(after);
    CHECK(*(*after)->count() == ops_);
    return std::move(ended.err);
  }

 private:
  [[nodiscard]] std::string path() const { return (folder_ / "node.db").string(); }

  TempFolder folder_;
  std::uint64_t ops_ = 0;
  std::uint16_t port_ = free_port();
  std::optional<Child> server_;
};

bool is_an_answer(std::uint16_t code) { return code == 1000 || code == 1009 || (code >= 4001 && code <= 4011); }

}  // namespace

TEST_CASE("sync: broken messages over a real socket are answered by a close code, and change nothing", "[sync]") {
  Target target(kPeers);
  // A mutator keeps its corpus: one for each kind of message that is broken.
  const std::vector<std::string> words = {"musher-sync", std::string(8, '\xff'), std::string(4, '\0'), "\x09"};
  std::mt19937 random(fuzz_seed(kSeed));
  const auto broken = [&](std::vector<std::string> corpus) {
    return Mutator(static_cast<unsigned>(random()), std::move(corpus), words).next();
  };
  Mutator messages(fuzz_seed(kSeed), corpus(), words);
  int refused = 0, too_long = 0;
  for (int number = 0; number < kHandshakes; ++number) {
    INFO("handshake " << number);
    const Identity identity = peer_identity(number);
    sync::Handshake handshake(sync::Role::dialer, {&identity, test_document(), random_id<LogId>()}, std::nullopt,
                              op_id_of(static_cast<std::uint8_t>(number)).hash,
                              [](const AuthorId&) { return Standing::allowed; });
    const auto client = connect(target.port());
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
    too_long += code == 1009 ? 1 : 0;
  }
  CHECK(too_long > 0);  // before a key is proven a message is no longer than a greeting
  CHECK(refused > kHandshakes / 2);

  int dropped = 0;
  for (int number = 0; number < kPeers; ++number) {
    INFO("peer " << number);
    auto peer = target.proven(number);
    for (std::size_t count = 1 + random() % 3; count > 0; --count) {
      peer.send(messages.next());
    }
    const std::uint16_t code = goodbye(*peer.client);
    CHECK(is_an_answer(code));
    dropped += code != 1000 ? 1 : 0;
  }
  CHECK(dropped > kPeers / 2);
  CHECK(dropped < kPeers);

  target.check_unharmed();
}

TEST_CASE(
    "sync: a message past 4 MiB is closed with 1009 before it is there, also one that is small until it is inflated",
    "[sync]") {
  constexpr std::size_t kMost = 4U << 20U;
  constexpr int kPeers = 24;
  const std::string bomb = deflated(std::string(16 * kMost, 'x'));
  REQUIRE(bomb.size() < 100'000);
  struct Case {
    std::string name;
    std::string bytes;
  };
  const Case cases[] = {
      {"2^63 bytes", length_header(0x82, 1ULL << 63U)},
      {"one byte too many, announced", length_header(0x82, kMost + 1)},
      {"fragments of more than that", frame(Opcode::binary, std::string(kMost / 2, 'x'), {.fin = false}) +
                                          frame(Opcode::more, std::string(kMost / 2 + 1, 'x'), {.fin = false})},
      {"a compression bomb", frame(Opcode::binary, bomb, {.reserved = 4})},
      {"a compression bomb in fragments",
       frame(Opcode::binary, bomb.substr(0, 10), {.fin = false, .reserved = 4}) + frame(Opcode::more, bomb.substr(10))},
  };
  Target target(kPeers);
  const auto close_code = [&](const std::unique_ptr<RawClient>& client, const Case& wrong) {
    client->send(wrong.bytes);
    return read_close_code(*client);
  };
  for (const Case& wrong : cases) {
    CAPTURE(wrong.name);
    CHECK(close_code(connect(target.port(), kOffersDeflate), wrong) == 1009);
  }
  for (int number = 0; number < kPeers; ++number) {
    const Case& wrong = cases[static_cast<std::size_t>(number) % std::size(cases)];
    CAPTURE(wrong.name);
    CHECK(close_code(target.proven(number, kOffersDeflate).client, wrong) == 1009);
  }
  {
    const Identity identity = peer_identity(kPeers - 1);
    sync::Handshake handshake(sync::Role::dialer, {&identity, test_document(), random_id<LogId>()}, std::nullopt,
                              op_id_of(1).hash, [](const AuthorId&) { return Standing::allowed; });
    const auto again = connect(target.port());
    send(*again, *handshake.opening());
    auto reply = handshake.take(*sync::decode(read_message(*again)));
    send(*again, std::get<sync::Handshake::Reply>(reply).message);
    CHECK(read_close_code(*again) == 4007);  // who did that is refused for a while
  }
  const std::string logged = target.check_unharmed();
  CHECK_THAT(logged, Catch::Contains("connection refused address=127.0.0.1:"));
  for (int number = 0; number < kPeers; ++number) {
    INFO(logged);
    CHECK(logged.find(to_hex(peer_identity(number).author().key)) != std::string::npos);
  }
}
