#include "support/http_server.hpp"

#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <future>
#include <stdexcept>

namespace musher::testing {

struct HttpServer::Loop {
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
};

HttpServer::HttpServer(http::Options options, const std::function<void(http::Server&)>& more)
    : loop_(std::make_unique<Loop>()) {
  auto server = http::Server::create(loop_->io, std::move(options));
  if (!server) throw std::runtime_error(server.error().what);
  server_ = std::move(*server);
  using Exchange = std::shared_ptr<http::Exchange>;
  server_->route("/hello", [](const Exchange& exchange) { exchange->respond({.body = R"({"hello":"world"})"}); });
  server_->route("/echo", [](const Exchange& exchange) {
    exchange->respond({.content_type = "text/plain", .body = exchange->request().body});
  });
  server_->route("/facts", [](const Exchange& exchange) {
    const http::Request& request = exchange->request();
    exchange->respond(
        {.content_type = "text/plain",
         .body = fmt::format("{} {} query={} principal={} read_only={} x={} body={}", request.method, request.path,
                             request.query, request.principal.name, request.principal.read_only,
                             request.header("X-Test").value_or("(none)"), request.body.size())});
  });
  if (more) more(*server_);
  const auto endpoint = server_->listen("127.0.0.1", 0);
  if (!endpoint) throw std::runtime_error(endpoint.error().what);
  port_ = endpoint->port;
  thread_ = std::thread([this] { loop_->io.run(); });
}

HttpServer::~HttpServer() { stop(); }

void HttpServer::stop() {
  if (!thread_.joinable()) return;
  call([this](http::Server&) { server_.reset(); });
  loop_->work.reset();
  thread_.join();
}

void HttpServer::call(const std::function<void(http::Server&)>& body) {
  std::promise<void> done;
  boost::asio::post(loop_->io, [&] {
    body(*server_);
    done.set_value();
  });
  done.get_future().wait();
}

http::Stats HttpServer::stats() {
  http::Stats stats;
  call([&](http::Server& server) { stats = server.stats(); });
  return stats;
}

std::string get(const std::string& path, const std::string& headers) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, headers);
}

std::string post(const std::string& path, const std::string& body, const std::string& headers) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n{}", path, headers,
                     body.size(), body);
}

}  // namespace musher::testing
