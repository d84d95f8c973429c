#include "http/wire.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

#include "http/tls_client.hpp"

namespace musher::http {
namespace {

namespace asio = boost::asio;

/// Who asks for less gets it from what was read ahead: Beast asks for 1.5 KB when it inflates or looks for a frame.
constexpr std::size_t kReadAhead = 16U << 10U;

}  // namespace

/// One operation under way, and who waits for it.
class Wire::Operation : public TransportUser {
 public:
  Operation(std::shared_ptr<Wire> wire, Done done) : wire_(std::move(wire)), done_(std::move(done)) {
    ++wire_->under_way_;
  }
  ~Operation() override {
    if (--wire_->under_way_ == 0 && wire_->then_) asio::post(wire_->io_, std::exchange(wire_->then_, nullptr));
  }

  void on_handshake(Io, const TlsFailure&) override {}
  void on_read(Io, std::size_t) override {}
  void on_write_progress() override {}
  void on_written(Io) override {}

 protected:
  void finish(Io outcome, std::size_t bytes) {
    if (wire_->closed_) outcome = Io::failed;
    done_(outcome, outcome == Io::ok ? bytes : 0);
  }

  const std::shared_ptr<Wire> wire_;

 private:
  Done done_;
};

class Wire::Reading final : public Operation {
 public:
  Reading(std::shared_ptr<Wire> wire, std::span<char> into, Done done)
      : Operation(std::move(wire), std::move(done)), into_(into) {}

  void begin(const std::shared_ptr<Reading>& self) {
    if (wire_->begin_ < wire_->end_) {
      const std::size_t bytes = take();
      asio::post(wire_->io_, [self, bytes] { self->finish(Io::ok, bytes); });
    } else if (reads_ahead()) {
      wire_->ahead_.resize(kReadAhead);
      wire_->transport_->read(wire_->ahead_, self);
    } else {
      wire_->transport_->read(into_, self);
    }
  }

  void on_read(Io outcome, std::size_t bytes) override {
    if (outcome == Io::ok) wire_->heard_ = Clock::now();
    if (wire_->heard_bytes_ == 0) {
      const char* const heard = reads_ahead() ? wire_->ahead_.data() : into_.data();
      wire_->heard_tls_alert_ = is_tls_alert({heard, bytes});
    }
    wire_->heard_bytes_ += bytes;
    if (outcome == Io::ok && reads_ahead() && !wire_->closed_) {
      wire_->begin_ = 0;
      wire_->end_ = bytes;
      bytes = take();
    }
    finish(outcome, bytes);
  }

 private:
  [[nodiscard]] bool reads_ahead() const { return into_.size() < kReadAhead; }
  std::size_t take() {
    const std::size_t bytes = std::min(into_.size(), wire_->end_ - wire_->begin_);
    std::copy_n(wire_->ahead_.data() + wire_->begin_, bytes, into_.data());
    wire_->begin_ += bytes;
    return bytes;
  }

  const std::span<char> into_;
};

class Wire::Writing final : public Operation {
 public:
  using Operation::Operation;

  void begin(const std::shared_ptr<Writing>& self, std::string_view first, std::string_view second) {
    wire_->taken_ = Clock::now();
    if (const std::size_t taken = wire_->transport_->write_now(first, second); taken > 0) {
      asio::post(wire_->io_, [self, taken] { self->finish(Io::ok, taken); });
    } else {
      bytes_ = first.size() + second.size();
      wire_->transport_->write(first, second, self);
    }
  }

  void on_write_progress() override { wire_->taken_ = Clock::now(); }
  void on_written(Io outcome) override { finish(outcome, bytes_); }

 private:
  std::size_t bytes_ = 0;
};

class Wire::Ending final : public Operation, public std::enable_shared_from_this<Ending> {
 public:
  using Operation::Operation;

  void begin() {
    wire_->transport_->end_writing(shared_from_this());
    read_on();
  }

  void on_read(Io outcome, std::size_t) override {
    if (outcome == Io::ok && !wire_->closed_) return read_on();
    finish(Io::ok, 0);
  }

 private:
  void read_on() {
    wire_->ahead_.resize(kReadAhead);
    wire_->transport_->read(wire_->ahead_, shared_from_this());
  }
};

Wire::Wire(asio::io_context& io, std::unique_ptr<Transport> transport, std::string_view unread)
    : io_(io),
      transport_(std::move(transport)),
      ahead_(unread.begin(), unread.end()),
      end_(unread.size()),
      heard_(Clock::now()),
      taken_(heard_) {}

void Wire::read(std::span<char> into, Done done) {
  const auto reading = std::make_shared<Reading>(shared_from_this(), into, std::move(done));
  reading->begin(reading);
}

void Wire::write(std::string_view first, std::string_view second, Done done) {
  const auto writing = std::make_shared<Writing>(shared_from_this(), std::move(done));
  writing->begin(writing, first, second);
}

void Wire::end(Done done) {
  ending_since_ = Clock::now();
  std::make_shared<Ending>(shared_from_this(), std::move(done))->begin();
}

void Wire::stop_ending() { transport_->close(); }

void Wire::close(std::function<void()> then) {
  closed_ = true;
  transport_->close();
  if (under_way_ == 0) {
    asio::post(io_, std::move(then));
  } else {
    then_ = std::move(then);
  }
}

}  // namespace musher::http
