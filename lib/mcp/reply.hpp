#pragma once
// Where the messages about one request go: the transport's side of a call.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace musher::mcp {

class Reply {
 public:
  Reply() = default;
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  virtual ~Reply() = default;

  /// A message that goes before the response: a notification, or a request of the server's (legacy era). False: it
  /// cannot reach this client.
  virtual bool send(std::string_view message) = 0;
  /// send() may work.
  [[nodiscard]] virtual bool can_send() const = 0;
  /// The response, and the end. http_status matters where nothing was sent before.
  virtual void respond(std::string message, unsigned http_status) = 0;
  /// The same with status 200, in two pieces; the second is shared with whoever keeps it.
  virtual void respond_shared(std::string start, const std::shared_ptr<const std::string>& rest) {
    respond(start + *rest, 200);
  }
  /// The end without a response: the request was cancelled.
  virtual void drop() = 0;
  /// Called once if the client goes before the response, where that can be seen.
  virtual void on_gone(std::function<void()> callback) = 0;
};

}  // namespace musher::mcp
