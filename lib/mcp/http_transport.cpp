#include "mcp/http_transport.hpp"

#include <fmt/format.h>

#include <atomic>

#include "http/header_text.hpp"
#include "mcp/base64.hpp"
#include "mcp/core.hpp"
#include "mcp/envelope.hpp"
#include "mcp/http_reply.hpp"

namespace musher::mcp {
namespace {

using Exchange = std::shared_ptr<http::Exchange>;

constexpr std::string_view kVersionHeader = "MCP-Protocol-Version";
constexpr std::string_view kSessionHeader = "Mcp-Session-Id";
/// What is larger counts against Limits::request_bytes, and is not kept beside its parsed form.
constexpr std::size_t kSmallMessage = 16U << 10U;

/// Whether a header's list of media ranges has one that this type is in.
bool accepts(std::string_view ranges, std::string_view type) {
  const std::string_view family = type.substr(0, type.find('/'));
  while (!ranges.empty()) {
    const std::size_t comma = ranges.find(',');
    const std::string_view range = http::trimmed(ranges.substr(0, comma).substr(0, ranges.substr(0, comma).find(';')));
    const bool whole_family = range.size() == family.size() + 2 && range.ends_with("/*") &&
                              http::same_ignoring_case(range.substr(0, family.size()), family);
    if (range == "*/*" || whole_family || http::same_ignoring_case(range, type)) return true;
    ranges = comma == std::string_view::npos ? std::string_view() : ranges.substr(comma + 1);
  }
  return false;
}

bool is_json(std::string_view content_type) {
  return http::same_ignoring_case(http::trimmed(content_type.substr(0, content_type.find(';'))), "application/json");
}

void accepted(http::Exchange& exchange) { exchange.respond({.status = 202, .content_type = ""}); }

void drop_large_body(http::Exchange& exchange) {
  if (exchange.request().body.size() > kSmallMessage) exchange.drop_body();
}

/// A document whose bytes count in `sum` for as long as somebody has it.
std::shared_ptr<const JsonDocument> counted(std::shared_ptr<const JsonDocument> document, std::size_t bytes,
                                            std::shared_ptr<std::atomic<std::size_t>> sum) {
  *sum += bytes;
  const JsonDocument* const counts = document.get();
  return {counts, [kept = std::move(document), bytes, sum = std::move(sum)](const JsonDocument*) mutable {
            kept.reset();
            *sum -= bytes;
          }};
}

RpcError invalid_request(std::string why) { return {.code = code::kInvalidRequest, .message = std::move(why)}; }

/// The modern era's headers say the same as the body. Error: -32020.
std::optional<RpcError> check_headers(const http::Request& request, const Message& message) {
  const auto mismatch = [](std::string why) {
    return RpcError{.code = code::kHeaderMismatch, .message = std::move(why), .http_status = 400};
  };
  const auto method = request.header("Mcp-Method");
  if (method != message.method)
    return mismatch(
        fmt::format("the header Mcp-Method {} the method of the body", method ? "differs from" : "is missing beside"));
  const bool by_uri = message.method == "resources/read";
  if (!by_uri && message.method != "tools/call" && message.method != "prompts/get") return std::nullopt;
  const auto in_body = message.params[by_uri ? "uri" : "name"].string();
  const auto sent = request.header("Mcp-Name");
  if (!sent && !in_body) return std::nullopt;
  if (!sent) return mismatch("the header Mcp-Name is missing");
  const auto name = decoded_header_value(*sent);
  if (!name) return mismatch("the header Mcp-Name is not valid Base64");
  if (in_body != std::string_view(*name))
    return mismatch(fmt::format("the header Mcp-Name differs from params.{}", by_uri ? "uri" : "name"));
  return std::nullopt;
}

class Endpoint {
 public:
  explicit Endpoint(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  void operator()(const Exchange& exchange) const {
    const std::string& method = exchange->request().method;
    if (method == "POST") return post(exchange);
    drop_large_body(*exchange);  // a stream may stand for hours
    if (method == "GET") return get(exchange);
    if (method == "DELETE") return end_session(exchange);
    not_allowed(*exchange, "GET, POST, DELETE");
  }

 private:
  void reject(http::Exchange& exchange, const RpcError& error, unsigned status, std::string_view id = {},
              http::Headers headers = {}) const {
    const http::Request& request = exchange.request();
    if (status >= 400) core_->on_refused({status, error.message, request.peer, request.principal.name});
    exchange.respond({.status = status, .body = error_response(id, error), .headers = std::move(headers)});
  }

  void not_allowed(http::Exchange& exchange, std::string_view methods) const {
    reject(exchange, invalid_request(fmt::format("only {} here", methods)), 405, {}, {{"Allow", std::string(methods)}});
  }

  void post(const Exchange& exchange) const {
    const http::Request& request = exchange->request();
    if (!is_json(request.header("Content-Type").value_or("")))
      return reject(*exchange, invalid_request("Content-Type is not application/json"), 415);
    const std::string_view accept = request.header("Accept").value_or("*/*");
    const bool may_stream = accepts(accept, "text/event-stream");
    if (!may_stream && !accepts(accept, "application/json"))
      return reject(*exchange, invalid_request("Accept leaves out application/json and text/event-stream"), 406);
    if (request.body.size() > core_->limits.message_bytes)
      return reject(*exchange,
                    invalid_request(fmt::format("the body is longer than {} bytes", core_->limits.message_bytes)), 413);
    const std::size_t size = request.body.size();
    const bool counts = size > kSmallMessage;
    if (counts && size + *core_->request_bytes > core_->limits.request_bytes)
      return reject(*exchange,
                    {.message = fmt::format("more than {} bytes of requests would be answered at once: try again later",
                                            core_->limits.request_bytes)},
                    503);
    std::string why;
    auto document = JsonDocument::parse(request.body, &why);
    drop_large_body(*exchange);
    if (document != nullptr && counts) document = counted(std::move(document), size, core_->request_bytes);
    if (document == nullptr) return reject(*exchange, {.code = code::kParseError, .message = "not JSON: " + why}, 400);
    if (document->root().is_array()) return batch(exchange, document, may_stream);
    auto message = take_apart(document, document->root());
    if (!message) return reject(*exchange, message.error().error, 400, message.error().id);
    if (claims_modern(*message) || request.header(kVersionHeader) == kModernVersion)
      return modern(exchange, *std::move(message), may_stream);
    legacy(exchange, *std::move(message), may_stream);
  }

  static Context context(const http::Request& request, Message message) {
    Context made;
    made.message = std::move(message);
    made.principal = request.principal;
    made.peer = request.peer;
    return made;
  }

  void modern(const Exchange& exchange, Message message, bool may_stream) const {
    const http::Request& request = exchange->request();
    if (message.kind == Message::Kind::response)
      return reject(*exchange, invalid_request("this server asks nothing of a modern client"), 400);
    if (message.kind == Message::Kind::notification) return accepted(*exchange);
    Context made = context(request, std::move(message));
    std::optional<RpcError> problem = read_meta(made);
    if (!problem && request.header(kVersionHeader) != made.version)
      problem = RpcError{.code = code::kHeaderMismatch,
                         .message = "the header MCP-Protocol-Version is missing or differs from params._meta"};
    if (!problem) problem = check_version(made.version);
    if (!problem) problem = check_headers(request, made.message);
    if (problem) return reject(*exchange, *problem, 400, made.message.id);
    const auto reply = std::make_shared<HttpReply>(exchange, core_->scheduler, may_stream, 1, false);
    made.reply = reply;
    core_->dispatch(std::move(made));
    reply->watch();
  }

  /// The session that a legacy request names; without one it is answered here.
  std::shared_ptr<Session> session_of(const Exchange& exchange, std::string_view id) const {
    const http::Request& request = exchange->request();
    const auto named = request.header(kSessionHeader);
    if (!named) {
      reject(*exchange,
             invalid_request(
                 fmt::format("no Mcp-Session-Id: begin with initialize, or send params._meta with each request; "
                             "this server serves {}",
                             versions_served())),
             400, id);
      return nullptr;
    }
    if (const auto version = request.header(kVersionHeader); version && !is_legacy_version(*version)) {
      reject(*exchange,
             invalid_request(fmt::format("unsupported MCP-Protocol-Version; this server serves {}", versions_served())),
             400, id);
      return nullptr;
    }
    auto session = core_->sessions.find(*named, request.principal.name, core_->scheduler.now());
    if (session == nullptr)
      reject(*exchange, invalid_request("there is no such session, or not any more: initialize again"), 404, id);
    return session;
  }

  static Context legacy_context(const http::Request& request, Message message,
                                const std::shared_ptr<Session>& session) {
    Context made = context(request, std::move(message));
    made.era = Era::legacy;
    made.version = session->version;
    made.abilities = session->abilities;
    made.log_level = session->log_level;
    made.session = session;
    made.in_flight = session->in_flight;
    return made;
  }

  void legacy(const Exchange& exchange, Message message, bool may_stream) const {
    if (message.method == "initialize" && message.kind == Message::Kind::request) return initialize(exchange, message);
    const auto session = session_of(exchange, message.id);
    if (session == nullptr) return;
    if (message.kind != Message::Kind::request) {
      accepted(*exchange);
      return take(message, *session);
    }
    const auto reply = std::make_shared<HttpReply>(exchange, core_->scheduler, may_stream, 1, false);
    Context made = legacy_context(exchange->request(), std::move(message), session);
    made.reply = reply;
    core_->dispatch(std::move(made));
    reply->watch();
  }

  /// A notification or a response.
  static void take(const Message& message, Session& session) {
    if (message.kind == Message::Kind::response) return Core::answered(message, session);
    Core::notified(message, session.in_flight.get());
  }

  void initialize(const Exchange& exchange, const Message& message) const {
    const http::Request& request = exchange->request();
    auto handshake = core_->initialize(message, request.principal);
    if (!handshake) return reject(*exchange, handshake.error(), 200, message.id);
    if (core_->closing) return reject(*exchange, {.message = "the server is shutting down"}, 503, message.id);
    const auto session = core_->sessions.add(std::move(handshake->session), core_->scheduler.now());
    exchange->respond(
        {.body = response(message.id, handshake->result), .headers = {{std::string(kSessionHeader), session->id}}});
  }

  void batch(const Exchange& exchange, const std::shared_ptr<const JsonDocument>& document, bool may_stream) const {
    const http::Request& request = exchange->request();
    const auto items = document->root().items();
    std::vector<std::expected<Message, BadMessage>> messages;
    for (const JsonView item : items) {
      if (messages.size() == core_->limits.batch_messages) break;
      messages.push_back(take_apart(document, item));
      if (messages.back() && claims_modern(*messages.back()))
        return reject(*exchange, invalid_request("there are no batches in 2026-07-28"), 400);
    }
    if (items.empty() || items.size() > core_->limits.batch_messages ||
        request.header(kVersionHeader) == kModernVersion)
      return reject(*exchange,
                    invalid_request(fmt::format("a batch has 1 to {} messages, none of them of 2026-07-28",
                                                core_->limits.batch_messages)),
                    400);
    const auto session = session_of(exchange, {});
    if (session == nullptr) return;
    if (session->version != "2025-03-26")
      return reject(*exchange, invalid_request(fmt::format("there are no batches in {}", session->version)), 400);

    const auto expects = [](const auto& message) { return !message || message->kind == Message::Kind::request; };
    const auto count = static_cast<std::size_t>(std::ranges::count_if(messages, expects));
    if (count == 0) accepted(*exchange);
    const auto reply = std::make_shared<HttpReply>(exchange, core_->scheduler, may_stream, count, true);
    for (auto& message : messages) {
      if (!message) {
        reply->respond(error_response(message.error().id, message.error().error), 400);
      } else if (message->kind != Message::Kind::request) {
        take(*message, *session);
      } else if (message->method == "initialize") {
        reply->respond(error_response(message->id, invalid_request("initialize is not part of a batch")), 400);
      } else {
        Context made = legacy_context(request, *std::move(message), session);
        made.reply = reply;
        core_->dispatch(std::move(made));
      }
    }
    reply->watch();
  }

  class StreamOutlet : public Outlet {
   public:
    StreamOutlet(Exchange exchange, std::shared_ptr<http::EventStream> stream)
        : exchange_(std::move(exchange)), stream_(std::move(stream)) {}
    bool send(std::string_view message) override { return stream_->send(event_of(message)); }
    void finish() override { stream_->finish(); }

   private:
    Exchange exchange_;
    std::shared_ptr<http::EventStream> stream_;
  };

  void get(const Exchange& exchange) const {
    const http::Request& request = exchange->request();
    if (!request.header(kSessionHeader)) return not_allowed(*exchange, "POST");
    const auto session = session_of(exchange, {});
    if (session == nullptr) return;
    if (!accepts(request.header("Accept").value_or(""), "text/event-stream"))
      return reject(*exchange, invalid_request("Accept leaves out text/event-stream"), 406);
    // A client that comes again has lost the stream it had.
    if (const auto before = std::exchange(session->outlet, nullptr)) before->finish();
    const auto outlet = std::make_shared<StreamOutlet>(exchange, exchange->stream({}));
    session->outlet = outlet;
    exchange->on_gone(
        [weak = std::weak_ptr(session), lost = std::weak_ptr<Outlet>(outlet), core = std::weak_ptr(core_)] {
          const auto left = weak.lock();
          const auto alive = core.lock();
          if (left == nullptr || alive == nullptr || left->outlet != lost.lock()) return;
          left->outlet = nullptr;
          (void)alive->sessions.find(left->id, left->principal, alive->scheduler.now());  // idle from now on
        });
  }

  void end_session(const Exchange& exchange) const {
    if (!exchange->request().header(kSessionHeader)) return not_allowed(*exchange, "POST");
    const auto session = session_of(exchange, {});
    if (session == nullptr) return;
    core_->sessions.end(session->id);
    exchange->respond({.status = 204, .content_type = ""});
  }

  std::shared_ptr<Core> core_;
};

}  // namespace

http::Handler http_handler(Server& server) {
  return [endpoint = Endpoint(server.core())](const Exchange& exchange) { endpoint(exchange); };
}

}  // namespace musher::mcp
