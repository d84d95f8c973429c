#pragma once
// One request that a handler answers: a tool's call, a prompt, a resource to read.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/exchange.hpp"
#include "mcp/ask.hpp"
#include "mcp/content.hpp"
#include "mcp/message.hpp"
#include "mcp/protocol.hpp"
#include "mcp/reply.hpp"

namespace musher::mcp {

/// What is known about a request before it is looked at closely. Views live as long as message.document.
struct Context {
  Message message;
  Era era = Era::modern;
  std::string_view version{};
  Abilities abilities{};
  std::optional<LogLevel> log_level{};  ///< log messages of this level and above are wanted
  http::Principal principal{};
  std::string peer{};
  std::shared_ptr<struct Session> session{};    ///< legacy
  std::shared_ptr<class InFlight> in_flight{};  ///< where notifications/cancelled finds it; none on stateless HTTP
  std::shared_ptr<Reply> reply{};
};

class Core;

/// Kept by a handler until it is answered, on one thread. Answering twice is without effect, as is all else once it is
/// answered or cancelled.
class Call : public std::enable_shared_from_this<Call> {
 public:
  /// What a call is about; made by the server. handler is called again when an answer came.
  struct Target {
    std::string name;  ///< tool or prompt name, or URI
    JsonView arguments;
    std::vector<std::pair<std::string, std::string>> variables{};  ///< of a resource template
    std::function<void(std::shared_ptr<Call>)> handler;
    /// The answer behind its id.
    std::function<std::shared_ptr<const std::string>(const ToolResult&)> on_tool_result{};
  };
  Call(std::shared_ptr<Core> core, Context context, Target target);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call();

  [[nodiscard]] JsonView arguments() const { return target_.arguments; }
  /// Tool or prompt name, or the resource's URI.
  [[nodiscard]] const std::string& target() const { return target_.name; }
  /// Of a resource template's variables: its value, percent-decoded; empty when there is none.
  [[nodiscard]] std::string_view variable(std::string_view name) const;
  [[nodiscard]] const http::Principal& principal() const { return context_.principal; }
  [[nodiscard]] const std::string& peer() const { return context_.peer; }
  [[nodiscard]] Era era() const { return context_.era; }
  [[nodiscard]] std::string_view version() const { return context_.version; }

  /// Tells the client how far it is, if it asked to be told; total and message may be left out. What does not rise is
  /// not sent. A call of more than 20 s should say something at least that often.
  void progress(double done, std::optional<double> total = {}, std::string_view message = {});
  /// A log message for the client, if it asked for this level. data: JSON.
  void log(LogLevel level, std::string_view logger, std::string_view data);

  /// The client takes no answer any more.
  [[nodiscard]] bool cancelled() const { return state_ == State::cancelled; }
  /// Called once, when it is cancelled; at once if it is already.
  void on_cancel(std::function<void()> callback);

  void finish(ToolResult result);
  void finish(const PromptResult& result);
  void finish(const ResourceResult& result);
  /// There is no such resource.
  void not_found();
  void fail(RpcError error);
  /// The client did not say that it has what this needs. Legacy: a plain invalid request.
  void fail_without(Ability ability);

  /// The client said that it can be asked for this, and there is a way to.
  [[nodiscard]] bool can_ask(Ability ability) const;
  /// Asks, in the way of the era; the handler is called again with the answers: in the modern era as a new call, in
  /// the legacy one as this. Questions that this client cannot be asked are answered `unavailable`, then and there
  /// where that is all of them: the handler is called from within.
  void ask(Ask ask);
  /// The answer to a question that was asked; unasked before.
  [[nodiscard]] Answer answer(std::string_view key) const { return answers_.find(key); }
  /// The binding of the Ask that is answered; empty before.
  [[nodiscard]] const std::string& binding() const { return binding_; }
  /// An answer that came without having been asked by this server (modern): proof of nothing.
  [[nodiscard]] Answer unbound_answer(std::string_view key, Ability kind) const;

 private:
  friend class Core;
  enum class State { open, answered, cancelled };

  [[nodiscard]] struct AskScope scope() const;
  void cancel();
  void shut_down();  ///< cancels it, and tells the client why
  void respond(std::string message, unsigned http_status);
  void end(State state);
  void ask_modern(const Ask& ask);
  void ask_legacy(Ask ask);
  void answered(Answers answers, std::string binding);

  // fixed after construction
  std::shared_ptr<Core> core_;
  Context context_;
  Target target_;
  std::string progress_token_;  ///< JSON; empty: not asked for
  // changes with the call
  State state_ = State::open;
  std::optional<double> progress_;
  std::function<void()> on_cancel_;
  Answers answers_;
  std::string binding_;
  int rounds_ = 0;                        ///< how often it asked
  std::function<void()> drop_questions_;  ///< legacy: takes back what the client was asked
};

}  // namespace musher::mcp
