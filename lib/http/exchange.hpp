#pragma once
// What a handler of the HTTP server sees: one request and its one answer, which is a whole response or an event stream.
// Abstract, so that what is built on it is tested without sockets. Everything happens on the server's thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace musher::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Who asks, as the token says. name is empty when no token was asked for.
struct Principal {
  std::string name;
  bool read_only = false;
};

/// A request that passed the server's guards, with its whole body.
struct Request {
  std::string method;  ///< as sent: "GET"
  std::string path;    ///< as sent, nothing decoded, without the query: "/mcp"
  std::string query;   ///< after the '?', or empty
  std::string body;
  Principal principal;
  std::string peer;  ///< "127.0.0.1:40312"

  /// A header's value, surrounding SP and HTAB trimmed; names ignore case; absent when it was not sent. A header sent
  /// twice: the values joined by ", ". Valid until a header is added.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;

  /// For the server, and for tests that make a request.
  void add_header(std::string_view name, std::string_view value);

  /// Empties everything and keeps the memory.
  void clear();
  /// Empties the body, and keeps no memory for it.
  void drop_body();

 private:
  /// Where a name and its value stand in header_text_.
  struct Field {
    std::uint32_t name_at, name_size, value_at, value_size;
  };
  [[nodiscard]] const Field* find(std::string_view name) const;

  std::string header_text_;
  std::vector<Field> fields_;
};

/// A whole answer. Content-Length, Date and Connection are the server's; content_type is left out when there is none.
struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body{};
  Headers headers{};
  /// What follows the body, where that is long and the same in many answers: it is not copied.
  std::shared_ptr<const std::string> rest{};

  [[nodiscard]] std::size_t body_size() const { return body.size() + (rest ? rest->size() : 0); }
};

/// The open answer of text/event-stream. Letting go of it finishes it.
class EventStream {
 public:
  EventStream() = default;
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;
  virtual ~EventStream() = default;

  /// Queues the bytes of one or more whole events ("data: ...\n\n"). False when the client is gone, or its queue was
  /// full: then it is dropped and will not be heard of again.
  virtual bool send(std::string_view event_bytes) = 0;
  /// Ends the answer when what was queued is written. Once; send is false from then on.
  virtual void finish() = 0;
};

/// One request and its one answer. May be kept after the handler returned; let go unanswered, the client gets a 500.
class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  [[nodiscard]] virtual const Request& request() const = 0;

  /// The request's body is empty from now on, and its memory free: for a large one whose answer may take long.
  virtual void drop_body() = 0;

  /// Answers. Exactly once, or stream() exactly once. Without effect when the client is gone.
  virtual void respond(Response response) = 0;

  /// Begins a 200 text/event-stream (Cache-Control: no-cache, X-Accel-Buffering: no) with these headers added; a
  /// comment goes out every 15 s to keep it alive. Where the server has as many streams as it may, the client gets a
  /// 503 instead; the stream that is returned is never null, but gone from the start, and on_gone is called.
  [[nodiscard]] virtual std::shared_ptr<EventStream> stream(Headers headers) = 0;

  /// Called at most once, and never from within a call on this exchange or its stream: when the client has gone before
  /// the answer was complete. Replaces what was set before.
  virtual void on_gone(std::function<void()> callback) = 0;
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

}  // namespace musher::http
