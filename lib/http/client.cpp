#include "http/client.hpp"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>

#include "http/asio_transport.hpp"
#include "http/tls_client.hpp"
#include "http/unreached.hpp"

namespace musher::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Request = beast::http::request<beast::http::string_body>;

constexpr std::size_t kReadChunk = 64U << 10U;

std::string bytes_of(const Request& request) {
  std::string bytes;
  beast::http::serializer<true, beast::http::string_body> serializer(request);
  for (error_code error; !error && !serializer.is_done();) {
    serializer.next(error, [&](error_code&, const auto& buffers) {
      for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers); ++at) {
        const asio::const_buffer buffer(*at);
        bytes.append(static_cast<const char*>(buffer.data()), buffer.size());
      }
      serializer.consume(beast::buffer_bytes(buffers));
    });
  }
  return bytes;
}

/// How an operation of a transport ended, once it has.
class Ending final : public TransportUser {
 public:
  void on_handshake(Io outcome, const TlsFailure& failure) override {
    outcome_ = outcome;
    failure_ = failure;
  }
  void on_read(Io outcome, std::size_t bytes) override {
    outcome_ = outcome;
    bytes_ = bytes;
  }
  void on_write_progress() override {}
  void on_written(Io outcome) override { outcome_ = outcome; }

  [[nodiscard]] const std::optional<Io>& outcome() const { return outcome_; }
  [[nodiscard]] const TlsFailure& failure() const { return failure_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::optional<Io> outcome_;
  TlsFailure failure_;
  std::size_t bytes_ = 0;
};

/// One request and its answer.
class Attempt {
 public:
  Attempt(const ServerUrl& url, const ClientLimits& limits, Effect effect)
      : url_(url), limits_(limits), effect_(effect) {}

  Result<Reply> run(const std::string& request) {
    deadline_ = Clock::now() + limits_.connect;
    if (url_.tls) MUSHER_CHECK(prepare_client_tls(tls_.emplace(asio::ssl::context::tls_client)));
    MUSHER_CHECK(connect());
    error_code error;
    const bool is_v6 = socket_.remote_endpoint(error).address().is_v6();
    const int socket = error ? -1 : socket_.release(error);
    if (error) return cannot_reach(error);
    transport_ = make_client_transport(io_, socket, is_v6, tls_ ? &*tls_ : nullptr, url_.host);
    const auto shaken = std::make_shared<Ending>();
    if (transport_->handshake(shaken)) {
      if (!waited_for(*shaken)) {
        abandon();
        return not_done_in_time("no TLS connection");
      }
      if (shaken->outcome() != Io::ok)
        return no_tls("the server " + url_.text(), url_.with_tls(false).text(), shaken->failure());
    }
    deadline_ = Clock::now() + limits_.answer;
    return exchange(request);
  }

 private:
  /// Runs until `done` or the deadline: whether it is.
  template <class Done>
  bool run_until(const Done& done) {
    io_.restart();
    while (!done() && io_.run_one_until(deadline_) > 0) {
    }
    return done();
  }
  /// False: the deadline came first. No other operation may follow then.
  bool waited_for(const Ending& ending) {
    return run_until([&] { return ending.outcome().has_value(); });
  }

  std::unexpected<Error> cannot_reach(const error_code& error) const {
    return http::cannot_reach("the server " + url_.text(), url_, error);
  }
  std::unexpected<Error> not_done_in_time(std::string_view what) const {
    return fail(Errc::busy, fmt::format("{} with the server {} in time", what, url_.text()), try_again());
  }
  [[nodiscard]] std::string try_again() const { return "try again; curl " + url_.text() + "/readyz"; }
  /// After a request that had no answer.
  [[nodiscard]] std::string what_now() const {
    if (effect_ == Effect::reads) return try_again();
    return "whether it has done what it was asked is not known; ask it: musher inspect --server " + url_.text();
  }
  std::unexpected<Error> broke(const error_code& error, bool heard_tls_alert, bool heard_nothing) const {
    const std::string with_tls = url_.with_tls(true).text();
    if (!url_.tls && heard_tls_alert)
      return fail(Errc::io, fmt::format("the port of {} speaks TLS", url_.text()), "with TLS: " + with_tls);
    std::string hint = what_now();
    if (!url_.tls && heard_nothing) hint = fmt::format("if that port speaks TLS: {}; else {}", with_tls, hint);
    return fail(Errc::io, fmt::format("the connection to {} broke: {}", url_.text(), error.message()), std::move(hint));
  }

  Result<void> connect() {
    struct Found {
      std::optional<error_code> error;
      tcp::resolver::results_type endpoints;
    };
    const auto found = std::make_shared<Found>();
    resolver_.async_resolve(url_.host, url_.port, [found](error_code error, tcp::resolver::results_type endpoints) {
      found->endpoints = std::move(endpoints);
      found->error = error;
    });
    if (!run_until([&] { return found->error.has_value(); })) return not_done_in_time("no connection");
    if (*found->error) return cannot_reach(*found->error);
    found->error.reset();
    asio::async_connect(socket_, found->endpoints,
                        [found](error_code error, const tcp::endpoint&) { found->error = error; });
    if (!run_until([&] { return found->error.has_value(); })) return not_done_in_time("no connection");
    if (*found->error) return cannot_reach(*found->error);
    return {};
  }

  Result<Reply> exchange(const std::string& request) {
    const auto sent = std::make_shared<Ending>();
    transport_->write(request, {}, sent);
    // A server that refuses a request may answer before it has read all of it: what became of the writing is no matter.
    const bool is_answered = waited_for(*sent);
    beast::flat_buffer buffer;
    beast::http::response_parser<beast::http::string_body> parser;
    parser.eager(true);
    parser.body_limit(limits_.body_bytes);
    error_code error;
    bool heard_tls_alert = false;
    while (is_answered && !error && !parser.is_done()) {
      const auto chunk = buffer.prepare(kReadChunk);
      const auto read = std::make_shared<Ending>();
      transport_->read({static_cast<char*>(chunk.data()), chunk.size()}, read);
      if (!waited_for(*read)) break;
      if (!parser.got_some()) heard_tls_alert = is_tls_alert({static_cast<char*>(chunk.data()), read->bytes()});
      buffer.commit(read->bytes());
      take(buffer, parser, *read->outcome(), error);
    }
    if (!error && !parser.is_done()) {
      abandon();
      return fail(Errc::busy, fmt::format("the server {} does not answer", url_.text()), what_now());
    }
    if (error) return broke(error, heard_tls_alert, !parser.got_some());
    const auto& message = parser.get();
    return Reply{message.result_int(), std::string(message[beast::http::field::content_type]), message.body()};
  }

  static void take(beast::flat_buffer& buffer, beast::http::response_parser<beast::http::string_body>& parser,
                   Io outcome, error_code& error) {
    while (buffer.size() > 0 && !error && !parser.is_done()) buffer.consume(parser.put(buffer.data(), error));
    if (error == beast::http::error::need_more) error = {};
    if (error || parser.is_done() || outcome == Io::ok) return;
    if (outcome == Io::failed)
      error = asio::error::connection_reset;
    else if (!parser.got_some())
      error = beast::http::error::end_of_stream;
    else
      parser.put_eof(error);
  }

  /// What still waits for the transport and the buffer ends before they go.
  void abandon() {
    error_code ignored;
    socket_.close(ignored);
    if (transport_) transport_->close();
    io_.restart();
    io_.run();
  }

  // fixed after construction
  const ServerUrl& url_;
  const ClientLimits& limits_;
  const Effect effect_;

  // changes
  Clock::time_point deadline_{};
  asio::io_context io_{1};
  tcp::resolver resolver_{io_};
  tcp::socket socket_{io_};
  std::optional<asio::ssl::context> tls_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace

Result<Reply> Client::post(std::string_view body, const Headers& headers, Effect effect) const {
  Request request{beast::http::verb::post, "/mcp", 11};
  request.set(beast::http::field::host, url_.authority());
  request.set(beast::http::field::content_type, "application/json");
  request.set(beast::http::field::accept, "application/json, text/event-stream");
  if (token_) request.set(beast::http::field::authorization, "Bearer " + *token_);
  for (const auto& [name, value] : headers) request.set(name, value);
  request.keep_alive(false);
  request.body() = body;
  request.prepare_payload();
  return Attempt(url_, limits_, effect).run(bytes_of(request));
}

}  // namespace musher::http
