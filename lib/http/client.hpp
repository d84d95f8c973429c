#pragma once
// Requests to a server, one at a time: each on a connection of its own, so that none meets one that has gone stale.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/server_url.hpp"
#include "model/result.hpp"

namespace musher::http {

struct Reply {
  unsigned status = 0;
  std::string content_type;
  std::string body;
};

/// What a request asks for: when the answer is lost, one that writes may have done so.
enum class Effect : std::uint8_t { reads, writes };

struct ClientLimits {
  std::chrono::milliseconds connect{10'000};  ///< to have a connection
  std::chrono::milliseconds answer{60'000};   ///< from then on, to have the whole answer
  std::size_t body_bytes = 16U << 20U;
};

class Client {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit Client(ServerUrl url, std::optional<std::string> token = {}, ClientLimits limits = {})
      : url_(std::move(url)), token_(std::move(token)), limits_(limits) {}

  /// POSTs to /mcp and waits for the answer. The server's certificate is verified against the authorities of
  /// http/authorities.hpp, and its name against the URL's.
  /// @errors usage: the authorities cannot be read.  io: no connection, no valid certificate, or it broke; the hint
  /// says so when the server may have done what
  ///   it was asked.  busy: a time limit.
  [[nodiscard]] Result<Reply> post(std::string_view body, const Headers& headers, Effect effect) const;

  [[nodiscard]] const ServerUrl& url() const { return url_; }

 private:
  ServerUrl url_;
  std::optional<std::string> token_;
  ClientLimits limits_;
};

}  // namespace musher::http
