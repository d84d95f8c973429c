#pragma once
// The status line and headers of an answer, as bytes.

#include <string>
#include <string_view>

#include "http/exchange.hpp"
#include "http/request_parser.hpp"

namespace musher::http {

/// What the connection decides about an answer, not the handler.
struct Framing {
  std::string_view date;
  bool http_1_0 = false;    ///< what the request spoke
  bool keep_alive = false;  ///< after this answer
};

/// Replaces out by the head of a whole answer, Content-Length included.
void write_head(const Response& response, const Framing& framing, std::string& out);
/// Replaces out by the head of an event stream: chunked, or for HTTP/1.0 until the end of the connection.
void write_stream_head(const Headers& headers, const Framing& framing, std::string& out);

/// The answer to a request that no handler saw: an error as JSON-RPC has them, without an id, since who asks here
/// expects that; no word of the request is in it.
[[nodiscard]] Response refusal_response(const BadRequest& why);

// What a client of ours tells apart by the words of a refusal.
inline constexpr std::string_view kNothingAtPath = "there is nothing at this path";
inline constexpr std::string_view kHostNotServed = "this Host is not served here";
inline constexpr std::string_view kTokenOnlyReads = "who comes in here writes, and this token may only read";

/// 204 and 304 have no body.
[[nodiscard]] bool may_have_body(unsigned status);

}  // namespace musher::http
