#pragma once
// The live server: one thread that owns the document and answers, one that writes, a few for long work.

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/identity.hpp"
#include "http/options.hpp"
#include "model/point_in_time.hpp"
#include "model/result.hpp"
#include "replica/host.hpp"

namespace musher {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// One line of the server's own log: an event and what it is about.
using LogFields = std::vector<std::pair<std::string_view, std::string>>;
using LogSink = std::function<void(LogLevel level, std::string_view event, const LogFields& fields)>;

struct ListenAddress {
  std::string address;  ///< in digits: "127.0.0.1", "::1"
  std::uint16_t port = 0;
};

constexpr std::chrono::hours kAuditInterval{1};

struct ServeOptions {
  std::filesystem::path log;
  /// The key to sign with; asked once the log is open, so that a wrong path is said first. Empty: read-only.
  std::function<Result<Identity>()> load_identity{};
  Host host;
  std::chrono::milliseconds lock_timeout{10'000};
  bool allow_unconfirmed_purge = false;
  std::chrono::milliseconds audit_interval = kAuditInterval;  ///< of the whole log; 0: only at start
  std::function<Result<PointInTime>(std::string_view text)> parse_point;

  std::vector<ListenAddress> listen{};
  std::vector<int> inherited{};  ///< listening sockets that a service manager left to this process
  bool stdio = false;            ///< one client on stdin and stdout; ends when stdin does
  http::Options http{};
  std::vector<std::string> rendezvous{};          ///< ws:// and wss:// URLs of nodes to sync with
  std::optional<std::string> rendezvous_token{};  ///< shown to them
  /// What can change without a new start; read again on SIGHUP. An error: everything stays as it was.
  struct Reloaded {
    std::optional<http::TokenTable> tokens{};  ///< none: those there are stay
    std::vector<std::string> allowed_hosts{};
    bool allow_unconfirmed_purge = false;
    std::vector<std::string> rendezvous{};
    std::optional<std::string> rendezvous_token{};
    std::chrono::milliseconds audit_interval = kAuditInterval;
    std::vector<std::string> needs_restart{};  ///< keys of what has changed and is read at start alone
  };
  std::function<Result<Reloaded>()> reload{};
  std::chrono::milliseconds drain{5'000};  ///< for what was begun to be answered, at the end
};

/// Serves until SIGTERM, SIGINT or, with stdio, the end of stdin; answers what was begun then. With stdio it also ends
/// when the reader of stdout is gone. SIGHUP reads the configuration and the tokens again, and opens the log again if
/// it had turned bad. Tells a service manager (sd_notify) when it is ready, how it is and that it lives.
/// @errors as SqliteOpLog::open and load_identity.  refused: the own key is not trusted in this log.  io: a port cannot
/// be had.  usage.
[[nodiscard]] Result<void> serve(ServeOptions options, const LogSink& log);

}  // namespace musher
