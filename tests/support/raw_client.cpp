#include "support/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace musher::testing {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

std::optional<std::string> RawResponse::header(std::string_view name) const {
  const std::string wanted = "\r\n" + lower(name) + ":";
  const std::string text = lower(head);
  const std::size_t at = text.find(wanted);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t from = head.find_first_not_of(' ', at + wanted.size());
  return head.substr(from, head.find("\r\n", from) - from);
}

RawClient::RawClient(std::uint16_t port, int receive_buffer, const char* from)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  if (from != nullptr && (inet_pton(AF_INET, from, &own.sin_addr) != 1 ||
                          ::bind(socket_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)) {
    ::close(socket_);
    throw std::runtime_error(std::string("cannot connect from ") + from);
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    ::close(socket_);
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  }
}

RawClient RawClient::over(int socket) {
  RawClient client;
  client.socket_ = socket;
  return client;
}

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), ended_(other.ended_), unread_(std::move(other.unread_)) {}

RawClient::~RawClient() { close(); }

void RawClient::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void RawClient::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void RawClient::end_sending() { ::shutdown(socket_, SHUT_WR); }

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawClient::read_some(std::chrono::steady_clock::time_point deadline) {
  if (ended_) return false;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waits{socket_, POLLIN, 0};
    const int ready = ::poll(&waits, 1, static_cast<int>(std::max<long>(0, left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    std::array<char, 1U << 16U> bytes;
    const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    unread_.append(bytes.data(), static_cast<std::size_t>(got));
    return true;
  }
}

std::string RawClient::read_until(std::string_view mark, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::size_t at = unread_.find(mark);
  while (at == std::string::npos && read_some(deadline)) at = unread_.find(mark);
  const std::size_t size = at == std::string::npos ? unread_.size() : at + mark.size();
  std::string out = unread_.substr(0, size);
  unread_.erase(0, size);
  return out;
}

std::string RawClient::read_bytes(std::size_t bytes, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (unread_.size() < bytes && read_some(deadline)) {
  }
  std::string out = unread_.substr(0, bytes);
  unread_.erase(0, bytes);
  return out;
}

std::string RawClient::read_to_end(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (read_some(deadline)) {
  }
  return std::exchange(unread_, {});
}

std::optional<RawResponse> RawClient::read_head(std::chrono::milliseconds patience) {
  std::string head = read_until("\r\n\r\n", patience);
  if (!head.ends_with("\r\n\r\n") || !head.starts_with("HTTP/1.1 ")) return std::nullopt;
  RawResponse response;
  response.head = head.substr(0, head.size() - 4);
  response.status = std::stoi(head.substr(9, 3));
  return response;
}

std::optional<RawResponse> RawClient::read_response(std::chrono::milliseconds patience, bool to_head) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  auto response = read_head(patience);
  if (!response) return std::nullopt;
  const auto take = [&](std::size_t bytes) {
    while (unread_.size() < bytes && read_some(deadline)) {
    }
    if (unread_.size() < bytes) return false;
    response->body += unread_.substr(0, bytes);
    unread_.erase(0, bytes);
    return true;
  };
  if (to_head || response->status < 200 || response->status == 204 || response->status == 304) return response;
  if (const auto length = response->header("Content-Length")) {
    if (!take(std::stoul(*length))) return std::nullopt;
  } else if (response->header("Transfer-Encoding") == "chunked") {
    while (true) {
      const std::string line = read_until("\r\n", patience);
      if (!line.ends_with("\r\n")) return std::nullopt;
      const std::size_t size = std::stoul(line, nullptr, 16);
      if (!take(size + 2)) return std::nullopt;
      response->body.resize(response->body.size() - 2);
      if (size == 0) break;
    }
  } else {
    response->body = read_to_end(patience);
  }
  return response;
}

std::optional<RawResponse> ask(std::uint16_t port, std::string_view request) {
  RawClient client(port);
  client.send(request);
  return client.read_response();
}

}  // namespace musher::testing
