#include "sync/engine.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "replica/settlement.hpp"

namespace musher::sync {
namespace {

constexpr std::size_t kMostPenalties = 1'024;
constexpr std::chrono::milliseconds kSlowRetry{60'000};
constexpr std::size_t kMostRefusals = 16;
constexpr std::chrono::milliseconds kRefusalShown{300'000};  ///< longer than any node waits before it dials again
constexpr std::chrono::milliseconds kSoon{250};
constexpr std::chrono::milliseconds kClaimRetry{5'000};
constexpr std::chrono::milliseconds kLeastClaim{1'000};    ///< however soon it is over
constexpr std::chrono::milliseconds kLongestPause{5'000};  ///< between two ticks: longer, and the process stood still

std::string hex(const AuthorId& author) { return to_hex(author.key); }

bool is_live(const Session& session) {
  return session.state() != Session::State::closing && session.state() != Session::State::closed;
}

/// Somebody dialed here, and has not shown who it is.
bool is_unproven(const Session& session) {
  return is_live(session) && session.role() == Role::listener && !session.proven();
}

/// An own op that its peer says it has.
std::optional<Tip> claim_of(Session& session) {
  return is_live(session) && session.inbound() != nullptr ? session.inbound()->own_op_claimed() : std::nullopt;
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
  if (stopping_ || count([](const auto& session) { return is_live(*session); }) >= options_.limits.peers) {
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
    if (session.get() != but && is_live(*session) && session->proven() && session->peer()->author == peer) {
      return session.get();
    }
  }
  return nullptr;
}

/// What this node says first where it dials is known to nobody else yet.
bool Engine::greeted(const Nonce& nonce) {
  for (const auto& session : sessions_) {
    if (session->role() != Role::dialer || session->nonce() != nonce) continue;
    const auto target = std::ranges::find(targets_, session->url(), &Target::url);
    if (target != targets_.end()) target->is_self = true;
    return true;
  }
  return false;
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
  Session* other = session_with(peer, &session);
  if (other == nullptr) return std::nullopt;
  if (other->role() != session.role()) {
    // Both dialed: both keep the one that the smaller key dialed.
    const bool we_are_smaller = options_.self.identity->author() < peer;
    const bool keep_new = (session.role() == Role::dialer) == we_are_smaller;
    if (!keep_new) return Ending{CloseCode::duplicate, "there is a connection already"};
  }
  // The same node dialed again: it has given up the connection that stands here.
  other->supersede();
  other->end({CloseCode::duplicate, "there is a newer connection"});
  return std::nullopt;
}

std::optional<PeerRecord> Engine::take_record(const AuthorId& peer) {
  const auto found = records_.find(peer);
  if (found == records_.end()) return std::nullopt;
  PeerRecord record = over_stored(std::move(found->second));
  records_.erase(found);
  return record;
}

std::uint64_t Engine::writes_of(const AuthorId& peer) const {
  const auto stored = stored_.find(peer);
  return stored == stored_.end() ? 0 : stored->second.writes;
}

void Engine::found_stored(const AuthorId& peer, std::uint64_t writes, const std::optional<LogMark>& mark) {
  if (Stored& stored = stored_[peer]; stored.writes == writes) stored.mark = mark;
}

PeerRecord Engine::over_stored(PeerRecord record) const {
  const auto stored = stored_.find(record.peer);
  record.heard_before = stored == stored_.end() ? std::nullopt : stored->second.mark;
  return record;
}

void Engine::wrote(const AuthorId& peer, const std::optional<LogMark>& mark) {
  Stored& stored = stored_[peer];
  stored.mark = mark;
  ++stored.writes;
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
  const bool ordinary = code == CloseCode::duplicate || code == CloseCode::going_away;
  const bool is_second = session.proven() && session_with(session.peer()->author, nullptr) != nullptr;
  tell(!ordinary,
       is_second          ? "second connection closed"
       : session.proven() ? "peer disconnected"
                          : "connection refused",
       session, session.end_text());
  if (session.role() == Role::listener && !session.proven() && !session.is_this_node()) note_refusal(session);
  if (session.knows_record() && !session.superseded()) {
    records_[session.peer()->author] = session.record();
    write_records_soon();
  }
  for (Target& target : targets_) {
    if (target.url == session.url()) {
      // Told that there is a connection already, it need not have proven who it is.
      if (session.proven() || code == CloseCode::duplicate) target.peer = session.claimed();
      // Replaced at the other end by a connection that is not of this process: by another server of this log, which
      // would be replaced in its turn.
      const bool replaced = code == CloseCode::duplicate && session.inbound() != nullptr && !session.ending() &&
                            session_with(session.peer()->author, nullptr) == nullptr;
      if (went_well(session)) target.failures = 0;
      retry_later(target, session.end_text(), session.end_code());
      if (replaced) target.next = std::max(target.next, services_.now() + kSlowRetry);
    } else if (session.peer() && target.peer == session.peer()->author && target.state == Target::State::waiting) {
      target.next = services_.now();  // it was left alone while another connection stood
    }
  }
}

/// For `inspect peers`: it is the operator here who can let it in.
void Engine::note_refusal(const Session& session) {
  const auto code = static_cast<CloseCode>(session.end_code());
  if (!session.ending() || !session.claimed() || code == CloseCode::unavailable || code == CloseCode::timed_out) return;
  Refusal refusal{.source = session.source(),
                  .code = code,
                  .address = session.address(),
                  .at_ms = services_.clock_ms(),
                  .until = services_.now() + kRefusalShown,
                  .why = session.end_text()};
  if (code == CloseCode::not_trusted) refusal.peer = session.claimed();  // that comes behind the proof
  std::erase_if(refusals_, [&](const Refusal& earlier) {
    return earlier.peer == refusal.peer &&
           (refusal.peer || (earlier.source == refusal.source && earlier.code == refusal.code));
  });
  if (refusals_.size() >= kMostRefusals) {  // one who has proven nothing, if there is
    const auto unproven = std::ranges::find_if(refusals_, [](const Refusal& each) { return !each.peer; });
    refusals_.erase(unproven == refusals_.end() ? refusals_.begin() : unproven);
  }
  refusals_.push_back(std::move(refusal));
}

/// One that opened and ended since an end cannot write may open and end so again and again.
bool Engine::went_well(const Session& session) const {
  if (!session.open_since()) return false;
  return static_cast<CloseCode>(session.end_code()) != CloseCode::unavailable ||
         services_.now() - *session.open_since() > options_.limits.retry_most;
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
    if (target.state == Target::State::waiting) target.next = services_.now();
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
    if (is_live(*session)) rounds->push_back({session, over_stored(session->record())});
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
    return is_live(*session) && session->inbound() != nullptr && session->inbound()->has_ready();
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

/// Wherever it is held: that nothing is stored now does not tell it from one that another process took away.
void Engine::forget_mark(const AuthorId& peer) {
  if (const auto record = records_.find(peer); record != records_.end()) record->second.heard.reset();
  for (const auto& session : sessions_) {
    if (session->peer() && session->peer()->author == peer) session->heard(std::nullopt, true);
  }
}

/// Until their next connections, which go by tips.
void Engine::forget_marks() {
  for (auto& [peer, record] : records_) record.heard.reset();
  for (auto& [peer, stored] : stored_) stored.mark.reset();
  for (const auto& session : sessions_) session->heard(std::nullopt, true);
}

// --- whom we dial

void Engine::set_rendezvous(const std::vector<std::string>& urls) {
  for (Target& target : targets_) {
    if (std::ranges::find(urls, target.url) != urls.end()) {
      if (!target.is_dialed()) target.state = Target::State::waiting;
      if (target.state == Target::State::waiting) target.next = services_.now();
      continue;
    }
    if (target.cancel) std::exchange(target.cancel, {})();
    target.state = Target::State::left;  // kept: a dial that is under way refers to it
  }
  for (const std::string& url : urls) {
    if (std::ranges::find(targets_, url, &Target::url) == targets_.end()) targets_.push_back({.url = url});
  }
  const auto sessions = sessions_;
  for (const auto& session : sessions) {
    const bool left = session->role() == Role::dialer && std::ranges::find(urls, session->url()) == urls.end();
    if (left) session->end({CloseCode::going_away, "it is not to be dialed any more"});
  }
}

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

void Engine::dial(std::size_t index) {
  Target& target = targets_[index];
  if (target.peer && session_with(*target.peer, nullptr) != nullptr) {
    target.next = services_.now() + options_.limits.retry_least;
    return;
  }
  if (target.since_ms == 0) target.since_ms = services_.clock_ms();
  if (!options_.may_dial(target.url)) {
    const std::string why = "another server of this log dials it";
    if (options_.on_event && std::exchange(target.last_error, why) != why) {
      options_.on_event({false, "left to another server", target.url, target.url, why});
    }
    target.next = services_.now() + kClaimRetry;
    return;
  }
  target.state = Target::State::dialing;
  target.cancel = services_.dial(target.url, [this, alive = alive_, index](Result<OpenLink> link) {
    if (!*alive) return;
    Target& dialed = targets_[index];
    dialed.cancel = {};
    if (!link) {
      options_.dial_failed(dialed.url);
      const std::string why = with_hint(link.error().what, link.error().hint);
      if (options_.on_event && dialed.last_error != why) {
        options_.on_event({true, "cannot reach peer", dialed.url, dialed.url, why});
      }
      return retry_later(dialed, why, 0);
    }
    dialed.state = Target::State::connected;
    add(*std::move(link), Role::dialer, dialed.url);
  });
}

/// Doubles with each failure, and is drawn from the upper half, so that nodes that lost one peer do not come back to it
/// all at once.
void Engine::retry_later(Target& target, const std::string& why, std::uint16_t code) {
  if (!target.is_dialed()) return;
  target.state = Target::State::waiting;
  if (target.since_ms == 0) target.since_ms = services_.clock_ms();
  const auto ending = static_cast<CloseCode>(code);
  if (ending != CloseCode::duplicate && ending != CloseCode::going_away) target.last_error = why;
  if (ending == CloseCode::same_node && target.is_self) {
    target.state = Target::State::stopped;
    return;
  }
  const Limits& limits = options_.limits;
  std::chrono::milliseconds wait =
      std::min(limits.retry_most, limits.retry_least * (1U << std::min(target.failures, 16U)));
  if (ending == CloseCode::wrong_document || ending == CloseCode::unsupported || ending == CloseCode::same_key ||
      ending == CloseCode::same_node) {
    wait = std::max(wait, std::min(limits.retry_most, kSlowRetry));
  }
  ++target.failures;
  std::array<std::uint8_t, 4> random{};
  services_.random(random);
  std::uint32_t number = 0;
  for (const std::uint8_t byte : random) number = number << 8U | byte;
  const auto half = wait / 2;
  target.next =
      services_.now() + half + std::chrono::milliseconds(number % static_cast<std::uint64_t>(half.count() + 1));
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

// --- what is written down, and shown

/// So that `inspect peers` on the file shows it; those that come at once go into one write.
void Engine::write_records_soon() { next_records_ = std::min(next_records_, services_.now() + kSoon); }

void Engine::write_records(std::function<void()> done) {
  if (writing_) {  // what is being admitted may take marks away
    after_write_ = [this, done = std::move(done)]() mutable { write_records(std::move(done)); };
    return;
  }
  next_records_ = services_.now() + options_.limits.record_every;
  auto records = std::make_shared<std::vector<PeerRecord>>();
  for (auto& [peer, record] : std::exchange(records_, {})) records->push_back(over_stored(std::move(record)));
  for (const auto& session : sessions_) {
    if (!session->knows_record() || session->superseded() || !session->take_dirty()) continue;
    records->push_back(over_stored(session->record()));
  }
  if (records->empty()) {
    if (done) done();
    return;
  }
  writing_ = true;
  being_written_ = records;
  services_.write(
      [records](Replica& replica) -> Result<void> {
        MUSHER_TRY(auto log, replica.log().begin_write(replica.lock_timeout()));
        for (const PeerRecord& record : *records) MUSHER_CHECK(log->set_peer(record));
        return log->commit();
      },
      [this, alive = alive_, records, done = std::move(done)](const Result<void>& written) {
        if (!*alive) return;
        writing_ = false;
        being_written_.reset();
        for (PeerRecord& record : *records) {
          Session* session = session_with(record.peer, nullptr);
          if (written) {
            wrote(record.peer, record.heard);
            if (session != nullptr) session->written(record);
          } else if (session != nullptr) {
            session->set_dirty();
          } else {
            records_.emplace(record.peer, std::move(record));
          }
        }
        if (done) done();
        admit_next();
      });
}

Engine::Totals Engine::totals() const {
  Totals totals = totals_;
  for (const auto& session : sessions_) {
    if (session->outbound() != nullptr) totals.ops_sent += session->outbound()->ops_sent();
  }
  return totals;
}

std::size_t Engine::connected() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(sessions_, [](const auto& session) { return session->state() == Session::State::open; }));
}

std::vector<PeerStatus> Engine::status() const {
  std::vector<PeerStatus> all;
  for (const auto& session : sessions_) {
    PeerStatus& status = all.emplace_back(status_of(session->record(), tail_.end().row));
    status.dialed = session->role() == Role::dialer;
    status.state = session->state() == Session::State::open ? "connected" : "handshake";
    if (session->peer()) continue;
    status.peer.reset();
    status.log.reset();
    status.lag_ops = 0;
  }
  for (const Target& target : targets_) {
    if (target.state == Target::State::connected || target.state == Target::State::left) continue;
    PeerStatus& status = all.emplace_back();
    status.peer = target.peer;
    status.address = target.url;
    status.dialed = true;
    status.state = target.state == Target::State::dialing   ? "dialing"
                   : target.state == Target::State::stopped ? "stopped"
                                                            : "waiting";
    status.since_ms = target.since_ms;
    status.last_error = target.last_error;
  }
  for (const Refusal& refusal : refusals_) {
    if (refusal.until < services_.now() || (refusal.peer && session_with(*refusal.peer, nullptr) != nullptr)) continue;
    PeerStatus& status = all.emplace_back();
    status.peer = refusal.peer;
    status.address = refusal.address;
    status.state = "refused";
    status.since_ms = refusal.at_ms;
    status.last_error = refusal.why;
  }
  return all;
}

std::vector<PeerStatus> Engine::status_with(const std::vector<PeerRecord>& written) const {
  std::map<AuthorId, PeerRecord> newest;
  const auto take = [&](const PeerRecord& record) { newest.insert_or_assign(record.peer, record); };
  std::ranges::for_each(written, take);
  if (being_written_) std::ranges::for_each(*being_written_, take);
  for (const auto& [peer, record] : records_) take(record);
  std::vector<PeerStatus> stored;
  for (const auto& [peer, record] : newest) stored.push_back(status_of(record, tail_.end().row));
  return with_stored(status(), std::move(stored));
}

void Engine::tell(bool warning, std::string_view what, const Session& session, std::string detail) {
  if (!options_.on_event) return;
  options_.on_event(
      {warning, what, session.peer() ? hex(session.peer()->author) : "", session.address(), std::move(detail)});
}

}  // namespace musher::sync
