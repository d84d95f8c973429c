#include "sync/engine.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "replica/settlement.hpp"

namespace musher::sync {
namespace {

constexpr std::size_t kMostPenalties = 1'024;
constexpr std::chrono::milliseconds kLeastClaim{1'000};    ///< however soon it is over
constexpr std::chrono::milliseconds kLongestPause{5'000};  ///< between two ticks: longer, and the process stood still

std::string hex(const AuthorId& author) { return to_hex(author.key); }

/// Somebody dialed here, and has not shown who it is.
bool is_unproven(const Session& session) {
  return session.is_live() && session.role() == Role::listener && !session.proven();
}

/// An own op that its peer says it has.
std::optional<Tip> claim_of(Session& session) {
  return session.is_live() && session.inbound() != nullptr ? session.inbound()->own_op_claimed() : std::nullopt;
}

}  // namespace

Engine::Engine(Services& services, EngineOptions options) : services_(services), options_(std::move(options)) {
  for (const std::string& url : options_.rendezvous) targets_.push_back({.url = url});
}

Engine::~Engine() {
  *alive_ = false;
  for (const auto& session : sessions_) session->abandon();
}

void Engine::begin(const LogMark& end) { tail_.begin(end); }

void Engine::appended(OutOps ops) {
  if (ops.empty()) return;
  tail_.add(std::move(ops));
  for (const auto& session : sessions_) session->pump();
}

// --- connections

std::shared_ptr<Session> Engine::add(OpenLink link, Role role, const std::string& url) {
  auto session = std::make_shared<Session>(
      Session::Setup{*this, services_, tail_, options_.limits, options_.self, options_.standing}, role, link.link, url);
  sessions_.push_back(session);
  link.start(session);
  session->begin();
  return session;
}

void Engine::accept(OpenLink link) {
  const auto count = [&](const auto& wanted) {
    return static_cast<std::size_t>(std::ranges::count_if(sessions_, wanted));
  };
  if (stopping_ || count([](const auto& session) { return session->is_live(); }) >= options_.limits.peers) {
    return add(std::move(link), Role::listener, "")
        ->end({CloseCode::unavailable, stopping_ ? "the node stops, or its log is bad" : "too many connections"});
  }
  if (count([](const auto& session) { return is_unproven(*session); }) >= options_.limits.unproven) {
    longest_unproven()->end({CloseCode::unavailable, "too many connections whose handshake is not done"});
  }
  add(std::move(link), Role::listener, "");
}

/// Who has had most time for its two messages goes: else those who never say anything would keep everybody out. But of
/// the source that holds most, or a flood would leave nobody far away the time for them.
std::shared_ptr<Session> Engine::longest_unproven() const {
  std::map<std::string, std::size_t> held;
  for (const auto& session : sessions_) {
    if (is_unproven(*session)) ++held[session->source()];
  }
  std::shared_ptr<Session> found;
  std::size_t most = 0;
  for (const auto& session : sessions_) {  // the oldest first
    if (!is_unproven(*session)) continue;
    if (const std::size_t holds = held[session->source()]; holds > most) {
      found = session;
      most = holds;
    }
  }
  return found;
}

Session* Engine::session_with(const AuthorId& peer, const Session* but) const {
  for (const auto& session : sessions_) {
    if (session.get() != but && session->is_live() && session->proven() && session->peer()->author == peer) {
      return session.get();
    }
  }
  return nullptr;
}

std::optional<Ending> Engine::claimed(Session& session, const AuthorId& author) {
  if (session.role() == Role::listener) return std::nullopt;
  // Two addresses of one node: the connection that stands is as good.
  const Session* other = session_with(author, &session);
  if (other == nullptr || other->role() != Role::dialer) return std::nullopt;
  return Ending{CloseCode::duplicate, fmt::format("connected to it at {} already", other->url())};
}

std::optional<Ending> Engine::proven(Session& session) {
  const AuthorId& peer = session.peer()->author;
  if (const auto penalty = penalties_.find(peer); penalty != penalties_.end()) {
    const auto left = penalty->second.until - services_.now();
    if (left.count() > 0) {
      return Ending{CloseCode::violation,
                    fmt::format("it broke the protocol; refused for {} s more", (left.count() + 999) / 1'000)};
    }
  }
  for (const auto& each : sessions_) {
    if (!each->is_live() && each->peer() && each->peer()->author == peer) each->end_closing();
  }
  Session* other = session_with(peer, &session);
  if (other == nullptr) return std::nullopt;
  if (other->role() != session.role()) {
    // Both dialed: both keep the one that the smaller key dialed.
    const bool we_are_smaller = options_.self.identity->author() < peer;
    const bool keep_new = (session.role() == Role::dialer) == we_are_smaller;
    if (!keep_new) return Ending{CloseCode::duplicate, "there is a connection already"};
  }
  // The same node dialed again: it has given up the connection that stands here.
  give_back(*other);
  other->supersede();
  other->end({CloseCode::duplicate, "there is a newer connection"});
  return std::nullopt;
}

void Engine::opened(Session& session) {
  for (Target& target : targets_) {
    if (target.url != session.url()) continue;
    target.last_error.clear();
    target.since_ms = 0;
  }
  write_records_soon();
  tell(false, "peer connected", session, std::string(session.how_it_resumes()));
}

void Engine::ended(Session& session) {
  const auto held = std::ranges::find(sessions_, &session, [](const auto& each) { return each.get(); });
  if (held == sessions_.end()) return;
  const std::shared_ptr<Session> keep = *held;
  sessions_.erase(held);
  const auto code = static_cast<CloseCode>(session.end_code());
  if (session.outbound() != nullptr) totals_.ops_sent += session.outbound()->ops_sent();
  // One that is refused since it was punished is not punished for that.
  const bool refused = session.proven() && session.inbound() == nullptr;
  if (session.is_violation() && !refused) {
    ++totals_.violations;
    if (session.peer()) punish(session.peer()->author);
  }
  const bool ordinary = code == CloseCode::duplicate || code == CloseCode::going_away || is_known_self(session);
  const bool is_second = session.proven() && session_with(session.peer()->author, nullptr) != nullptr;
  tell(!ordinary,
       is_second          ? "second connection closed"
       : session.proven() ? "peer disconnected"
                          : "connection refused",
       session, session.end_text());
  refusals_.note(session, services_.now(), services_.clock_ms());
  if (session.knows_record() && !session.superseded()) {
    records_[session.peer()->author] = session.record();
    write_records_soon();
  }
  give_back(session);
  dial_again(session);
}

void Engine::punish(const AuthorId& peer) {
  if (penalties_.size() >= kMostPenalties && !penalties_.contains(peer)) penalties_.clear();
  Penalty& penalty = penalties_[peer];
  if (penalty.until > services_.now()) return;  // an attempt that was refused does not make it longer
  const auto least = std::chrono::milliseconds(1'000) * (1U << std::min(penalty.count, 16U));
  penalty.until = services_.now() + std::min(least, options_.limits.penalty_most);
  ++penalty.count;
}

bool Engine::own_op_claimed(Session& session, const Tip& tip) {
  const AuthorId& peer = session.peer()->author;
  auto& held = claims_[peer];
  const bool holds = held < options_.limits.claims;
  if (holds) held += kLeastClaim;
  if (!session.told(Session::Told::own_op_claimed)) {
    const auto most = options_.limits.claims.count() / 1'000;
    tell(true, "own ops named", session,
         fmt::format("it says that it has op {} (index {}) of this node's own key, which this log has not got; {}",
                     to_hex(tip.id.hash).substr(0, 12), raw(tip.index),
                     holds ? fmt::format("local writes wait until it has shown it, {} s at most", most)
                           : fmt::format("it has held local writes for {} s already, and has shown nothing", most)));
  }
  return holds;
}

void Engine::own_op_elsewhere(Session& session, const Tip& tip) {
  claims_.erase(session.peer()->author);  // its word is good
  if (!session.told(Session::Told::own_op_shown)) {
    tell(true, "own ops elsewhere", session,
         fmt::format("it has op {} (index {}) of this node's own key, which this log has not got: the log lost its "
                     "tail, or was restored from an old copy; local writes are refused until it is fetched",
                     to_hex(tip.id.hash).substr(0, 12), raw(tip.index)));
  }
  if (options_.own_op_elsewhere) options_.own_op_elsewhere(tip, session.peer()->author);
}

std::optional<Engine::Claim> Engine::own_op_claimed() const {
  for (const auto& session : sessions_) {
    if (const auto tip = claim_of(*session)) return Claim{session->peer()->author, *tip};
  }
  return std::nullopt;
}

void Engine::charge_claims(std::chrono::milliseconds since) {
  for (const auto& session : sessions_) {
    if (!claim_of(*session)) continue;
    auto& held = claims_[session->peer()->author];
    held += std::min(since, kLeastClaim);  // a process that stood still did not listen for the proof
    if (held >= options_.limits.claims) session->inbound()->forget_own_op_claimed();
  }
}

void Engine::trust_changed() {
  const auto sessions = sessions_;
  for (const auto& session : sessions) {
    if (session->proven() && options_.standing(session->peer()->author) != Standing::allowed) {
      session->end({CloseCode::not_trusted, "its key is not trusted any more"});
    } else {
      session->reconcile();
    }
  }
  for (Target& target : targets_) {
    if (target.state == Target::State::waiting && !target.is_self) target.next = services_.now();
  }
}

// --- admission: one write at a time, each for one peer, in turn

void Engine::ready(Session&) { admit_next(); }

void Engine::round_begins(Session& session) {
  rounds_.push_back(session.shared_from_this());
  admit_next();
}

/// All that wait at once, and one write at a time: who connects again and again has no more of them than others.
void Engine::write_rounds() {
  struct Round {
    std::shared_ptr<Session> session;
    PeerRecord record;
  };
  auto rounds = std::make_shared<std::vector<Round>>();
  for (const auto& session : std::exchange(rounds_, {})) {
    if (session->is_live()) rounds->push_back({session, over_stored(session->record())});
  }
  if (rounds->empty()) return;
  writing_ = round_was_last_ = true;
  services_.write(
      [rounds](Replica& replica) -> Result<void> {
        MUSHER_TRY(auto log, replica.log().begin_write(replica.lock_timeout()));
        for (const Round& round : *rounds) MUSHER_CHECK(log->set_peer(round.record));
        return log->commit();
      },
      [this, alive = alive_, rounds](const Result<void>& written) {
        if (!*alive) return;
        writing_ = false;
        for (const Round& round : *rounds) {
          if (written) {
            wrote(round.record.peer, round.record.heard);
            round.session->written(round.record);
          }
          round.session->round_written(written);
        }
        admit_next();
      });
}

void Engine::admit_next() {
  if (!writing_ && after_write_) std::exchange(after_write_, nullptr)();
  // Here too: beside a flood there is no moment without a write.
  if (!writing_ && !stopping_ && services_.now() >= next_records_) write_records({});
  if (!writing_ && !round_was_last_) write_rounds();
  const auto is_ready = [](const std::shared_ptr<Session>& session) {
    return session->is_live() && session->inbound() != nullptr && session->inbound()->has_ready();
  };
  while (!writing_) {
    // In turn: who sends much does not hold up who sends little.
    if (++next_to_admit_ >= sessions_.size()) next_to_admit_ = 0;
    const auto middle = sessions_.begin() + static_cast<std::ptrdiff_t>(next_to_admit_);
    auto next = std::find_if(middle, sessions_.end(), is_ready);
    if (next == sessions_.end()) next = std::find_if(sessions_.begin(), middle, is_ready);
    if (next == sessions_.end() || !is_ready(*next)) break;
    next_to_admit_ = static_cast<std::size_t>(next - sessions_.begin());
    const auto session = *next;
    round_was_last_ = false;
    admit(session, session->inbound()->take_ready());
  }
  if (!writing_) write_rounds();
}

void Engine::admit(const std::shared_ptr<Session>& session, Inbound::Work work) {
  if (work.ops.empty() && !work.refused) {
    // Nothing but a mark: it is written down with the next ops, or soon.
    session->heard(work.heard, false);
    session->inbound()->admitted(work, {});
    return;
  }
  writing_ = true;
  struct Job {
    Inbound::Work work;
    PeerRecord record;
    BatchReport report;
  };
  auto job = std::make_shared<Job>(Job{std::move(work), over_stored(session->record_with(work.heard)), {}});
  services_.write(
      [job](Replica& replica) -> Result<void> {
        const std::string source = "peer:" + hex(job->record.peer);
        if (!job->work.ops.empty()) {
          MUSHER_TRY(job->report, admit_batch(replica, job->work.ops, source, job->record));
        }
        if (job->work.refused) {
          MUSHER_TRY(auto log, replica.log().begin_write(replica.lock_timeout()));
          MUSHER_CHECK(log->quarantine_add(quarantined(
              job->work.refused->op, std::string(to_string(job->work.refused->why)), source, replica.host().now_ms())));
          job->report.gave_up |= log->gave_up();
          return log->commit();
        }
        return {};
      },
      [this, alive = alive_, session, job](Result<void> done) {
        if (!*alive) return;
        writing_ = false;
        if (!done) {
          session->end(unavailable(done.error()));
        } else {
          const bool no_mark = job->report.gave_up || !job->report.missing.empty();
          if (!job->work.ops.empty()) wrote(job->record.peer, no_mark ? std::nullopt : job->record.heard);
          totals_.ops_received += job->work.ops.size();
          totals_.ops_admitted += job->report.admitted;
          if (job->report.gave_up) forget_marks();
          if (!job->report.missing.empty()) forget_mark(job->record.peer);
          if (job->work.round == session->inbound()->round()) {
            session->heard(job->work.heard, false);
            session->written(job->record);
          }
          session->inbound()->admitted(job->work, job->report);
          if (job->report.gave_up && !session->told(Session::Told::quarantine_full)) tell_of_full_quarantine(*session);
          if (session->inbound()->lacks_much() && !session->told(Session::Told::lacks_much)) {
            tell(true, "ops miss others", *session,
                 fmt::format("its ops depend on more than {} that neither end has shown: they wait. musher inspect "
                             "quarantine --log {}",
                             kMaxIds, shell_word(options_.self.path)));
          }
        }
        admit_next();
      });
}

void Engine::tell_of_full_quarantine(const Session& session) {
  tell(true, "quarantine full", session,
       fmt::format("what it sent has to wait, and some of what waited was given up for it: all peers are compared by "
                   "their tips when they connect again. musher inspect quarantine --log {}",
                   shell_word(options_.self.path)));
}

// --- time

void Engine::tick() {
  const auto now = services_.now();
  const auto since = now - std::exchange(last_tick_, now).value_or(now);
  charge_claims(since);
  const auto sessions = sessions_;
  for (const auto& session : sessions) {
    if (since > kLongestPause) session->clock_skips(since);
    session->check_time(now);
  }
  if (stopping_) return;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i].state == Target::State::waiting && targets_[i].next <= now) dial(i);
  }
  if (now >= next_records_ && !writing_) write_records({});
}

void Engine::stop(const Ending& ending) {
  stopping_ = true;
  for (Target& target : targets_) {
    if (target.cancel) std::exchange(target.cancel, {})();
    target.state = Target::State::stopped;
  }
  const auto sessions = sessions_;
  for (const auto& session : sessions) session->end(ending);
}

void Engine::tell(bool warning, std::string_view what, const Session& session, std::string detail) {
  if (!options_.on_event) return;
  options_.on_event(
      {warning, what, session.peer() ? hex(session.peer()->author) : "", session.address(), std::move(detail)});
}

}  // namespace musher::sync
