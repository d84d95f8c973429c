#include "support/web_socket_peer.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/zlib/deflate_stream.hpp>

#include <future>
#include <stdexcept>

namespace musher::testing {

std::string frame(Opcode opcode, std::string_view payload, FrameOptions options) {
  std::string out;
  out += static_cast<char>((options.fin ? 0x80U : 0U) | options.reserved << 4U | static_cast<unsigned>(opcode));
  const unsigned mask = options.masked ? 0x80U : 0U;
  const std::size_t size = payload.size();
  const auto append = [&](unsigned bytes) {
    while (bytes-- > 0) out += static_cast<char>(size >> (8 * bytes));
  };
  out += static_cast<char>(mask | (size < 126 ? size : size < 65'536 ? 126U : 127U));
  if (size >= 126) append(size < 65'536 ? 2 : 8);
  if (!options.masked) return out += payload;
  constexpr std::string_view kKey = "\x12\x34\x56\x78";
  out += kKey;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(payload[i] ^ kKey[i % 4]);
  return out;
}

std::string length_header(unsigned first, std::uint64_t length) {
  std::string out{static_cast<char>(first), static_cast<char>(0xff)};
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift);
  return out + "abcd";
}

std::string deflated(const std::string& text) {
  namespace zlib = boost::beast::zlib;
  zlib::deflate_stream stream;
  std::string out(text.size() / 500 + 1000, '\0');
  zlib::z_params params;
  params.next_in = text.data();
  params.avail_in = text.size();
  params.next_out = out.data();
  params.avail_out = out.size();
  boost::system::error_code error;
  stream.write(params, zlib::Flush::sync, error);
  if (params.avail_in != 0) throw std::runtime_error("no room for what was deflated");
  out.resize(params.total_out - 4);
  return out;
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string out{static_cast<char>(code >> 8U), static_cast<char>(code)};
  return out += reason;
}

std::string upgrade_request(const std::string& path, const std::string& headers) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
      "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
      path, headers);
}

std::string accept_of(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, 20> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  std::array<unsigned char, 29> out{};
  EVP_EncodeBlock(out.data(), digest.data(), digest.size());
  return reinterpret_cast<const char*>(out.data());
}

std::string upgrade_answer(const std::string& request, const std::string& headers) {
  const std::string name = "Sec-WebSocket-Key: ";
  const std::size_t at = request.find(name) + name.size();
  const std::string key = request.substr(at, request.find("\r\n", at) - at);
  return fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
      "{}\r\n{}\r\n",
      accept_of(key), headers);
}

std::uint16_t Frame::code() const {
  if (opcode != Opcode::close || payload.size() < 2) return 0;
  return static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8U |
                                    static_cast<unsigned char>(payload[1]));
}

std::optional<Frame> read_frame(RawClient& client, std::chrono::milliseconds patience) {
  const auto byte = [](char c) { return static_cast<unsigned char>(c); };
  const std::string head = client.read_bytes(2, patience);
  if (head.size() < 2) return std::nullopt;
  Frame frame;
  frame.opcode = static_cast<Opcode>(byte(head[0]) & 0x0fU);
  frame.fin = (byte(head[0]) & 0x80U) != 0;
  frame.reserved = byte(head[0]) >> 4U & 7U;
  std::size_t size = byte(head[1]) & 0x7fU;
  if (size >= 126) {
    const std::string length = client.read_bytes(size == 126 ? 2 : 8, patience);
    size = 0;
    for (const char c : length) size = size << 8U | byte(c);
  }
  std::string key(4, '\0');
  if ((byte(head[1]) & 0x80U) != 0) key = client.read_bytes(4, patience);
  frame.payload = client.read_bytes(size, patience);
  if (key.size() < 4 || frame.payload.size() < size) return std::nullopt;
  for (std::size_t i = 0; i < size; ++i) frame.payload[i] = static_cast<char>(frame.payload[i] ^ key[i % 4]);
  return frame;
}

std::uint16_t read_close_code(RawClient& client) {
  while (const auto frame = read_frame(client)) {
    if (frame->opcode == Opcode::close) return frame->code();
  }
  return 0;
}

// --- Recorder

void Recorder::on_message(std::string_view message) {
  ++count_;
  if (keep) {
    const std::lock_guard lock(mutex_);
    messages_.emplace_back(message);
  }
  if (also) also(message);
  if (echo_ && socket_) socket_->send(std::string(message));
}

void Recorder::on_closed(const http::WebSocketClosed& how) {
  socket_.reset();
  {
    const std::lock_guard lock(mutex_);
    closed_ = how;
  }
  ++closes_;
}

std::vector<std::string> Recorder::messages() const {
  const std::lock_guard lock(mutex_);
  return messages_;
}

http::WebSocketClosed Recorder::closed() const {
  if (!wait_until([&] { return closes_ > 0; })) throw std::runtime_error("the socket was not closed");
  const std::lock_guard lock(mutex_);
  return *closed_;
}

// --- Loop

struct Loop::Context {
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
};

Loop::Loop() : context_(std::make_unique<Context>()), thread_([this] { context_->io.run(); }) {}

Loop::~Loop() {
  context_->io.stop();
  thread_.join();
}

boost::asio::io_context& Loop::io() { return context_->io; }

void Loop::call(const std::function<void()>& body) {
  std::promise<void> done;
  boost::asio::post(context_->io, [&] {
    body();
    done.set_value();
  });
  done.get_future().wait();
}

// --- ScriptedServer

ScriptedServer::ScriptedServer(Script script) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(at.sin_port);
  thread_ = std::thread([listener = listener_, script = std::move(script)] {
    while (true) {
      const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      RawClient client = RawClient::over(socket);
      script(client, client.read_until("\r\n\r\n"));
    }
  });
}

ScriptedServer::~ScriptedServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

}  // namespace musher::testing
