#include "http/message_stream.hpp"

#include <fmt/format.h>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/beast/zlib/error.hpp>

#include <algorithm>

#include "http/response_head.hpp"
#include "http/unreached.hpp"
#include "model/canonical_json.hpp"
#include "model/text.hpp"

namespace musher::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using beast::http::field;
using boost::system::error_code;

constexpr std::size_t kReadChunk = 64U << 10U;
/// What masks or compresses goes through a buffer of this size.
constexpr std::size_t kWriteBuffer = 32U << 10U;
/// A message's memory serves the next one, up to here.
constexpr std::size_t kKeptBuffer = 1U << 20U;
/// Below it deflate adds more than it takes away.
constexpr std::size_t kWorthDeflating = 256;
/// Half of an op is digests, which no level makes shorter. Level 3 with Beast's default memory had a quarter of the
/// speed.
constexpr int kDeflateLevel = 1;
/// Beast's default of 4 begins a block, and its Huffman trees, every 1024 literals. This is 256 KB a socket.
constexpr int kDeflateMemory = 8;

error_code error_of(Io outcome) {
  if (outcome == Io::ok) return {};
  return outcome == Io::ended ? error_code(asio::error::eof) : error_code(asio::error::connection_reset);
}

/// A wire as Beast reads and writes it: one type for TCP and TLS, so that its templates are compiled once.
class WireStream {
 public:
  using executor_type = asio::io_context::executor_type;

  explicit WireStream(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}

  [[nodiscard]] executor_type get_executor() const noexcept { return wire_->io().get_executor(); }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    const auto last = asio::buffer_sequence_end(buffers);
    asio::mutable_buffer into;
    for (auto at = asio::buffer_sequence_begin(buffers); at != last && into.size() == 0; ++at) into = *at;
    wire_->read({static_cast<char*>(into.data()), into.size()}, waiter(std::forward<Handler>(handler)));
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    const auto last = asio::buffer_sequence_end(buffers);
    std::string_view first, second;
    for (auto at = asio::buffer_sequence_begin(buffers); at != last && second.empty(); ++at) {
      const asio::const_buffer buffer(*at);
      const std::string_view bytes(static_cast<const char*>(buffer.data()), buffer.size());
      (first.empty() ? first : second) = bytes;
    }
    wire_->write(first, second, waiter(std::forward<Handler>(handler)));
  }

  /// How Beast ends a stream of its own accord.
  template <class Handler>
  friend void async_teardown(beast::role_type, WireStream& stream, Handler&& handler) {
    stream.wire_->end([handler = std::forward<Handler>(handler)](Io, std::size_t) mutable { handler(error_code()); });
  }
  friend void beast_close_socket(WireStream& stream) { stream.wire_->stop_ending(); }

 private:
  template <class Handler>
  static Wire::Done waiter(Handler&& handler) {
    return [handler = std::forward<Handler>(handler)](Io outcome, std::size_t bytes) mutable {
      handler(error_of(outcome), bytes);
    };
  }

  std::shared_ptr<Wire> wire_;
};

beast::string_view view(std::string_view text) { return {text.data(), text.size()}; }

/// The peer's words, for a message of ours.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 200));
  if (is_plain_utf8(out)) return out;
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

/// What a refusal says: the message of an error as JSON-RPC has it, like our own; else its first line.
std::string words_of(std::string_view body) {
  const auto member = [](const std::string& object, std::string_view name) {
    for (auto& [key, value] : members(object))
      if (key == name) return value;
    return std::string();
  };
  if (const auto answer = canonicalise(body)) {
    if (const auto message = string_value(member(member(*answer, "error"), "message"))) return shown(*message);
  }
  return shown(body.substr(0, body.find_first_of("\r\n")));
}

struct Declined {
  std::string why, hint;
};

/// Of a status that says no. is_it: the hint where it is not known what does.
Declined declined(const websocket::response_type& answer, const WebSocketOffer& offer, const std::string& is_it) {
  constexpr std::string_view kPath = "ws://HOST:PORT/crdt-sync";
  const unsigned status = answer.result_int();
  const std::string words = words_of(answer.body());
  const auto because = [&](std::string_view why, std::string hint) {
    return Declined{fmt::format("it answers {}{}{}", status, why.empty() ? "" : ": ", why), std::move(hint)};
  };
  // The other side's words on these are of its header and its paths.
  if (status == 401) {
    return because(offer.token ? "the token of --rendezvous-token-file is not in the token file there"
                               : "a token is needed: --rendezvous-token-file FILE",
                   "one line of the token file there; configuration: rendezvous_token_file");
  }
  if (status == 404 && words == kNothingAtPath)
    return because("it is --read-only, or the path is wrong", fmt::format("the path of the URL: {}", kPath));
  if (status == 404 || status == 405) {
    return because("another server is there, or the path is wrong",
                   fmt::format("{} its URL: {}", kIsItMusherServe, kPath));
  }
  if (words == kTokenOnlyReads) return because(words, "in the token file there: a token that is not read-only");
  if (words == kHostNotServed) {
    return because(words,
                   fmt::format("there: --allow-host {}, or allowed_hosts in its configuration", offer.url.server.host));
  }
  return because(words, is_it);
}

/// The server's answer to an upgrade: the subprotocol, or why there is no WebSocket.
Result<std::string> judge(const websocket::response_type& answer, const error_code& error, const WebSocketOffer& offer,
                          const Wire& wire, bool deflate) {
  const std::string url = offer.url.text();
  const auto none = [&](Errc code, std::string_view why, std::string hint) {
    return fail(code, fmt::format("no WebSocket with {}: {}", url, why), std::move(hint));
  };
  const std::string is_it = "is there a musher serve, and nothing between? curl " + offer.url.server.text() + "/readyz";
  if (error == websocket::error::upgrade_declined) {
    Declined no = declined(answer, offer, is_it);
    return none(Errc::refused, no.why, std::move(no.hint));
  }
  if (error.category() == websocket::make_error_code(websocket::error::closed).category()) {
    return none(Errc::refused, error.message(), is_it);
  }
  const std::string with_tls = offer.url.with_tls(true).text();
  const bool may_be_tls = error && !offer.url.server.tls;
  if (may_be_tls && wire.heard_tls_alert())
    return none(Errc::io, "that port speaks TLS: it is wss://", "with TLS: " + with_tls);
  if (may_be_tls && wire.heard_bytes() == 0) {
    return none(Errc::io, "the connection broke in the handshake; if that port speaks TLS, it is wss://",
                fmt::format("if that port speaks TLS: {}; else {}", with_tls, is_it));
  }
  if (error) return none(Errc::io, "the connection broke in the handshake", is_it);
  const auto header = [&](field name) { return std::string(answer[name]); };
  if (!deflate && !header(field::sec_websocket_extensions).empty()) {
    return none(Errc::refused, "it uses an extension that was not offered", is_it);
  }
  const std::string chosen = header(field::sec_websocket_protocol);
  const bool right = offer.subprotocols.empty()
                         ? chosen.empty()
                         : std::ranges::find(offer.subprotocols, chosen) != offer.subprotocols.end();
  if (right) return chosen;
  return none(Errc::refused,
              fmt::format("it speaks {}, not {}", chosen.empty() ? "no protocol of its own" : shown(chosen),
                          fmt::join(offer.subprotocols, " or ")),
              "musher --version on both sides");
}

class BeastStream final : public MessageStream, public std::enable_shared_from_this<BeastStream> {
 public:
  BeastStream(std::shared_ptr<Wire> wire, Settings settings)
      : wire_(std::move(wire)), settings_(std::move(settings)), stream_(WireStream(wire_)) {
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.read_message_max(settings_.message_bytes);
    stream_.write_buffer_bytes(kWriteBuffer);
    websocket::permessage_deflate deflate;
    deflate.server_enable = deflate.client_enable = settings_.deflate;
    deflate.compLevel = kDeflateLevel;
    deflate.memLevel = kDeflateMemory;
    deflate.msg_size_threshold = kWorthDeflating;
    stream_.set_option(deflate);
    stream_.control_callback([this](websocket::frame_type kind, beast::string_view) {
      if (kind != websocket::frame_type::close) settings_.on_control();
    });
  }

  void accept(const Request& request, const std::string& subprotocol,
              std::move_only_function<void(bool)> done) override {
    is_server_ = true;
    websocket::request_type upgrade{beast::http::verb::get, "/", 11};
    for (const field name : {field::host, field::connection, field::upgrade, field::sec_websocket_key,
                             field::sec_websocket_version, field::sec_websocket_extensions}) {
      const auto text = beast::http::to_string(name);
      if (const auto value = request.header({text.data(), text.size()})) upgrade.set(name, view(*value));
    }
    stream_.set_option(websocket::stream_base::decorator([subprotocol](websocket::response_type& answer) {
      answer.set(field::server, "musher");
      if (!subprotocol.empty()) answer.set(field::sec_websocket_protocol, subprotocol);
    }));
    stream_.async_accept(upgrade, [done = std::move(done)](error_code error) mutable { done(!error); });
  }

  void offer(const WebSocketOffer& offer, std::move_only_function<void(Result<std::string>)> done) override {
    stream_.set_option(websocket::stream_base::decorator([offer](websocket::request_type& upgrade) {
      upgrade.set(field::user_agent, "musher");
      if (offer.token) upgrade.set(field::authorization, "Bearer " + *offer.token);
      const std::string names = fmt::format("{}", fmt::join(offer.subprotocols, ", "));
      if (!names.empty()) upgrade.set(field::sec_websocket_protocol, names);
    }));
    stream_.async_handshake(answer_, offer.url.server.authority(), offer.url.path,
                            [weak = weak_from_this(), offer, done = std::move(done)](error_code error) mutable {
                              const auto self = weak.lock();
                              if (!self) return;
                              auto judged = judge(self->answer_, error, offer, *self->wire_, self->settings_.deflate);
                              self->answer_ = {};
                              done(std::move(judged));
                            });
  }

  void read(std::move_only_function<void(std::expected<Part, ReadEnd>)> done) override {
    stream_.async_read_some(
        message_.prepare(std::min(stream_.read_size_hint(kReadChunk), kReadChunk)),
        [weak = weak_from_this(), done = std::move(done)](error_code error, std::size_t bytes) mutable {
          const auto self = weak.lock();
          if (!self) return;
          if (error) return self->tell_end(error, std::move(done));
          self->message_.commit(bytes);
          const auto all = self->message_.cdata();
          done(Part{{static_cast<const char*>(all.data()), all.size()},
                    self->stream_.is_message_done(),
                    self->stream_.got_binary()});
        });
  }

  void allow(std::size_t message_bytes) override { stream_.read_message_max(message_bytes); }

  void clear() override {
    message_.clear();
    if (message_.capacity() > kKeptBuffer) message_.shrink_to_fit();
  }

  auto written(std::move_only_function<void(bool)> done) {
    ++writing_;
    return [weak = weak_from_this(), done = std::move(done)](error_code error, std::size_t = 0) mutable {
      const auto self = weak.lock();
      if (!self) return;
      --self->writing_;
      if (error != asio::error::operation_aborted) done(!error);
    };
  }

  void write(std::string_view message, std::move_only_function<void(bool)> done) override {
    stream_.async_write(asio::buffer(message.data(), message.size()), written(std::move(done)));
  }

  void ping(std::move_only_function<void(bool)> done) override { stream_.async_ping({}, written(std::move(done))); }

  void close(const WebSocketClosed& how, std::move_only_function<void()> done) override {
    closing_ = true;
    websocket::close_reason reason;
    reason.code = how.code;
    reason.reason.assign(how.reason.data(), how.reason.size());
    stream_.async_close(reason, [done = std::move(done)](error_code) mutable { done(); });
  }

 private:
  using ReadDone = std::move_only_function<void(std::expected<Part, ReadEnd>)>;

  /// Beast has said goodbye already where the protocol was broken, but not where deflate was.
  void tell_end(const error_code& error, ReadDone done) {
    if (closing_) return done(std::unexpected(ReadEnd()));
    WebSocketClosed how{1006, "the connection broke", false};
    if (error == websocket::error::closed) {
      const websocket::close_reason& reason = stream_.reason();
      how.code = reason.code == websocket::close_code::none ? std::uint16_t{1005} : reason.code;
      how.reason.assign(reason.reason.data(), reason.reason.size());
      how.by_peer = true;
    } else if (error == websocket::error::message_too_big) {
      how = {1009, "a message is too long"};
    } else if (error == websocket::error::bad_frame_payload) {
      how = {1007, "a text is not UTF-8"};
    } else if (error == websocket::condition::protocol_violation) {
      how = {1002, error.message()};
    } else if (error.category() == beast::zlib::make_error_code(beast::zlib::error::stream_error).category()) {
      return fail_inflating({1007, "a compressed message cannot be read"}, std::move(done));
    } else if (error == asio::error::eof) {
      how.reason = "the connection ended without a goodbye";
    }
    done(std::unexpected(ReadEnd(how)));
  }

  void fail_inflating(const WebSocketClosed& how, ReadDone done) {
    if (writing_ > 0) return done(std::unexpected(ReadEnd(how)));  // half a frame may be on its way
    using namespace std::string_view_literals;
    const std::string_view frame = is_server_ ? "\x88\x02\x03\xef"sv : "\x88\x82\0\0\0\0\x03\xef"sv;
    wire_->write(frame, {}, [wire = wire_, how, done = std::move(done)](Io, std::size_t) mutable {
      wire->end([how, done = std::move(done)](Io, std::size_t) mutable { done(std::unexpected(ReadEnd(how))); });
    });
  }

  // fixed after construction
  const std::shared_ptr<Wire> wire_;
  const Settings settings_;
  bool is_server_ = false;

  // changes
  websocket::stream<WireStream> stream_;
  beast::flat_buffer message_;
  websocket::response_type answer_;  ///< in a client's handshake
  int writing_ = 0;
  bool closing_ = false;
};

}  // namespace

std::shared_ptr<MessageStream> MessageStream::make(std::shared_ptr<Wire> wire, Settings settings) {
  return std::make_shared<BeastStream>(std::move(wire), std::move(settings));
}

}  // namespace musher::http
