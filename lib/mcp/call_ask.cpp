// How a call asks: the modern era's answer with a signed state, the legacy era's requests on the call's own stream.

#include <fmt/format.h>

#include <algorithm>

#include "json/json_writer.hpp"
#include "mcp/call.hpp"
#include "mcp/core.hpp"

namespace musher::mcp {
namespace {

/// A legacy call that waits for its client.
struct Waiting {
  std::shared_ptr<Call> call;
  Ask ask;
  Answers answers;
  std::vector<std::string> open;  ///< ids of the requests without an answer
  Scheduler::TimerId timer{};
};

std::string cancelled_notification(std::string_view id) {
  return notification("notifications/cancelled", fmt::format(R"({{"requestId":{},"reason":"no longer needed"}})", id));
}

}  // namespace

bool Call::can_ask(Ability ability) const {
  if (!context_.abilities.has(ability)) return false;
  if (context_.era == Era::modern) return true;
  const bool too_old = ability == Ability::elicitation && context_.version == "2025-03-26";
  return !too_old && context_.session != nullptr && context_.reply->can_send();
}

void Call::ask(Ask ask) {
  constexpr int kMostRounds = 16;
  if (state_ != State::open) return;
  if (++rounds_ > kMostRounds) return fail({.message = "internal error: it asks without end"});
  if (std::ranges::none_of(ask.questions, [&](const Question& question) { return can_ask(question.kind); })) {
    Answers answers;
    for (const Question& question : ask.questions)
      answers.by_key.emplace_back(question.key, Answer{Outcome::unavailable});
    return answered(std::move(answers), std::move(ask.binding));
  }
  if (context_.era == Era::modern) return ask_modern(ask);
  ask_legacy(std::move(ask));
}

void Call::answered(Answers answers, std::string binding) {
  answers_ = std::move(answers);
  binding_ = std::move(binding);
  Core::run(shared_from_this());
}

void Call::ask_modern(const Ask& ask) {
  std::string result;
  JsonWriter json(result);
  json.begin_object().key("resultType").string("input_required").key("inputRequests").begin_object();
  for (const Question& question : ask.questions) {
    if (!can_ask(question.kind)) continue;
    json.key(question.key).begin_object().key("method").string(method_of(question.kind));
    json.key("params").verbatim(params_of(question, true)).end_object();
  }
  json.end_object().key("requestState").string(core_->states.seal(scope(), ask, core_->scheduler.now()));
  json.key("_meta")
      .begin_object()
      .key(meta::kServerInfo)
      .verbatim(core_->server_info())
      .end_object()
      .end_object()
      .end();
  respond(response(context_.message.id, result), 200);
}

void Call::ask_legacy(Ask ask) {
  const std::shared_ptr<Session> session = context_.session;
  const auto waiting = std::make_shared<Waiting>();
  waiting->call = shared_from_this();
  waiting->ask = std::move(ask);

  const auto done = [](const std::shared_ptr<Waiting>& finished) {
    const std::shared_ptr<Call> call = std::exchange(finished->call, nullptr);
    if (call == nullptr) return;
    call->core_->scheduler.cancel(finished->timer);
    call->drop_questions_ = nullptr;
    if (call->context_.in_flight != nullptr) call->context_.in_flight->set_asking(call->context_.message.id, false);
    call->answered(std::move(finished->answers), finished->ask.binding);
  };
  // What is not answered when the time is over, or cannot be sent, was cancelled by the user for all we know.
  const auto give_up = [session](Waiting& over, bool tell) {
    for (const std::string& id : over.open) {
      session->questions.erase(id);
      if (tell && over.call != nullptr) over.call->context_.reply->send(cancelled_notification(id));
    }
    over.open.clear();
  };

  std::vector<std::string> messages;
  for (const Question& question : waiting->ask.questions) {
    const bool room = session->questions.size() < core_->limits.questions;
    if (!can_ask(question.kind) || !room) {
      waiting->answers.by_key.emplace_back(question.key, Answer{Outcome::unavailable});
      continue;
    }
    const std::size_t place = waiting->answers.by_key.size();
    waiting->answers.by_key.emplace_back(question.key, Answer{Outcome::cancelled});
    std::string id = fmt::format("\"musher-{}\"", core_->next_question++);
    session->questions[id] = [waiting, id, place, done, kind = question.kind,
                              schema = question.schema](const Message& sent) {
      std::erase(waiting->open, id);
      if (Answer answer = judge(kind, schema, sent.result); answer.outcome != Outcome::unasked) {
        waiting->answers.by_key[place].second = answer;
        waiting->answers.documents.push_back(sent.document);
      }
      if (waiting->open.empty()) done(waiting);
    };
    const bool with_mode = context_.version == kLegacyVersions.front();
    messages.push_back(request(id, method_of(question.kind), params_of(question, with_mode)));
    waiting->open.push_back(std::move(id));
  }

  drop_questions_ = [waiting, give_up, &scheduler = core_->scheduler] {
    scheduler.cancel(waiting->timer);
    give_up(*waiting, false);
    waiting->call = nullptr;
  };
  waiting->timer = core_->scheduler.after(core_->limits.answer_time, [waiting, give_up, done] {
    give_up(*waiting, true);
    done(waiting);
  });
  if (context_.in_flight != nullptr) context_.in_flight->set_asking(context_.message.id, true);
  const bool sent =
      std::ranges::all_of(messages, [&](const std::string& message) { return context_.reply->send(message); });
  if (waiting->open.empty() || !sent) {
    give_up(*waiting, false);
    done(waiting);
  }
}

}  // namespace musher::mcp
