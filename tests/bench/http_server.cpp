// The server of lib/http with one answer of 200 bytes of JSON, for http_load. Prints its port; ends when its stdin
// does, and then says what CPU time the thread took a request.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <ctime>
#include <thread>

#include "http/server.hpp"

int main() {
  using namespace musher::http;
  boost::asio::io_context io(1);
  auto server = Server::create(io, {});
  if (!server) return 1;
  const std::string answer = R"({"text":")" + std::string(189, 'x') + R"("})";
  (*server)->route("/bench", [&](const std::shared_ptr<Exchange>& exchange) { exchange->respond({.body = answer}); });
  const auto endpoint = (*server)->listen("127.0.0.1", 0);
  if (!endpoint) return 1;
  fmt::print("{}\n", endpoint->port);
  std::fflush(stdout);
  std::thread waits([&] {
    std::array<char, 16> bytes;
    while (::read(STDIN_FILENO, bytes.data(), bytes.size()) > 0) {
    }
    boost::asio::post(io, [&] { (*server)->drain(std::chrono::seconds(1), [] {}); });
  });
  io.run();
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  const double seconds = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  const double requests = static_cast<double>((*server)->stats().requests);
  fmt::print("{{\"requests\":{},\"cpu_us_per_request\":{:.2f}}}\n", requests, 1e6 * seconds / requests);
  waits.join();
}
