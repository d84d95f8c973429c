// What the engine writes down of peers, and what it shows of them.
#include "sync/engine.hpp"

#include <algorithm>

namespace musher::sync {
namespace {

constexpr std::chrono::milliseconds kSoon{250};

}  // namespace

std::optional<PeerRecord> Engine::take_record(const AuthorId& peer) {
  const auto found = records_.find(peer);
  if (found == records_.end()) return std::nullopt;
  PeerRecord record = over_stored(std::move(found->second));
  records_.erase(found);
  return record;
}

/// What it took of its peer's and ended before it could go on from is there for the next connection.
void Engine::give_back(Session& session) {
  if (auto record = session.give_back()) records_.try_emplace(record->peer, *std::move(record));
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
    if (!session->is_live() && !session->peer()) continue;
    PeerStatus& status = all.emplace_back(status_of(session->record(), tail_.end().row));
    status.dialed = session->role() == Role::dialer;
    status.state = session->state() == Session::State::open ? "connected" : session->is_live() ? "handshake" : "closed";
    if (session->peer()) continue;
    status.peer.reset();
    status.log.reset();
    status.lag_ops.reset();
  }
  for (const Target& target : targets_) {
    if (target.state == Target::State::connected || target.state == Target::State::left) continue;
    PeerStatus& status = all.emplace_back();
    status.peer = target.peer;
    status.address = target.url;
    status.dialed = true;
    const bool stopped = target.state == Target::State::stopped || target.is_self;
    status.state = target.state == Target::State::dialing ? "dialing" : stopped ? "stopped" : "waiting";
    status.since_ms = target.since_ms;
    status.last_error = target.last_error;
  }
  for (PeerStatus& refused : refusals_.shown(services_.now())) {
    if (!refused.peer || session_with(*refused.peer, nullptr) == nullptr) all.push_back(std::move(refused));
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

}  // namespace musher::sync
