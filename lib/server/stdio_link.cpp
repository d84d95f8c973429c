#include "server/stdio_link.hpp"

#include <fcntl.h>
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

namespace musher {
namespace {

namespace asio = boost::asio;

/// A client that takes no answers while it asks on is dropped at this much.
constexpr std::size_t kMaxQueuedBytes = std::size_t{64} << 20U;
constexpr std::size_t kChunk = std::size_t{64} << 10U;

/// epoll takes pipes, sockets and terminals, and no files: reading or writing one never waits.
bool can_wait(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 && !S_ISREG(status.st_mode);
}

}  // namespace

struct StdioLink::State : std::enable_shared_from_this<State> {
  State(asio::io_context& loop, std::function<void()> done) : io(loop), ended(std::move(done)) {}

  void start(mcp::Server& server, http::Principal principal) {
    transport.emplace(server, std::move(principal), [this](std::string_view line) { return write(line); });
    // Duplicates: O_NONBLOCK and closing are ours, as far as the system lets them be.
    if (can_wait(STDIN_FILENO)) in.emplace(io, dup(STDIN_FILENO));
    if (can_wait(STDOUT_FILENO)) out.emplace(io, dup(STDOUT_FILENO));
    read();
  }

  void read() {
    if (!in) {
      asio::post(io, [self = shared_from_this()] {
        const ssize_t size = ::read(STDIN_FILENO, self->chunk.data(), self->chunk.size());
        self->got(size > 0 ? static_cast<std::size_t>(size) : 0);
      });
      return;
    }
    in->async_read_some(asio::buffer(chunk),
                        [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
                          if (error == asio::error::operation_aborted) return;
                          self->got(error ? 0 : size);
                        });
  }

  /// 0: the input has ended.
  void got(std::size_t size) {
    if (!transport) return;
    if (size == 0) {
      transport->end_of_input();
      input_ended = true;
      return finish_if_done();
    }
    transport->feed({chunk.data(), size});
    if (gone || transport->ended()) return finish();
    read();
  }

  bool write(std::string_view line) {
    if (gone) return false;
    if (!out) {
      while (!line.empty()) {
        const ssize_t size = ::write(STDOUT_FILENO, line.data(), line.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return !(gone = true);
        line.remove_prefix(static_cast<std::size_t>(size));
      }
      return true;
    }
    if (queued.size() + line.size() > kMaxQueuedBytes) {
      lose();
      return false;
    }
    queued += line;
    if (writing.empty()) write_queued();
    return true;
  }

  void write_queued() {
    writing.swap(queued);
    queued.clear();
    asio::async_write(*out, asio::buffer(writing),
                      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                        if (error == asio::error::operation_aborted) return;
                        self->writing.clear();
                        if (error) return self->lose();
                        if (!self->queued.empty()) return self->write_queued();
                        if (self->input_ended) self->finish();
                      });
  }

  /// The reader of stdout is gone.
  void lose() {
    gone = true;
    asio::post(io, [self = shared_from_this()] { self->finish(); });
  }

  void finish_if_done() {
    if (writing.empty() && queued.empty()) finish();
  }

  void finish() {
    if (auto call = std::exchange(ended, nullptr)) call();
  }

  asio::io_context& io;
  std::function<void()> ended;
  std::optional<mcp::StdioTransport> transport{};
  std::optional<asio::posix::stream_descriptor> in{};
  std::optional<asio::posix::stream_descriptor> out{};
  std::array<char, kChunk> chunk{};
  std::string queued{};
  std::string writing{};
  bool input_ended = false;
  bool gone = false;
};

StdioLink::StdioLink(asio::io_context& io, mcp::Server& server, http::Principal principal, std::function<void()> ended)
    : state_(std::make_shared<State>(io, std::move(ended))) {
  state_->start(server, std::move(principal));
}

StdioLink::~StdioLink() {
  state_->ended = nullptr;
  state_->transport.reset();
  if (state_->in) state_->in->close();
  if (state_->out) state_->out->close();
}

}  // namespace musher
