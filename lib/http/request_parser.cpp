#include "http/request_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <optional>

#include "http/header_text.hpp"

namespace musher::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;
using beast::http::field;

constexpr int kMostFields = 100;
/// A body is given memory as it arrives: a length that is only claimed costs this much.
constexpr std::size_t kBodyReserve = 64U << 10U;

BadRequest bad_request(const error_code& code) {
  using beast::http::error;
  if (code == error::header_limit) return {431, "the headers are too long"};
  if (code == error::body_limit) return {413, "the body is too long"};
  if (code == error::bad_version) return {505, "the version is not HTTP/1.1 or HTTP/1.0"};
  if (code == error::bad_method || code == error::bad_target) return {400, "the request line is not understood"};
  if (code == error::bad_content_length || code == error::multiple_content_length ||
      code == error::bad_transfer_encoding) {
    return {400, "the length of the body is not clear"};
  }
  if (code == error::bad_chunk || code == error::bad_chunk_extension) return {400, "a chunk is not understood"};
  return {400, "a header is not understood"};
}

}  // namespace

class RequestParser::Parser final : public beast::http::basic_parser<true> {
 public:
  Parser(Request& request, const Limits& limits) : request_(request), header_bytes_left_(limits.header_bytes) {
    header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    body_limit(limits.body_bytes);
  }

  /// Where the next put() reads: a folded value is not in there.
  void reads_from(std::string_view bytes) { bytes_ = bytes; }

  int hosts = 0;
  bool http_1_0 = false;
  bool headers_reported = false;

 private:
  using View = beast::string_view;
  static std::string_view std_view(View text) { return {text.data(), text.size()}; }

  void on_request_impl(beast::http::verb, View method, View target, int version, error_code& error) override {
    const std::string_view whole = std_view(target);
    // Neither a proxy's absolute form, nor CONNECT's, nor "*".
    if (!whole.starts_with('/')) {
      error = beast::http::error::bad_target;
      return;
    }
    http_1_0 = version == 10;
    request_.method = std_view(method);
    const std::size_t mark = whole.find('?');
    request_.path = whole.substr(0, mark);
    if (mark != std::string_view::npos) request_.query = whole.substr(mark + 1);
  }

  void on_field_impl(field known, View name, View value, error_code& error) override {
    const std::size_t size = name.size() + value.size() + 4;
    if (size > header_bytes_left_ || ++fields_ > kMostFields) {
      error = beast::http::error::header_limit;
      return;
    }
    header_bytes_left_ -= size;
    if (is_folded(name, value)) {
      error = beast::http::error::bad_value;
      return;
    }
    if (headers_done_) return;  // a trailer: read past, never a header
    if (known == field::host) ++hosts;
    if (known == field::content_length && !is_one_length(value)) error = beast::http::error::bad_content_length;
    if (known == field::transfer_encoding && (http_1_0 || !same_ignoring_case(std_view(value), "chunked"))) {
      error = beast::http::error::bad_transfer_encoding;
    }
    if (!error) request_.add_header(std_view(name), std_view(value));
  }

  /// Beast joins the lines of a folded value, in memory of its own unless the first of them is blank.
  bool is_folded(View name, View value) const {
    const char* const from = name.data() + name.size();
    const char* const end = bytes_.data() + bytes_.size();
    if (value.data() < from || value.data() > end) return true;
    return std::string_view(from, static_cast<std::size_t>(value.data() - from)).find('\r') != std::string_view::npos;
  }

  /// Beast takes "5, 5", and the same length said twice.
  bool is_one_length(View value) {
    const bool digits = value.find_first_not_of("0123456789") == View::npos;
    return digits && ++lengths_ == 1;
  }

  void on_header_impl(error_code&) override { headers_done_ = true; }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) request_.body.reserve(std::min(kBodyReserve, static_cast<std::size_t>(*length)));
  }

  std::size_t on_body_impl(View bytes, error_code&) override {
    request_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  void on_chunk_header_impl(std::uint64_t, View, error_code&) override {}

  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, error_code& error) override {
    return on_body_impl(bytes, error);
  }

  void on_finish_impl(error_code&) override {}

  void on_response_impl(int, View, int, error_code&) override {}

  Request& request_;
  std::string_view bytes_;
  std::size_t header_bytes_left_;
  int fields_ = 0;
  int lengths_ = 0;
  bool headers_done_ = false;
};

/// Beast's parsers are for one message: the next one is made in the same place.
struct RequestParser::Slot {
  std::optional<Parser> parser;
};

RequestParser::RequestParser(const Limits& limits) : slot_(std::make_unique<Slot>()), limits_(limits) {}
RequestParser::~RequestParser() = default;

void RequestParser::begin(Request& request) { slot_->parser.emplace(request, limits_); }

RequestParser::Step RequestParser::parse(std::string_view bytes) {
  Parser& parser = *slot_->parser;
  std::size_t consumed = 0;
  while (true) {
    if (parser.is_done() && parser.headers_reported) return {State::complete, consumed};
    if (consumed == bytes.size()) return {State::need_more, consumed};
    const std::string_view rest = bytes.substr(consumed);
    parser.reads_from(rest);
    error_code error;
    consumed += parser.put(boost::asio::const_buffer(rest.data(), rest.size()), error);
    if (error == beast::http::error::need_more) return {State::need_more, consumed};
    if (error) return {State::bad, consumed, bad_request(error)};
    if (parser.is_header_done() && !parser.headers_reported) {
      parser.headers_reported = true;
      return {State::headers, consumed};
    }
  }
}

bool RequestParser::keep_alive() const { return slot_->parser->keep_alive(); }
bool RequestParser::is_http_1_0() const { return slot_->parser->http_1_0; }
bool RequestParser::has_body() const { return !slot_->parser->is_done(); }
int RequestParser::hosts() const { return slot_->parser->hosts; }

}  // namespace musher::http
