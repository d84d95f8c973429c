// The conformance suite's server under test: lib/mcp with the suite's fixtures.
//   conformance_server          listens on 127.0.0.1, says the port on its first line, ends when its stdin does
//   conformance_server --stdio  speaks MCP on stdin and stdout

#include <csignal>
#include <cstdio>
#include <cstring>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <iostream>
#include <optional>

#include <unistd.h>

#include "http/server.hpp"
#include "mcp/asio_scheduler.hpp"
#include "mcp/http_transport.hpp"
#include "mcp/stdio_link.hpp"
#include "support/conformance_fixtures.hpp"

using namespace musher;

namespace {

const mcp::ServerInfo kInfo{
    .name = "musher-conformance", .version = "1.0.0", .instructions = "For tests.", .logging = true};

int serve_stdio() {
  boost::asio::io_context io{1};
  mcp::AsioScheduler scheduler(io);
  mcp::Server server(kInfo, scheduler);
  testing::add_conformance_fixtures(server, scheduler);
  std::optional<mcp::StdioLink> link;
  link.emplace(io, server, http::Principal{.name = "tester"}, STDIN_FILENO, STDOUT_FILENO,
               [&](std::string_view) { link->drain([&] { io.stop(); }); });
  io.run();
  return 0;
}

int serve_http() {
  boost::asio::io_context io{1};
  mcp::AsioScheduler scheduler(io);
  mcp::Server server(kInfo, scheduler);
  testing::add_conformance_fixtures(server, scheduler);
  auto http = http::Server::create(io, {});
  if (!http) return 1;
  (*http)->route("/mcp", mcp::http_handler(server));
  const auto endpoint = (*http)->listen("127.0.0.1", 0);
  if (!endpoint) return 1;
  std::cout << endpoint->port << std::endl;

  boost::asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  std::array<char, 64> unused{};
  std::function<void()> watch = [&] {
    input.async_read_some(boost::asio::buffer(unused), [&](const boost::system::error_code& error, std::size_t) {
      if (!error) return watch();
      io.stop();
    });
  };
  watch();
  io.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return argc > 1 && std::strcmp(argv[1], "--stdio") == 0 ? serve_stdio() : serve_http();
}
