#pragma once
// A transport as a stream that Beast reads and writes: one type for TCP and TLS, so that its templates are compiled
// once. For the .cpp file that includes Beast.

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/role.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/transport.hpp"

namespace musher::http {

/// What is below the stream. Who waits for an operation is held by the operation, never by the wire: whatever happens
/// to the io_context, no cycle is left.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = std::move_only_function<void(boost::system::error_code, std::size_t)>;

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
  std::optional<Clock::time_point> ending_since_;
  int under_way_ = 0;
  bool closed_ = false;
  std::function<void()> then_;
};

class TransportStream {
 public:
  using executor_type = boost::asio::io_context::executor_type;

  explicit TransportStream(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}

  [[nodiscard]] executor_type get_executor() const noexcept { return wire_->io().get_executor(); }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    const auto last = boost::asio::buffer_sequence_end(buffers);
    boost::asio::mutable_buffer into;
    for (auto at = boost::asio::buffer_sequence_begin(buffers); at != last && into.size() == 0; ++at) into = *at;
    wire_->read({static_cast<char*>(into.data()), into.size()}, std::forward<Handler>(handler));
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    const auto last = boost::asio::buffer_sequence_end(buffers);
    std::string_view first, second;
    for (auto at = boost::asio::buffer_sequence_begin(buffers); at != last && second.empty(); ++at) {
      const boost::asio::const_buffer buffer(*at);
      const std::string_view bytes(static_cast<const char*>(buffer.data()), buffer.size());
      (first.empty() ? first : second) = bytes;
    }
    wire_->write(first, second, std::forward<Handler>(handler));
  }

  /// How Beast ends a stream of its own accord.
  template <class Handler>
  friend void async_teardown(boost::beast::role_type, TransportStream& stream, Handler&& handler) {
    stream.wire_->end([handler = std::forward<Handler>(handler)](boost::system::error_code error, std::size_t) mutable {
      handler(error);
    });
  }
  friend void beast_close_socket(TransportStream& stream) {
    stream.wire_->close([] {});
  }

 private:
  std::shared_ptr<Wire> wire_;
};

}  // namespace musher::http
