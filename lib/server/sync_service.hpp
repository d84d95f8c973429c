#pragma once
// Sync in a live server: the engine of lib/sync on the server's thread, with real sockets, and with threads for what
// takes long: one that reads the log, the writer, and one a core that verifies.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/identity.hpp"
#include "http/web_socket.hpp"
#include "server/live_log.hpp"
#include "server/metrics.hpp"
#include "server/writer.hpp"
#include "sync/engine.hpp"

namespace boost::asio {
class io_context;
}

namespace musher {

struct SyncOptions {
  Identity identity;
  std::vector<std::string> rendezvous{};  ///< ws:// and wss:// URLs of nodes to dial
  std::optional<std::string> token{};     ///< shown to them
  std::size_t most_connections = 256;
  std::filesystem::path state_dir{};
  std::function<void(const sync::Event&)> on_event{};
  /// Ops of an author who is not trusted began to wait: once an author.
  std::function<void(const AuthorId&, Standing)> on_waiting = [](const AuthorId&, Standing) {};
  /// An op says that it was written so long after it came: once an author who is heard.
  std::function<void(const AuthorId&, const OpId&, std::int64_t by_ms)> on_clock_ahead =
      [](const AuthorId&, const OpId&, std::int64_t) {};
  /// Ops of this node's own key turned out to be elsewhere, or came back: the last audit is out of date.
  std::function<void()> own_ops_changed = [] {};
  /// Applies what was appended; the row is in memory when it returns.
  std::function<void()> follow{};
};

class SyncService {
 public:
  /// All of it on the server's thread; io, live and writer outlive it. Nothing is dialed before the first tick.
  SyncService(boost::asio::io_context& io, LiveLog& live, Writer& writer, SyncOptions options);
  ~SyncService();
  SyncService(const SyncService&) = delete;
  SyncService& operator=(const SyncService&) = delete;

  /// How `/crdt-sync` is opened, and what happens to who comes in.
  [[nodiscard]] static http::WebSocketRoute route();
  void accept(std::shared_ptr<http::WebSocket> socket);

  /// token: shown to them from the next dial on.
  void set_rendezvous(std::vector<std::string> urls, std::optional<std::string> token);
  /// Every quarter of a second or so.
  void tick();
  /// After each catch-up: whom this node trusts may have changed, and an op that was elsewhere may have come.
  void followed(const LogChanges& changes);
  /// The log has turned bad: every connection is closed, and nobody is dialed until reopened().
  void log_is_bad();
  void reopened();
  /// Closes every connection. Then write_down(): what is known of peers is in the file when `done` is called.
  void stop();
  void write_down(std::function<void()> done);

  [[nodiscard]] std::vector<sync::PeerStatus> peers() const;
  /// Each address that is to be dialed, once, in the order given.
  [[nodiscard]] std::vector<AddressState> addresses() const;
  [[nodiscard]] sync::Engine::Totals totals() const;
  /// This node's own key has signed an op that this log has not got: local writes are refused meanwhile. Says so, for
  /// people.
  [[nodiscard]] std::optional<std::string> own_op_elsewhere() const;
  /// That, or a peer says so and has not shown it: local writes wait.
  [[nodiscard]] std::optional<std::string> why_no_write() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace musher
