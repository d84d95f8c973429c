#include "mcp/stdio_link.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <optional>

#include "mcp/stdio_transport.hpp"

namespace musher::mcp {
namespace {

namespace asio = boost::asio;

/// A client that takes no answers while it asks on is dropped at this much.
constexpr std::size_t kMaxQueuedBytes = std::size_t{64} << 20U;
/// No more questions are read from a client that is this far behind.
constexpr std::size_t kEnoughQueuedBytes = std::size_t{1} << 20U;
constexpr std::size_t kChunk = std::size_t{64} << 10U;

/// A pipe, socket or terminal as Asio's. Whoever else has it open finds it afterwards as it was.
class Descriptor {
 public:
  Descriptor(asio::io_context& io, int descriptor)
      : flags_(fcntl(descriptor, F_GETFL)), stream_(io, fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (!stream_.is_open()) return;
    const int descriptor = stream_.release();
    fcntl(descriptor, F_SETFL, flags_);
    ::close(descriptor);
  }

  asio::posix::stream_descriptor& operator*() { return stream_; }

 private:
  int flags_;
  asio::posix::stream_descriptor stream_;
};

/// epoll takes pipes, sockets and terminals, and no files: reading or writing one never waits.
bool can_wait(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 && !S_ISREG(status.st_mode);
}

}  // namespace

struct StdioLink::State : std::enable_shared_from_this<State> {
  State(asio::io_context& loop, int in_descriptor, int out_descriptor, std::function<void(std::string_view)> on_closing)
      : io(loop), in_file(in_descriptor), out_file(out_descriptor), closing(std::move(on_closing)) {}

  void start(Server& server, http::Principal principal) {
    transport.emplace(
        server, std::move(principal), [this](std::string_view line) { return write(line); }, [this] { tell_if_done(); },
        [this] { asio::post(io, [self = shared_from_this()] { self->take(); }); });
    if (can_wait(in_file)) in.emplace(io, in_file);
    if (can_wait(out_file)) out.emplace(io, out_file);
    watch_reader();
    read();
  }

  /// A reader that goes is noticed though nothing is written to him.
  void watch_reader() {
    if (!out) return;
    (**out).async_wait(asio::posix::descriptor_base::wait_error,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                         pollfd reader{self->out_file, 0, 0};
                         if (!error && ::poll(&reader, 1, 0) > 0) self->lose();
                       });
  }

  void read() {
    reading = true;
    if (!in) {
      asio::post(io, [self = shared_from_this()] {
        const ssize_t size = ::read(self->in_file, self->chunk.data(), self->chunk.size());
        self->got(size > 0 ? static_cast<std::size_t>(size) : 0);
      });
      return;
    }
    (**in).async_read_some(asio::buffer(chunk),
                           [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
                             if (error == asio::error::operation_aborted) return;
                             self->got(error ? 0 : size);
                           });
  }

  /// 0: the input has ended.
  void got(std::size_t size) {
    reading = false;
    if (!transport || draining || gone) return;
    if (size == 0) {
      transport->end_of_input();  // its last line counts, and comes before the owner takes no more requests
      return close("stdin ended");
    }
    untaken = {chunk.data(), size};
    take();
  }

  /// Takes what was read, as far as there is room for it.
  void take() {
    if (!transport || draining || gone) return;
    untaken.remove_prefix(transport->feed(untaken));
    read_on();
  }

  /// Also the end of input is read when there is room: it is the end of all that stands before it.
  void read_on() {
    const bool wanted = transport && !draining && !gone && untaken.empty() && transport->has_room();
    if (wanted && !reading && queued.size() < kEnoughQueuedBytes) read();
  }

  bool write(std::string_view line) {
    if (gone) return false;
    if (!out) {
      while (!line.empty()) {
        const ssize_t size = ::write(out_file, line.data(), line.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return lose();
        line.remove_prefix(static_cast<std::size_t>(size));
      }
      return true;
    }
    if (queued.size() + line.size() > kMaxQueuedBytes) return lose();
    queued += line;
    if (writing.empty()) write_queued();
    return true;
  }

  void write_queued() {
    writing.swap(queued);
    queued.clear();
    asio::async_write(**out, asio::buffer(writing),
                      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                        if (error == asio::error::operation_aborted) return;
                        self->writing.clear();
                        if (error) {
                          self->lose();
                          return;
                        }
                        if (!self->queued.empty()) self->write_queued();
                        self->read_on();
                        self->tell_if_done();
                      });
  }

  /// The reader of stdout is gone. False, for write().
  bool lose() {
    if (std::exchange(gone, true)) return false;
    asio::post(io, [self = shared_from_this()] {
      if (self->transport) self->transport->cut_off();
      self->close("the reader of stdout is gone");
      self->tell_if_done();
    });
    return false;
  }

  void close(std::string_view why) {
    if (const auto call = std::exchange(closing, nullptr)) call(why);
  }

  void drain(std::function<void()> on_done) {
    draining = true;
    done = std::move(on_done);
    transport->end_of_input();
    tell_if_done();
  }

  void tell_if_done() {
    const bool written = gone || (writing.empty() && queued.empty());
    if (done == nullptr || !transport->ended() || !written) return;
    asio::post(io, std::exchange(done, nullptr));
  }

  // fixed after construction
  asio::io_context& io;
  int in_file;
  int out_file;
  // changes with what is read and written
  std::function<void(std::string_view)> closing;
  std::function<void()> done{};
  std::optional<StdioTransport> transport{};
  std::optional<Descriptor> in{};
  std::optional<Descriptor> out{};
  std::array<char, kChunk> chunk{};
  std::string_view untaken{};  ///< of chunk
  std::string queued{};
  std::string writing{};
  bool reading = false;
  bool draining = false;
  bool gone = false;
};

StdioLink::StdioLink(asio::io_context& io, Server& server, http::Principal principal, int in, int out,
                     std::function<void(std::string_view)> closing)
    : state_(std::make_shared<State>(io, in, out, std::move(closing))) {
  state_->start(server, std::move(principal));
}

StdioLink::~StdioLink() {
  state_->closing = nullptr;
  state_->done = nullptr;
  state_->transport.reset();
  state_->in.reset();
  state_->out.reset();
}

void StdioLink::drain(std::function<void()> done) { state_->drain(std::move(done)); }

}  // namespace musher::mcp
