#pragma once
// The transport of a WebSocket: it reads ahead, knows when it was heard last, and ends without a trace.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "http/transport.hpp"

namespace boost::asio {
class io_context;
}

namespace musher::http {

/// Who waits for an operation is held by the operation, never by the wire: whatever happens to the io_context, no cycle
/// is left.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = std::move_only_function<void(Io, std::size_t)>;

  /// @param unread was read from the transport already, and is read first.
  Wire(boost::asio::io_context& io, std::unique_ptr<Transport> transport, std::string_view unread);

  // At most one read and one write at a time; done is never called from within these calls.
  void read(std::span<char> into, Done done);
  /// Writes some of both.
  void write(std::string_view first, std::string_view second, Done done);
  /// Says that nothing more will be written, and reads past whatever still comes: a connection that is closed with
  /// input unread is reset, and the peer might lose what was written last.
  void end(Done done);
  /// end() is done now, whatever the peer still sends.
  void stop_ending();
  /// Cuts it off. `then` is called later, when nothing uses a caller's memory any more.
  void close(std::function<void()> then);

  [[nodiscard]] boost::asio::io_context& io() const { return io_; }
  [[nodiscard]] Transport& transport() { return *transport_; }
  [[nodiscard]] Clock::time_point heard() const { return heard_; }  ///< something came
  [[nodiscard]] std::uint64_t heard_bytes() const { return heard_bytes_; }
  [[nodiscard]] bool heard_tls_alert() const { return heard_tls_alert_; }  ///< instead of anything else
  [[nodiscard]] Clock::time_point taken() const { return taken_; }  ///< something was taken, or began to be written
  [[nodiscard]] std::optional<Clock::time_point> ending_since() const { return ending_since_; }

 private:
  class Operation;
  class Reading;
  class Writing;
  class Ending;

  // fixed after construction
  boost::asio::io_context& io_;
  const std::unique_ptr<Transport> transport_;

  // changes
  std::vector<char> ahead_;  ///< ahead_[begin_, end_) is read and not asked for yet
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Clock::time_point heard_, taken_;
  std::uint64_t heard_bytes_ = 0;
  bool heard_tls_alert_ = false;
  std::optional<Clock::time_point> ending_since_;
  int under_way_ = 0;
  bool closed_ = false;
  std::function<void()> then_;
};

}  // namespace musher::http
