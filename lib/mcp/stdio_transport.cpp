#include "mcp/stdio_transport.hpp"

#include <fmt/format.h>

#include "mcp/core.hpp"
#include "mcp/envelope.hpp"

namespace musher::mcp {

struct StdioTransport::Connection : std::enable_shared_from_this<Connection> {
  // fixed after construction
  std::shared_ptr<Core> core;
  http::Principal principal;
  WriteLine write_line;
  std::function<void()> on_ended;
  std::function<void()> on_room;
  std::shared_ptr<InFlight> in_flight = std::make_shared<InFlight>();
  // changes with each message
  std::shared_ptr<Session> session{};  ///< after initialize
  std::string line{};                  ///< what came of the next line
  bool too_long = false;               ///< that line's rest is skipped
  bool full = false;                   ///< who feeds it waits for room
  bool input_ended = false;
  bool ended = false;

  [[nodiscard]] bool has_room() const { return ended || !in_flight->is_full_for_now(core->limits.in_flight); }

  void tell_of_room() {
    if (!full || !has_room()) return;
    full = false;
    if (on_room) on_room();
  }

  bool write(std::string_view message) {
    if (ended) return false;
    std::string out;
    out.reserve(message.size() + 1);
    out.append(message).append("\n");
    if (!write_line(out)) {
      end();
      return false;
    }
    end_if_done();
    return true;
  }

  void end_input() {
    if (ended) return;
    in_flight->finish_standing();
    if (session != nullptr) leave_unanswered(*session);
    input_ended = true;
    end_if_done();
  }

  void end_if_done() {
    if (input_ended && in_flight->size() == 0) end();
  }

  void end() {
    if (std::exchange(ended, true)) return;
    in_flight->cancel_all();
    if (session != nullptr) close_session(*session);
    if (const auto call = std::exchange(on_ended, nullptr)) call();
  }

  void refuse(const RpcError& error, std::string_view id = {}) { write(error_response(id, error)); }

  void take_line(std::string_view text);
  void take(const std::shared_ptr<const JsonDocument>& document, JsonView value, const std::shared_ptr<Reply>& reply);
  void request(Message message, std::shared_ptr<Reply> reply);
  void initialize(const Message& message, Reply& reply);
  void batch(const std::shared_ptr<const JsonDocument>& document);
};

namespace {

RpcError invalid_request(std::string why) { return {.code = code::kInvalidRequest, .message = std::move(why)}; }

/// Writes a connection's messages, until that is gone.
template <class Connection>
class LineReply : public Reply {
 public:
  explicit LineReply(const std::shared_ptr<Connection>& connection) : connection_(connection) {}

  bool send(std::string_view message) override {
    const auto connection = connection_.lock();
    return connection != nullptr && connection->write(message);
  }
  bool can_send() const override { return !connection_.expired(); }
  void respond(std::string message, unsigned) override { send(message); }
  void drop() override {}
  void on_gone(std::function<void()>) override {}

 private:
  std::weak_ptr<Connection> connection_;
};

/// Collects the responses of a batch into one line.
template <class Connection>
class BatchReply : public LineReply<Connection> {
 public:
  BatchReply(const std::shared_ptr<Connection>& connection, std::size_t responses)
      : LineReply<Connection>(connection), open_(responses) {}

  void respond(std::string message, unsigned) override {
    if (!collected_.empty()) collected_ += ',';
    collected_ += message;
    drop();
  }
  void drop() override {
    if (--open_ == 0 && !collected_.empty()) this->send("[" + collected_ + "]");
  }

 private:
  std::size_t open_;
  std::string collected_;
};

template <class Connection>
class LineOutlet : public Outlet {
 public:
  explicit LineOutlet(const std::shared_ptr<Connection>& connection) : reply_(connection) {}
  bool send(std::string_view message) override { return reply_.send(message); }
  void finish() override {}

 private:
  LineReply<Connection> reply_;
};

}  // namespace

void StdioTransport::Connection::take_line(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.find_first_not_of(" \t") == std::string_view::npos) return;
  std::string why;
  const auto document = JsonDocument::parse(text, &why);
  if (document == nullptr) return refuse({.code = code::kParseError, .message = "not JSON: " + why});
  if (document->root().is_array()) return batch(document);
  take(document, document->root(), std::make_shared<LineReply<Connection>>(shared_from_this()));
}

void StdioTransport::Connection::take(const std::shared_ptr<const JsonDocument>& document, JsonView value,
                                      const std::shared_ptr<Reply>& reply) {
  auto message = take_apart(document, value);
  if (!message) return reply->respond(error_response(message.error().id, message.error().error), 400);
  switch (message->kind) {
    case Message::Kind::request: return request(*std::move(message), reply);
    case Message::Kind::notification: return Core::notified(*message, in_flight.get());
    case Message::Kind::response:
      if (session != nullptr) Core::answered(*message, *session);
  }
}

void StdioTransport::Connection::request(Message message, std::shared_ptr<Reply> reply) {
  const std::string id = message.id;
  Context context{.message = std::move(message), .principal = principal, .peer = "stdio"};
  context.in_flight = in_flight;
  context.reply = std::move(reply);
  if (claims_modern(context.message)) {
    std::optional<RpcError> problem = read_meta(context);
    if (!problem) problem = check_version(context.version);
    if (problem) return context.reply->respond(error_response(id, *problem), 400);
    return core->dispatch(std::move(context));
  }
  if (context.message.method == "initialize") return initialize(context.message, *context.reply);
  context.era = Era::legacy;
  if (session == nullptr && context.message.method != "ping") {
    return context.reply->respond(
        error_response(
            id, invalid_request(fmt::format("begin with initialize, or send params._meta with each request; this "
                                            "server serves {}",
                                            versions_served()))),
        400);
  }
  if (session != nullptr) {
    context.version = session->version;
    context.abilities = session->abilities;
    context.log_level = session->log_level;
    context.session = session;
  }
  core->dispatch(std::move(context));
}

void StdioTransport::Connection::initialize(const Message& message, Reply& reply) {
  auto handshake = core->initialize(message, principal);
  if (!handshake) return reply.respond(error_response(message.id, handshake.error()), 200);
  if (session != nullptr) session->outlet = nullptr;
  session = std::make_shared<Session>(std::move(handshake->session));
  session->in_flight = in_flight;
  session->outlet = std::make_shared<LineOutlet<Connection>>(shared_from_this());
  core->stdio_sessions.push_back(session);
  reply.respond(response(message.id, handshake->result), 200);
}

void StdioTransport::Connection::batch(const std::shared_ptr<const JsonDocument>& document) {
  const auto items = document->root().items();
  if (session == nullptr || session->version != "2025-03-26" || items.empty() ||
      items.size() > core->limits.batch_messages)
    return refuse(invalid_request(
        fmt::format("a batch has 1 to {} messages, and only in 2025-03-26", core->limits.batch_messages)));
  std::size_t requests = 0;
  for (const JsonView item : items) {
    const auto message = take_apart(document, item);
    if (message && claims_modern(*message)) return refuse(invalid_request("there are no batches in 2026-07-28"));
    if (!message || message->kind == Message::Kind::request) ++requests;
  }
  const auto reply = std::make_shared<BatchReply<Connection>>(shared_from_this(), requests);
  for (const JsonView item : items) {
    if (item["method"].string() == "initialize" && item["id"].exists())
      reply->respond(error_response(id_text(item["id"]), invalid_request("initialize is not part of a batch")), 400);
    else
      take(document, item, reply);
  }
}

StdioTransport::StdioTransport(Server& server, http::Principal principal, WriteLine write_line,
                               std::function<void()> on_ended, std::function<void()> on_room)
    : connection_(std::make_shared<Connection>()) {
  connection_->core = server.core();
  connection_->principal = std::move(principal);
  connection_->write_line = std::move(write_line);
  connection_->on_ended = std::move(on_ended);
  connection_->on_room = std::move(on_room);
  connection_->in_flight->on_change([weak = std::weak_ptr(connection_)] {
    if (const auto connection = weak.lock()) connection->tell_of_room();
  });
}

StdioTransport::~StdioTransport() {
  connection_->on_ended = nullptr;
  connection_->on_room = nullptr;
  connection_->end();
}

std::size_t StdioTransport::feed(std::string_view bytes) {
  Connection& connection = *connection_;
  const std::size_t most = connection.core->limits.message_bytes;
  const std::size_t all = bytes.size();
  connection.full = false;
  while (!bytes.empty() && !connection.ended && !connection.input_ended && connection.has_room()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (!connection.too_long && connection.line.size() + part.size() > most) {
      connection.too_long = true;
      connection.line.clear();
      connection.refuse(invalid_request(fmt::format("a message is longer than {} bytes", most)));
    }
    if (!connection.too_long) connection.line += part;
    if (end == std::string_view::npos) return all;
    bytes.remove_prefix(end + 1);
    const std::string line = std::exchange(connection.line, {});
    if (!std::exchange(connection.too_long, false)) connection.take_line(line);
  }
  connection.full = !connection.has_room();
  return all - bytes.size();
}

bool StdioTransport::has_room() const { return connection_->has_room(); }

void StdioTransport::end_of_input() {
  if (!connection_->ended && !connection_->line.empty()) connection_->take_line(std::exchange(connection_->line, {}));
  connection_->end_input();
}

void StdioTransport::cut_off() { connection_->end(); }

bool StdioTransport::ended() const { return connection_->ended; }

}  // namespace musher::mcp
