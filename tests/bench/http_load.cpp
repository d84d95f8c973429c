// Load on an HTTP/1.1 server over raw keep-alive sockets, one request at a time on each:
//   http_load PORT [--connections 16] [--seconds 5] [--requests N] [--method GET] [--path /bench]
//             [--header "Name: value"]... [--body FILE]
// One thread and epoll. Ends after the seconds or the requests, whichever is first. Prints one JSON object: requests a
// second, latencies, answers that were not 200, and the size of the last answer.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Load {
  std::uint16_t port = 0;
  std::size_t connections = 16;
  double seconds = 5;
  std::size_t requests = std::numeric_limits<std::size_t>::max();
  std::size_t slow = 0;
  std::string request;
};

struct Client {
  int socket = -1;
  Clock::time_point sent{};
  std::string in;        ///< what came of the answer, or its head
  std::size_t size = 0;  ///< of the whole answer; 0: not known yet
  std::size_t come = 0;  ///< of it
};

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "http_load: {}\n", why);
  std::exit(2);
}

Load parse(int argc, char** argv) {
  if (argc < 2)
    give_up(
        "usage: http_load PORT [--connections N] [--seconds S] [--requests N] [--method M] [--path P] [--header H] "
        "[--body FILE]");
  Load load;
  load.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  std::string method = "GET";
  std::string path = "/bench";
  std::string headers;
  std::string body;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    const char* const value = argv[i + 1];
    if (option == "--connections") {
      load.connections = static_cast<std::size_t>(std::atoi(value));
    } else if (option == "--seconds") {
      load.seconds = std::atof(value);
    } else if (option == "--requests") {
      load.requests = static_cast<std::size_t>(std::atoll(value));
    } else if (option == "--slow") {
      load.slow = static_cast<std::size_t>(std::atoi(value));
    } else if (option == "--method") {
      method = value;
    } else if (option == "--path") {
      path = value;
    } else if (option == "--header") {
      headers += std::string(value) + "\r\n";
    } else if (option == "--body") {
      std::ifstream file(value, std::ios::binary);
      if (!file) give_up(fmt::format("cannot read {}", value));
      body.assign(std::istreambuf_iterator<char>(file), {});
    } else {
      give_up(fmt::format("unknown option {}", option));
    }
  }
  if (!body.empty()) headers += fmt::format("Content-Length: {}\r\n", body.size());
  load.request =
      fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}\r\n{}", method, path, load.port, headers, body);
  return load;
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) give_up("cannot connect");
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

/// Connections that keep a server waiting. One that the server ends is opened again.
class SlowClients {
 public:
  SlowClients(std::uint16_t port, std::size_t count) : port_(port) {
    for (std::size_t i = 0; i < count; ++i) sockets_.push_back(connect_to(port));
  }
  void drip(Clock::time_point now) {
    if (now < next_) return;
    next_ = now + std::chrono::seconds(1);
    constexpr std::string_view kRequest = "GET /bench HTTP/1.1\r\nHost: localhost\r\nX-Slow: 0123456789";
    const char byte = kRequest[std::min(turn_++ % 64, kRequest.size() - 1)];
    for (int& socket : sockets_) {
      if (::send(socket, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) continue;
      ::close(socket);
      socket = connect_to(port_);
    }
  }

 private:
  std::uint16_t port_;
  std::vector<int> sockets_;
  Clock::time_point next_{};
  std::size_t turn_ = 0;
};

/// The size of the whole answer that `in` begins with, or 0. Content-Length, or chunks up to the last one.
std::size_t answer_size(const std::string& in) {
  const std::size_t head = in.find("\r\n\r\n");
  if (head == std::string::npos) return 0;
  std::size_t at = in.find("ontent-Length: ");
  if (at == std::string::npos || at > head) at = in.find("ontent-length: ");
  if (at == std::string::npos || at > head) {
    const std::size_t last = in.find("\r\n0\r\n\r\n", head);
    return last == std::string::npos ? 0 : last + 7;
  }
  std::size_t length = 0;
  std::from_chars(in.data() + at + 15, in.data() + head, length);
  return head + 4 + length;
}

/// Reads what has come; true when the answer is whole. A body is thrown away in the kernel (tcp(7), MSG_TRUNC): the
/// cores are the server's.
bool receive(Client& client) {
  std::array<char, 2048> bytes;
  const bool whole_head = client.size > 0;
  const ssize_t got = whole_head ? ::recv(client.socket, nullptr, client.size - client.come, MSG_DONTWAIT | MSG_TRUNC)
                                 : ::recv(client.socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return false;
  if (got <= 0) give_up("the server closed a connection");
  client.come += static_cast<std::size_t>(got);
  if (!whole_head) {
    client.in.append(bytes.data(), static_cast<std::size_t>(got));
    client.size = answer_size(client.in);
    if (client.size > client.come) return receive(client);
  }
  return client.size > 0 && client.come == client.size;
}

}  // namespace

int main(int argc, char** argv) {
  const Load load = parse(argc, argv);
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Client> clients(load.connections);
  const auto ask = [&](Client& client) {
    client.sent = Clock::now();
    if (::send(client.socket, load.request.data(), load.request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(load.request.size())) {
      give_up("the server closed a connection");
    }
  };
  SlowClients slow(load.port, load.slow);
  for (Client& client : clients) {
    client.socket = connect_to(load.port);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &client;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, client.socket, &event);
  }
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(load.seconds));
  for (Client& client : clients) ask(client);

  std::vector<float> micros;
  micros.reserve(4'000'000);
  std::size_t not_200 = 0;
  std::size_t last_size = 0;
  std::array<epoll_event, 64> events;
  auto now = start;
  while (now < end && micros.size() < load.requests) {
    slow.drip(now);
    const int ready = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 1000);
    if (ready <= 0) give_up("no answer for a second");
    for (int i = 0; i < ready; ++i) {
      Client& client = *static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (!receive(client)) continue;
      now = Clock::now();
      micros.push_back(std::chrono::duration<float, std::micro>(now - client.sent).count());
      if (!client.in.starts_with("HTTP/1.1 200")) ++not_200;
      last_size = client.size;
      client.in.clear();
      client.size = client.come = 0;
      ask(client);
    }
  }
  const double seconds = std::chrono::duration<double>(now - start).count();
  std::ranges::sort(micros);
  const auto at = [&](double part) {
    return micros.empty() ? 0.0F : micros[static_cast<std::size_t>(part * static_cast<double>(micros.size() - 1))];
  };
  fmt::print(
      "{{\"requests_per_second\":{:.0f},\"requests\":{},\"connections\":{},\"not_200\":{},"
      "\"answer_bytes\":{},\"p50_us\":{:.1f},\"p99_us\":{:.0f},\"max_us\":{:.0f}}}\n",
      static_cast<double>(micros.size()) / seconds, micros.size(), load.connections, not_200, last_size, at(0.5),
      at(0.99), at(1));
}
