#pragma once
// One client's connection: requests in, one after the other, each with its answer before the next is looked at.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/hub.hpp"
#include "http/request_parser.hpp"
#include "http/response_head.hpp"
#include "http/transport.hpp"

namespace musher::http {

class LiveExchange;
class LiveStream;

class Connection final : public TransportUser, public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(std::shared_ptr<Hub> hub, std::unique_ptr<Transport> transport, std::string peer);

  void start();
  /// Ends it now, whatever is going on; whoever works on its answer hears of it.
  void close();
  /// Enforces the time-outs and keeps streams alive; called every now and then.
  void check_time(Clock::time_point now);
  /// Closes it when no request is under way, and after the answer when one is.
  void drain();
  /// When it began to wait for a request, or for the rest of one; absent when it does not.
  [[nodiscard]] std::optional<Clock::time_point> waits_since() const;
  /// source_of() its peer.
  [[nodiscard]] const std::string& source() const { return source_; }
  /// The token of the stream that is open.
  [[nodiscard]] std::optional<Digest> stream_token() const;

  // for LiveExchange and LiveStream
  void respond(Response response);
  [[nodiscard]] std::shared_ptr<EventStream> begin_stream(const Headers& headers);
  void on_gone(std::function<void()> callback);
  void take_back(Request request);
  [[nodiscard]] bool send(std::string_view event_bytes);
  void finish_stream();

 private:
  enum class Phase : std::uint8_t {
    handshake,
    idle,  ///< waits for the first byte of a request
    headers,
    body,
    handling,  ///< a handler has the request
    writing,
    streaming,
    answered,   ///< the next request may begin
    lingering,  ///< the last answer is out: until the client has read it
    closed,
  };

  void on_handshake(Io outcome, const TlsFailure& failure) override;
  void on_read(Io outcome, std::size_t bytes) override;
  void on_write_progress() override;
  void on_written(Io outcome) override;

  void enter(Phase phase, std::chrono::milliseconds timeout);
  [[nodiscard]] bool receiving() const;
  [[nodiscard]] bool answering() const;  ///< a request was taken, and its answer is not complete
  [[nodiscard]] std::string_view unread() const { return {in_.data() + begin_, end_ - begin_}; }
  void next_request();
  void advance();
  /// A step of advance(). False: more bytes are needed.
  [[nodiscard]] bool take_step();
  void on_headers();
  void dispatch();
  /// The request asks for a WebSocket: the transport and what is unread go to it, and this ends.
  void upgrade();
  void refuse(const BadRequest& why, bool keep_alive);
  void want_read();
  [[nodiscard]] bool make_room();
  void on_input_end();

  void start_write();
  [[nodiscard]] std::string_view body() const { return rest_ ? std::string_view(*rest_) : body_; }
  void answer_written();
  void schedule_flush();
  void flush();
  void add_chunk(std::string_view bytes);
  void linger();
  void notify_gone();
  [[nodiscard]] Framing framing() const;

  // fixed after construction
  const std::shared_ptr<Hub> hub_;
  std::unique_ptr<Transport> transport_;  ///< null after upgrade()
  const std::string peer_;
  const std::string source_;

  // where it is
  Phase phase_ = Phase::idle;
  Clock::time_point since_{};     ///< entered phase_
  Clock::time_point deadline_{};  ///< of phase_
  bool advancing_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool input_ended_ = false;

  // input: in_[begin_, end_) is unread
  std::vector<char> in_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t lingered_bytes_ = 0;

  // the request
  RequestParser parser_;
  Request incoming_;
  const Route* route_ = nullptr;
  std::optional<Digest> token_;
  bool keep_alive_ = false;
  bool http_1_0_ = false;
  bool is_head_ = false;

  // its answer
  LiveExchange* exchange_ = nullptr;
  LiveStream* stream_ = nullptr;
  std::function<void()> gone_;
  std::string out_;                          ///< being written: head, or bytes of a stream
  std::string body_;                         ///< being written after out_
  std::shared_ptr<const std::string> rest_;  ///< being written in place of body_, which is in out_ then
  bool write_waits_ = false;                 ///< for an interim 100 that is still being written
  std::string queue_;                        ///< bytes of a stream, to be written next
  bool flush_scheduled_ = false;
  bool finishing_ = false;
  Clock::time_point last_write_{};
};

}  // namespace musher::http
