#include "mcp/session.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "crypto/hashing.hpp"
#include "model/text.hpp"

namespace musher::mcp {

bool InFlight::add(const std::string& id, std::function<void()> cancel, std::size_t most,
                   std::function<void()> finish) {
  return requests_.size() < most && requests_.emplace(id, Request{std::move(cancel), std::move(finish)}).second;
}

void InFlight::tell() const {
  if (changed_) changed_();
}

void InFlight::remove(const std::string& id) {
  if (requests_.erase(id) > 0) tell();
}

void InFlight::set_asking(const std::string& id, bool asking) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  found->second.asking = asking;
  if (asking) tell();
}

bool InFlight::is_full_for_now(std::size_t most) const {
  return requests_.size() >= most && std::ranges::any_of(requests_, [](const auto& entry) {
           return !entry.second.asking && entry.second.finish == nullptr;
         });
}

void InFlight::cancel(const std::string& id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  const auto cancel = std::move(found->second.cancel);
  requests_.erase(found);
  cancel();
  tell();
}

void InFlight::cancel_all() {
  const auto requests = std::exchange(requests_, {});
  for (const auto& [id, request] : requests) request.cancel();
}

void InFlight::finish_standing() {
  std::vector<std::function<void()>> finishes;
  std::erase_if(requests_, [&](auto& entry) {
    if (entry.second.finish == nullptr) return false;
    finishes.push_back(std::move(entry.second.finish));
    return true;
  });
  for (const auto& finish : finishes) finish();
}

void leave_unanswered(Session& session) {
  while (!session.questions.empty()) {
    const auto question = session.questions.begin();
    const auto take = std::move(question->second);
    session.questions.erase(question);
    take(Message{});
  }
}

void close_session(Session& session) {
  session.in_flight->cancel_all();
  session.questions.clear();
  if (const auto outlet = std::exchange(session.outlet, nullptr)) outlet->finish();
}

std::shared_ptr<Session> Sessions::add(Session session, Scheduler::Clock::time_point now) {
  if (by_id_.size() >= most_) {
    const auto idle = std::ranges::find_if(
        by_use_, [](const auto& old) { return old->outlet == nullptr && old->in_flight->size() == 0; });
    close(idle == by_use_.end() ? by_use_.begin() : idle);
  }
  std::array<std::uint8_t, 16> random{};
  random_bytes(random);
  session.id = to_hex(random);
  session.last_used = now;
  auto made = std::make_shared<Session>(std::move(session));
  by_id_[made->id] = by_use_.insert(by_use_.end(), made);
  return made;
}

std::shared_ptr<Session> Sessions::find(std::string_view id, std::string_view principal,
                                        Scheduler::Clock::time_point now) {
  const auto found = by_id_.find(std::string(id));
  if (found == by_id_.end() || (*found->second)->principal != principal) return nullptr;
  (*found->second)->last_used = now;
  by_use_.splice(by_use_.end(), by_use_, found->second);
  return *found->second;
}

void Sessions::end(const std::string& id) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) close(found->second);
}

void Sessions::expire(Scheduler::Clock::time_point now) {
  for (auto place = by_use_.begin(); place != by_use_.end() && now - (*place)->last_used >= idle_;) {
    const auto next = std::next(place);
    if ((*place)->outlet == nullptr && (*place)->in_flight->size() == 0) close(place);
    place = next;
  }
}

void Sessions::end_all() {
  while (!by_use_.empty()) close(by_use_.begin());
}

void Sessions::close(Order::iterator place) {
  const std::shared_ptr<Session> session = *place;
  by_id_.erase(session->id);
  by_use_.erase(place);
  close_session(*session);
}

}  // namespace musher::mcp
