#pragma once
// Beast's parser, filling a Request, and stricter than Beast in what two programs might read in two ways: a length said
// twice, a coding that is not chunked alone, a folded line. Such a request is never passed on.

#include <cstdint>
#include <memory>
#include <string_view>

#include "http/exchange.hpp"
#include "http/options.hpp"

namespace musher::http {

/// A request that cannot be, or will not be, understood. why is a constant.
struct BadRequest {
  unsigned status = 400;
  std::string_view why;
};

class RequestParser {
 public:
  enum class State : std::uint8_t {
    need_more,  ///< call again with the bytes that were not consumed and some more
    headers,    ///< all headers are in the request; its body comes next. Once a request
    complete,
    bad,  ///< what comes after it on the connection has no meaning
  };
  struct Step {
    State state;
    std::size_t consumed;  ///< bytes
    BadRequest bad{};
  };

  explicit RequestParser(const Limits& limits);
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;
  ~RequestParser();

  /// Begins a request, which must live until it is complete.
  void begin(Request& request);
  [[nodiscard]] Step parse(std::string_view bytes);

  // From State::headers on:

  /// The connection may have another request after this one.
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] bool is_http_1_0() const;
  [[nodiscard]] bool has_body() const;
  /// The Host fields it had: one is right.
  [[nodiscard]] int hosts() const;

 private:
  class Parser;
  struct Slot;
  std::unique_ptr<Slot> slot_;
  const Limits& limits_;
};

}  // namespace musher::http
