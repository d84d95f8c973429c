#pragma once
// A client of raw bytes over TCP: it sends what no library would. Every wait has an end.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "support/wait_until.hpp"

namespace musher::testing {

/// One answer of a server. Header names in lower case.
struct RawResponse {
  int status = 0;
  std::string head;  ///< with the status line, without the blank line
  std::string body;  ///< chunks put together
  [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
};

class RawClient {
 public:
  /// Connects to 127.0.0.1. Throws when that fails.
  /// @param receive_buffer bytes; 0: the system's. A small one makes a slow reader.
  /// @param from of this machine: "127.0.0.2" is another client than "127.0.0.1".
  explicit RawClient(std::uint16_t port, int receive_buffer = 0, const char* from = nullptr);
  /// Over a connected socket, which it owns from now on.
  [[nodiscard]] static RawClient over(int socket);
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  RawClient(RawClient&& other) noexcept;
  ~RawClient();

  /// False when the server has closed the connection.
  bool send(std::string_view bytes);
  /// The next whole answer; nothing when the connection ends before, or patience does.
  /// @param to_head the answer is to a HEAD request: no body, whatever its Content-Length says.
  [[nodiscard]] std::optional<RawResponse> read_response(std::chrono::milliseconds patience = kPatience,
                                                         bool to_head = false);
  /// The status line and headers of an answer whose body is read otherwise.
  [[nodiscard]] std::optional<RawResponse> read_head(std::chrono::milliseconds patience = kPatience);
  /// Everything up to and with `mark`; what was read so far when the connection or patience ends before.
  [[nodiscard]] std::string read_until(std::string_view mark, std::chrono::milliseconds patience = kPatience);
  /// So many bytes; fewer when the connection or patience ends before.
  [[nodiscard]] std::string read_bytes(std::size_t bytes, std::chrono::milliseconds patience = kPatience);
  /// Everything to the end of the connection. ended() says whether it came.
  [[nodiscard]] std::string read_to_end(std::chrono::milliseconds patience = kPatience);
  [[nodiscard]] bool ended() const { return ended_; }
  /// Says that nothing more will be sent.
  void end_sending();
  void close();
  /// As a machine does that lost power and came back: the peer's connection breaks.
  void reset();

 private:
  RawClient() = default;
  bool read_some(std::chrono::steady_clock::time_point deadline);

  int socket_ = -1;
  bool ended_ = false;
  std::string unread_;
};

/// One request on a connection of its own.
[[nodiscard]] std::optional<RawResponse> ask(std::uint16_t port, std::string_view request);

}  // namespace musher::testing
