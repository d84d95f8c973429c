// sync_flood PORT LOG KEY KIND SECONDS [OPS]: a peer whose key is trusted and that sends what no honest node does, as
// fast as it is acknowledged, for so long, or so many ops. LOG: any log of the document. Prints the ops it sent. KIND:
//   orphans    its own valid ops, on top of ops that never come
//   wide       the same, each on 64 of them
//   strangers  a valid op of a new key each
//   repeated   one valid op over and over
//   fleeting   as many bytes as a connection may have waiting, most of one message more, and the next connection,
//              without waiting for anything
//   junk       frames of random bytes, each on a new connection
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <numeric>
#include <random>

#include "crypto/hashing.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "support/raw_client.hpp"
#include "support/web_socket_peer.hpp"
#include "sync/handshake.hpp"
#include "sync/outbound.hpp"

namespace {

using namespace musher;
using namespace musher::testing;

constexpr std::size_t kOpsInMessage = 250;
constexpr std::size_t kPrepared = 250'000;         // more than a quarantine holds
constexpr std::size_t kStrangersInSecond = 5'000;  // more than a server of two cores takes: no key comes twice
constexpr std::size_t kPreparedWide = 30'000;
constexpr std::size_t kLeft = 200;
constexpr std::size_t kFleetingOps = 12;
constexpr std::size_t kFleetingBytes = 900'000;

template <class Value>
Value must(Result<Value> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "sync_flood: %s\n", result.error().what.c_str());
  std::exit(1);
}

OpId random_op_id(std::mt19937_64& random) {
  OpId id;
  std::ranges::generate(id.hash, [&] { return static_cast<std::uint8_t>(random()); });
  return id;
}

std::size_t ops_to_prepare(const std::string& kind, std::size_t seconds) {
  if (kind == "repeated") return 1;
  if (kind == "fleeting") return kFleetingOps;
  if (kind == "wide") return kPreparedWide;
  if (kind == "strangers") return std::max(kPrepared, kStrangersInSecond * seconds);
  return kPrepared;
}

std::vector<SignedOp> prepare(const std::string& kind, std::size_t count, const Identity& identity,
                              const DocumentId& document) {
  std::mt19937_64 random(1);
  std::vector<SignedOp> ops;
  for (std::size_t i = 0; i < count; ++i) {
    Op op;
    op.document = document;
    op.kind = OpKind::insert;
    op.index = OpIndex{1};
    op.seq = Seq{1};
    op.name = "flood_" + std::to_string(i);
    std::string content = "{}";
    if (kind == "fleeting") {
      content = "{\"a\":[0";
      while (content.size() < kFleetingBytes) content += ",0";
      content += "]}";
    }
    if (kind == "orphans" || kind == "wide" || kind == "fleeting") {
      op.index = OpIndex{1'000'000 + i};
      op.prev = random_op_id(random);
    }
    if (kind == "wide") {
      for (int parent = 0; parent < 64; ++parent) op.parents.push_back(random_op_id(random));
      std::ranges::sort(op.parents);
    }
    const auto made = kind == "strangers" ? sign_op(Identity::generate(), op, content) : sign_op(identity, op, content);
    if (!made) {
      std::fputs("sync_flood: an op that cannot be signed\n", stderr);
      std::exit(1);
    }
    ops.push_back(made->claim());
  }
  return ops;
}

struct Connection {
  RawClient client;
  sync::Seal seal{{}, {}};

  bool send(std::string message) { return client.send(frame(Opcode::binary, seal.close(std::move(message)))); }
  /// What a frame of the server's says.
  [[nodiscard]] std::optional<sync::Message> read(const Frame& frame) {
    const auto opened = seal.open(frame.payload);
    if (!opened) return std::nullopt;
    auto message = sync::decode(*opened);
    return message ? std::optional(*std::move(message)) : std::nullopt;
  }
};

/// Beyond the handshake.
Connection connect(std::uint16_t port, const Identity& identity, const LogInfo& log) {
  Connection connection{RawClient(port)};
  RawClient& client = connection.client;
  client.send(upgrade_request("/crdt-sync", "Sec-WebSocket-Protocol: musher-sync.1\r\n"));
  static_cast<void>(client.read_until("\r\n\r\n"));
  sync::Handshake handshake(sync::Role::dialer, {&identity, log.document, log.log}, std::nullopt,
                            random_id<Digest>().bytes, [](const AuthorId&) { return Standing::allowed; });
  client.send(frame(Opcode::binary, *handshake.opening()));
  for (int step = 0; step < 2; ++step) {
    const auto answer = read_frame(client);
    if (!answer) return connection;
    const auto message = sync::decode(answer->payload);
    if (!message) return connection;
    const auto reply = handshake.take(*message);
    const auto* next = std::get_if<sync::Handshake::Reply>(&reply);
    if (next == nullptr) return connection;
    if (!next->message.empty()) client.send(frame(Opcode::binary, next->message));
    if (next->seal) connection.seal = *next->seal;
  }
  // It never read the server's log, and has nothing in its own: then both know where they stand.
  connection.send(sync::encode(sync::Position{}));
  connection.send(sync::encode(sync::Tips{1, LogMark{}, {}, true}));
  while (const auto next = read_frame(client)) {
    if (next->opcode == Opcode::close) break;
    if (next->opcode != Opcode::binary) continue;
    const auto message = connection.read(*next);
    if (!message || std::holds_alternative<sync::Tips>(*message)) break;
  }
  return connection;
}

/// Takes what comes until a message of ours is acknowledged. False: the connection ended.
bool wait_for_ack(Connection& connection, std::uint64_t& acknowledged) {
  RawClient& client = connection.client;
  while (const auto next = read_frame(client)) {
    if (next->opcode == Opcode::close) {
      std::fprintf(stderr, "sync_flood: closed with %u: %s\n", next->code(),
                   next->payload.substr(std::min<std::size_t>(2, next->payload.size())).c_str());
      return false;
    }
    if (next->opcode == Opcode::ping) client.send(frame(Opcode::pong, next->payload));
    if (next->opcode != Opcode::binary) continue;
    const auto message = connection.read(*next);
    if (!message) return false;
    if (const auto* ops = std::get_if<sync::Ops>(&*message)) connection.send(sync::encode(sync::Ack{ops->serial}));
    if (const auto* ack = std::get_if<sync::Ack>(&*message)) {
      acknowledged = ack->serial;
      return true;
    }
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) {
    std::fputs("usage: sync_flood PORT LOG KEY orphans|wide|strangers|repeated|fleeting|junk SECONDS [OPS]\n", stderr);
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  const auto log = must(SqliteOpLog::open(argv[2], OpenMode::read));
  const auto identity = must(Identity::load(argv[3]));
  const std::string kind = argv[4];
  const bool junk = kind == "junk";
  const int seconds = std::atoi(argv[5]);
  const std::uint64_t most = argc == 7 ? std::strtoull(argv[6], nullptr, 10) : UINT64_MAX;
  const std::size_t wanted = ops_to_prepare(kind, static_cast<std::size_t>(seconds));
  const std::size_t count = junk ? 0 : std::min<std::uint64_t>(wanted, most);
  const auto ops = prepare(kind, count, identity, log->info().document);
  std::vector<std::string> messages;  // of fleeting: the same on each connection
  for (std::uint64_t serial = 1; kind == "fleeting" && serial <= ops.size(); ++serial)
    messages.push_back(sync::encode(sync::Ops{serial, std::nullopt, {ops[serial - 1]}}));
  std::string most_of_one;
  if (kind == "fleeting") {
    most_of_one = frame(Opcode::binary, std::string(sync::kMaxMessageBytes, '\0'));
    most_of_one.pop_back();
  }
  std::puts("ready");
  std::fflush(stdout);
  std::mt19937_64 random(2);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::uint64_t sent = 0, connections = 0;
  std::deque<RawClient> left;  // of fleeting: not closed at this end
  const auto goes_on = [&] { return std::chrono::steady_clock::now() < end && sent < most; };
  while (goes_on()) {
    Connection connection = connect(port, identity, log->info());
    RawClient& client = connection.client;
    ++connections;
    std::uint64_t serial = 0, acknowledged = 0;
    std::deque<std::size_t> under_way;  // bytes of each message
    const auto window_is_full = [&, window = sync::Limits()] {
      return under_way.size() * kOpsInMessage >= window.window_ops ||
             std::accumulate(under_way.begin(), under_way.end(), std::size_t{0}) >= window.window_bytes;
    };
    std::size_t at = 0;
    while (goes_on()) {
      if (junk) {
        std::string bytes(1'000, '\0');
        std::ranges::generate(bytes, [&] { return static_cast<char>(random()); });
        connection.send(bytes);
        static_cast<void>(read_close_code(client));
        break;
      }
      if (kind == "fleeting") {
        for (const std::string& message : messages) connection.send(message);
        client.send(most_of_one);
        sent += ops.size();
        left.push_back(std::move(client));
        if (left.size() > kLeft) left.pop_front();
        break;
      }
      sync::Ops message{++serial, std::nullopt, {}};
      while (message.ops.size() < kOpsInMessage) message.ops.push_back(ops[at++ % ops.size()]);
      const std::string bytes = sync::encode(message);
      if (!connection.send(bytes)) break;
      sent += message.ops.size();
      under_way.push_back(bytes.size());
      bool connected = true;
      while (connected && window_is_full()) {
        connected = wait_for_ack(connection, acknowledged);
        while (under_way.size() > serial - acknowledged) under_way.pop_front();
      }
      if (!connected) break;
    }
  }
  std::printf("%llu ops, %llu connections\n", static_cast<unsigned long long>(sent),
              static_cast<unsigned long long>(connections));
  return 0;
}
