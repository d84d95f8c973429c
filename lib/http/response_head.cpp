#include "http/response_head.hpp"

#include <fmt/format.h>

#include <boost/beast/http/status.hpp>

#include <iterator>

namespace musher::http {
namespace {

/// A value of a handler's with a line feed in it must not become a header of its own.
void append_clean(std::string_view text, std::string& out) {
  for (const char c : text) out += (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f' ? ' ' : c;
}

void append_header(std::string_view name, std::string_view value, std::string& out) {
  append_clean(name, out);
  out += ": ";
  append_clean(value, out);
  out += "\r\n";
}

void begin(unsigned status, const Framing& framing, std::string& out) {
  const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  out.clear();
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nDate: {}\r\n", status,
                 std::string_view(reason.data(), reason.size()), framing.date);
}

void end(const Headers& headers, const Framing& framing, std::string& out) {
  for (const auto& [name, value] : headers) append_header(name, value, out);
  if (!framing.keep_alive) {
    out += "Connection: close\r\n";
  } else if (framing.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

}  // namespace

bool may_have_body(unsigned status) { return status >= 200 && status != 204 && status != 304; }

void write_head(const Response& response, const Framing& framing, std::string& out) {
  begin(response.status, framing, out);
  if (may_have_body(response.status)) {
    if (!response.content_type.empty() && response.body_size() > 0) {
      append_header("Content-Type", response.content_type, out);
    }
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body_size());
  }
  end(response.headers, framing, out);
}

void write_stream_head(const Headers& headers, const Framing& framing, std::string& out) {
  begin(200, framing, out);
  out += "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n";
  if (!framing.http_1_0) out += "Transfer-Encoding: chunked\r\n";
  end(headers, framing, out);
}

Response refusal_response(const BadRequest& why) {
  const int code = why.status >= 500 ? -32603 : -32600;
  Response response{why.status,
                    "application/json",
                    fmt::format(R"({{"jsonrpc":"2.0","error":{{"code":{},"message":"{}"}}}})", code, why.why),
                    {}};
  if (why.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (why.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace musher::http
