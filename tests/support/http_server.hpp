#pragma once
// A server in a thread of its own, for clients in the test's.

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "http/server.hpp"

namespace musher::testing {

class HttpServer {
 public:
  /// Listens on 127.0.0.1 and serves: GET /hello answers {"hello":"world"}; POST /echo answers the body; /facts says
  /// what the handler saw. `more` adds routes and is called before the server's thread starts.
  explicit HttpServer(http::Options options = {}, const std::function<void(http::Server&)>& more = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Calls on the server's thread and waits for it.
  void call(const std::function<void(http::Server&)>& body);
  [[nodiscard]] http::Stats stats();
  /// Ends the server and its thread.
  void stop();

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
  std::uint16_t port_ = 0;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

/// "GET PATH HTTP/1.1" with a Host and these header lines, each ending in \r\n.
[[nodiscard]] std::string get(const std::string& path, const std::string& headers = "");
[[nodiscard]] std::string post(const std::string& path, const std::string& body, const std::string& headers = "");

}  // namespace musher::testing
