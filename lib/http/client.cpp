#include "http/client.hpp"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "http/tls_client.hpp"

namespace musher::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using TlsStream = asio::ssl::stream<tcp::socket&>;

/// One request and its answer.
class Attempt {
 public:
  Attempt(const ServerUrl& url, const ClientLimits& limits) : url_(url), limits_(limits) {}

  Result<Reply> run(const beast::http::request<beast::http::string_body>& request) {
    deadline_ = Clock::now() + limits_.connect;
    MUSHER_CHECK(connect());
    if (!url_.tls) {
      deadline_ = Clock::now() + limits_.answer;
      return exchange(socket_, request);
    }
    asio::ssl::context context(asio::ssl::context::tls_client);
    error_code error;
    prepare_client_tls(context, error);
    if (error) return cannot_reach(error);
    TlsStream stream(socket_, context);
    expect_server(stream.native_handle(), url_.host);
    auto done = step([&](auto handler) { stream.async_handshake(asio::ssl::stream_base::client, handler); });
    if (!done) {
      abandon();
      return not_done_in_time("no TLS connection");
    }
    if (*done) return no_tls("the server " + url_.text(), stream.native_handle(), *done);
    deadline_ = Clock::now() + limits_.answer;
    return exchange(stream, request);
  }

 private:
  /// Runs one asynchronous step; nothing when the deadline comes first. No other step may follow then.
  template <class Start>
  std::optional<error_code> step(const Start& start) {
    const auto done = std::make_shared<std::optional<error_code>>();
    start([done](const error_code& error, auto&&...) { *done = error; });
    io_.restart();
    while (!*done && io_.run_one_until(deadline_) > 0) {
    }
    return *done;
  }

  std::unexpected<Error> cannot_reach(const error_code& error) const {
    return fail(Errc::io, fmt::format("cannot reach the server {}: {}", url_.text(), error.message()),
                "is musher serve running there? musher serve --listen " + url_.authority());
  }
  std::unexpected<Error> not_done_in_time(std::string_view what) const {
    return fail(Errc::busy, fmt::format("{} with the server {} in time", what, url_.text()),
                "try again; curl " + url_.text() + "/readyz");
  }

  Result<void> connect() {
    const auto found = std::make_shared<tcp::resolver::results_type>();
    const auto resolved = step([&](auto handler) {
      resolver_.async_resolve(url_.host, url_.port,
                              [found, handler](const error_code& error, tcp::resolver::results_type results) {
                                *found = std::move(results);
                                handler(error);
                              });
    });
    if (!resolved) return not_done_in_time("no connection");
    if (*resolved) return cannot_reach(*resolved);
    const auto connected = step([&](auto handler) { asio::async_connect(socket_, *found, handler); });
    if (!connected) return not_done_in_time("no connection");
    if (*connected) return cannot_reach(*connected);
    return {};
  }

  template <class Stream>
  Result<Reply> exchange(Stream& stream, const beast::http::request<beast::http::string_body>& request) {
    const auto sent = step([&](auto handler) { beast::http::async_write(stream, request, handler); });
    beast::flat_buffer buffer;
    beast::http::response_parser<beast::http::string_body> parser;
    parser.body_limit(limits_.body_bytes);
    // A server that refuses a request may answer before it has read all of it.
    std::optional<error_code> read;
    if (sent) read = step([&](auto handler) { beast::http::async_read(stream, buffer, parser, handler); });
    const std::string unknown =
        "whether it has done what it was asked is not known; ask it: musher inspect --server " + url_.text();
    if (!sent || !read) {
      abandon();
      return fail(Errc::busy, fmt::format("the server {} does not answer", url_.text()), unknown);
    }
    if (*read) {
      return fail(Errc::io, fmt::format("the connection to {} broke: {}", url_.text(), read->message()), unknown);
    }
    const auto& message = parser.get();
    return Reply{message.result_int(), std::string(message[beast::http::field::content_type]), message.body()};
  }

  /// What still waits for the stream, the parser and the buffer ends before they go.
  void abandon() {
    error_code ignored;
    socket_.close(ignored);
    io_.restart();
    io_.run();
  }

  const ServerUrl& url_;
  const ClientLimits& limits_;
  Clock::time_point deadline_{};
  asio::io_context io_{1};
  tcp::resolver resolver_{io_};
  tcp::socket socket_{io_};
};

}  // namespace

Result<Reply> Client::post(std::string_view body, const Headers& headers) const {
  beast::http::request<beast::http::string_body> request{beast::http::verb::post, "/mcp", 11};
  request.set(beast::http::field::host, url_.authority());
  request.set(beast::http::field::content_type, "application/json");
  request.set(beast::http::field::accept, "application/json, text/event-stream");
  if (token_) request.set(beast::http::field::authorization, "Bearer " + *token_);
  for (const auto& [name, value] : headers) request.set(name, value);
  request.keep_alive(false);
  request.body() = body;
  request.prepare_payload();
  return Attempt(url_, limits_).run(request);
}

}  // namespace musher::http
