#pragma once
// How a server is set up.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/token_file.hpp"

namespace musher::http {

/// What one client can take of the server. A request that passes a limit is answered with the status named, where it
/// can be, and its connection closed.
struct Limits {
  std::size_t header_bytes = 16U << 10U;  ///< request line and fields, without the body: 431; also 100 fields
  std::size_t body_bytes = 4U << 20U;     ///< 413
  /// A WebSocket that waits for the peer's goodbye makes room for a new one; then, of the source that holds most, the
  /// oldest connection that waits for a request or the rest of one; if there is none, the new one gets a 503.
  /// The process needs this many file descriptors and some.
  std::size_t connections = 800;
  std::size_t streams = 400;                         ///< 503
  std::size_t stream_queue_bytes = 1U << 20U;        ///< not yet taken by the client: when it has more, it is dropped
  std::chrono::milliseconds idle_timeout{75'000};    ///< between two requests, or before the first: closed
  std::chrono::milliseconds header_timeout{10'000};  ///< from a request's first byte to its last header: 408
  std::chrono::milliseconds body_timeout{30'000};    ///< from there to the last byte of the body: 408
  std::chrono::milliseconds write_timeout{30'000};   ///< without the client taking any of an answer: closed
  std::chrono::milliseconds stream_keep_alive{15'000};  ///< a comment on a stream on which nothing was sent for so long
  std::chrono::milliseconds linger_timeout{2'000};      ///< for a client to read its last answer before it is cut off
};

/// PEM files. The certificate may be followed by its chain.
struct TlsFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

/// A request that was refused: before any handler saw it, or by one that says so.
struct Refused {
  unsigned status = 0;  ///< 0: the answer has no status of its own
  std::string_view why;
  std::string_view peer;
  std::string_view principal{};  ///< as far as it is known
};

struct Options {
  Limits limits{};
  std::vector<std::string> allowed_hosts{};  ///< names for Host and Origin besides loopback's, without ports
  std::optional<TokenTable> tokens{};        ///< none: nobody is asked for a token
  std::optional<TlsFiles> tls{};
  std::function<void(const Refused&)> on_refused{};  ///< for logs and counters
};

}  // namespace musher::http
