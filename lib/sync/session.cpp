#include "sync/session.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"

namespace musher::sync {
namespace {

/// Looked up at once; behind them the peer waits, so that no flood of them is ever in memory.
constexpr std::size_t kMostQuestions = 8;

constexpr std::size_t kRoundZeros = 16;  ///< of the digest of such a mark; the rest of it is random

/// In the place of a peer's mark from its tips on until all that they led to is here. No log has it, so that it is as
/// good as none; but another process whose quarantine is full forgets it like any other, or goes by tips itself, and
/// then none is stored over it.
LogMark round_under_way(Services& services) {
  LogMark mark;
  services.random(std::span(mark.chain.bytes).subspan(kRoundZeros));
  return mark;
}

bool is_round(const std::optional<LogMark>& mark) {
  return mark && mark->row == RowId{0} &&
         std::ranges::all_of(std::span(mark->chain.bytes).first(kRoundZeros),
                             [](std::uint8_t byte) { return byte == 0; });
}

/// Without a byte taken from the link, while nothing is read from it either.
constexpr std::chrono::milliseconds kStuck{5'000};

/// What the WebSocket was closed with by this end for what it got: 1002 its protocol, 1003 a text, 1007 no UTF-8 or
/// nothing that inflates, 1009 too long. A message that did not end in time (1008) may be the network's fault.
bool is_breach(std::uint16_t code) { return code == 1002 || code == 1003 || code == 1007 || code == 1009; }

/// Reads the log to be answered.
bool is_question(const Message& message) {
  return std::holds_alternative<Tips>(message) || std::holds_alternative<Reconcile>(message) ||
         std::holds_alternative<Want>(message) || std::holds_alternative<Samples>(message) ||
         std::holds_alternative<Ask>(message);
}

/// Its reason in quotes, which cannot end there: what follows is this node's own advice.
std::string said_by_peer(std::uint16_t code, std::string_view reason) {
  const auto known = static_cast<CloseCode>(code);
  std::string quoted = reason.empty() ? "" : fmt::format("\"{}\"", reason);
  if (!reason.empty()) std::replace(quoted.begin() + 1, quoted.end() - 1, '"', '\'');
  std::string text = "the peer said " + close_text(code, quoted);
  if (known == CloseCode::not_trusted) return text + " (at the peer's log)";
  if (known == CloseCode::wrong_document) return text + fmt::format(" (\"here\" is the peer; {})", what_to_do(known));
  return with_hint(std::move(text), what_to_do(known));
}

std::array<std::uint8_t, 32> fresh_secret(Services& services) {
  std::array<std::uint8_t, 32> secret;
  services.random(secret);
  return secret;
}

/// A reader's answer that arrives when the session is gone is let go.
template <class Value>
void read_for(const std::shared_ptr<Session>& reads, const Lifetime& lifetime, Services& services,
              std::function<Result<Value>(LogReader&)> job, std::function<void(Value)> then) {
  auto value = std::make_shared<Value>();
  const auto read = [value, job = std::move(job)](LogReader& log) -> Result<void> {
    MUSHER_TRY(*value, job(log));
    return {};
  };
  services.read(lifetime.limit(read), [weak = std::weak_ptr(reads), value, then = std::move(then)](Result<void> done) {
    const auto session = weak.lock();
    if (session == nullptr || !session->is_live()) return;
    if (!done) return session->end(unavailable(done.error()));
    then(std::move(*value));
  });
}

}  // namespace

Session::Session(const Setup& setup, Role role, std::shared_ptr<Link> link, std::string url)
    : setup_(setup),
      role_(role),
      link_(std::move(link)),
      url_(std::move(url)),
      began_(setup.services.now()),
      since_ms_(setup.services.clock_ms()),
      handshake_(role, setup.self, link_->binding(), fresh_secret(setup.services), setup.standing) {}

Session::~Session() { stop(); }

void Session::stop() {
  lifetime_.end();
  if (outbound_) outbound_->stop();
  if (inbound_) inbound_->stop();
}

void Session::begin() {
  if (auto opening = handshake_.opening()) send(*std::move(opening));
}

void Session::send(std::string message) {
  if (!is_live()) return;
  if (seal_) message = seal_->close(std::move(message));
  sent_bytes_ += message.size();
  link_->send(std::move(message));
}

void Session::end(Ending ending) {
  if (!is_live()) return;
  state_ = State::closing;
  dirty_ = true;  // a server that stops does not wait until the link is closed
  ending_ = ending;
  stop();
  link_->pause(false);  // so that its goodbye is heard
  link_->close(static_cast<std::uint16_t>(ending.code), ending.reason);
}

void Session::abandon() {
  abandoned_ = true;
  end({CloseCode::going_away, "the node stops"});
}

void Session::closed(std::uint16_t code, std::string_view reason, bool by_peer) {
  const auto keep = shared_from_this();
  stop();
  state_ = State::closed;
  if (abandoned_) return;
  if (ending_) {
    end_code_ = static_cast<std::uint16_t>(ending_->code);
    end_text_ = with_hint(close_text(end_code_, ending_->here.empty() ? ending_->reason : ending_->here),
                          ending_->hint.empty() ? what_to_do(ending_->code) : ending_->hint);
    is_violation_ = ending_->code == CloseCode::violation;
  } else {
    end_code_ = code;
    end_text_ = by_peer ? said_by_peer(code, reason) : (reason.empty() ? "the connection broke" : std::string(reason));
    is_violation_ = !by_peer && is_breach(code);
  }
  setup_.owner.ended(*this);
}

void Session::violation(std::string what) { end({CloseCode::violation, std::move(what)}); }

void Session::received(std::string_view bytes) {
  if (!is_live()) return;
  const auto keep = shared_from_this();
  received_bytes_ += bytes.size();
  if (seal_) {
    const auto opened = seal_->open(bytes);
    if (!opened)
      return end(
          {CloseCode::bad_proof, "a message is not the peer's, or one before it is missing: somebody is in between"});
    bytes = *opened;
  }
  auto message = decode(bytes);
  if (!message) return violation(message.error());
  if (state_ == State::handshake) return handshake(*message);
  const bool question = is_question(*message);
  dispatch(*std::move(message), bytes.size());
  if (question) question_came();
}

// --- handshake

void Session::handshake(const Message& message) {
  const bool named_before = handshake_.claimed().has_value();
  auto outcome = handshake_.take(message);
  if (role_ == Role::listener && !named_before && handshake_.their_exchange_key()) {
    is_this_node_ = setup_.owner.greeted(*handshake_.their_exchange_key());
  }
  if (auto* ending = std::get_if<Ending>(&outcome)) return end(std::move(*ending));
  auto& reply = std::get<Handshake::Reply>(outcome);
  if (!named_before) {
    if (auto refused = setup_.owner.claimed(*this, *handshake_.claimed())) return end(*std::move(refused));
  }
  if (reply.peer) {
    peer_ = reply.peer;
    known_ = {.peer = peer_->author, .log = peer_->log};
    if (auto refused = setup_.owner.proven(*this)) return end(*std::move(refused));
  }
  if (!reply.message.empty()) send(std::move(reply.message));
  if (!peer_) return;
  seal_ = reply.seal;
  link_->allow(kMaxMessageBytes);
  start_positions();
}

void Session::start_positions() {
  state_ = State::positions;
  const auto end_it = [this](Ending ending) { end(std::move(ending)); };
  const auto send_it = [this](std::string message) { send(std::move(message)); };
  const auto queued_bytes = [this] { return link_->queued_bytes(); };
  outbound_ = std::make_shared<Outbound>(setup_.services, setup_.tail, setup_.limits,
                                         Outbound::Hooks{send_it, end_it, queued_bytes});
  inbound_ = std::make_shared<Inbound>(
      setup_.services, setup_.limits, setup_.self.identity->author(),
      Inbound::Hooks{send_it, end_it,
                     [this](bool full) {
                       ops_full_ = full;
                       pause_or_go_on();
                     },
                     [this] { setup_.owner.ready(*this); },
                     [this](const Tip& tip) { return setup_.owner.own_op_claimed(*this, tip); },
                     [this](const Tip& tip) { setup_.owner.own_op_elsewhere(*this, tip); },
                     [this](const OpId& id) { outbound_->peer_has(id); }, queued_bytes});
  taken_ = setup_.owner.take_record(peer_->author);
  read_for<PeerRecord>(
      shared_from_this(), lifetime_, setup_.services,
      [peer = *peer_, fresh = taken_](LogReader& log) -> Result<PeerRecord> {
        MUSHER_TRY(const auto records, log.peers());
        const auto found = std::ranges::find(records, peer.author, &PeerRecord::peer);
        const bool is_stored = found != records.end() && found->log == peer.log;
        const std::optional<LogMark> stored = is_stored ? found->heard : std::nullopt;
        PeerRecord newest{.peer = peer.author, .log = peer.log};
        if (fresh && fresh->log == peer.log) {
          newest = *fresh;
          // As when it is written: what another process forgot since stays forgotten.
          if (newest.heard_goes_on && newest.heard_before != stored) newest.heard = stored;
        } else {
          if (is_stored) newest = *found;
          newest.heard_goes_on = true;
        }
        newest.heard_before = stored;
        return newest;
      },
      [this, writes = setup_.owner.writes_of(peer_->author)](PeerRecord record) {
        setup_.owner.found_stored(peer_->author, writes, record.heard_before);
        known_ = std::move(record);
        knows_record_ = true;
        taken_.reset();
        dirty_ = true;
        const bool holds = !mark_broken_ && !is_round(known_.heard);
        send(encode(Position{holds ? known_.heard : std::nullopt}));
      });
}

std::optional<PeerRecord> Session::give_back() {
  auto record = std::exchange(taken_, std::nullopt);
  if (record && mark_broken_) record->heard.reset();
  return record;
}

// --- where both stand

void Session::take(const Position& position) {
  if (std::exchange(position_taken_, true)) return violation("a second position");
  read_for<std::optional<LogMark>>(
      shared_from_this(), lifetime_, setup_.services,
      [heard = position.heard](LogReader& log) -> Result<std::optional<LogMark>> {
        if (!heard) return std::nullopt;
        MUSHER_TRY(const auto chain, log.chain_at(heard->row));
        return chain && *chain == heard->chain ? heard : std::nullopt;
      },
      [this, named = position.heard.has_value()](const std::optional<LogMark>& mark) {
        mark_unknown_ = named && !mark;
        judged(mark);
      });
}

void Session::judged(const std::optional<LogMark>& mark) {
  peer_mark_ = mark;
  ours_ = mark ? Verdict::resume : Verdict::tips;
  if (mark && theirs_ != Verdict::tips) send(encode(Resume{}));
  decide();
}

/// A mark holds in one direction only if it holds in both: a log that went back to an older copy knows less of the
/// other than the other knows of it, and what it lost may be what it once sent.
void Session::decide() {
  if (ours_ == Verdict::none) return;
  if (ours_ == Verdict::tips || theirs_ == Verdict::tips) {
    if (!std::exchange(tips_sent_, true)) go_by_tips();
  } else if (theirs_ == Verdict::resume) {
    outbound_->resume(*peer_mark_);
    dirty_ = true;
  }
  if (theirs_ == Verdict::none || state_ == State::open) return;
  state_ = State::open;
  open_since_ = setup_.services.now();
  setup_.owner.opened(*this);
}

std::string_view Session::how_it_resumes() const {
  if (ours_ == Verdict::resume && theirs_ == Verdict::resume) return "where it was";
  return mark_unknown_ ? "by tips: it names a mark that this log has not got" : "by tips";
}

void Session::begin_round() {
  known_.heard = round_under_way(setup_.services);
  known_.heard_goes_on = false;
}

/// The answer to these tips gives the other end a mark that holds. If this end's own, which has just been found to say
/// nothing, could come back from the file after that, both would hold, and what this log lost would never be sent.
void Session::go_by_tips() {
  begin_round();
  setup_.owner.round_begins(*this);
}

void Session::round_written(const Result<void>& written) {
  if (!is_live()) return;
  if (!written) return end(unavailable(written.error()));
  outbound_->send_tips();
}

// --- everything after the handshake

void Session::question_came() {
  if (!is_live()) return;
  ++questions_;
  pause_or_go_on();
  wait_for_answer();
}

/// Reads are done in order, so what this one waits for comes when the question is answered, or its next part is asked.
void Session::wait_for_answer() {
  read_for<bool>(
      shared_from_this(), lifetime_, setup_.services, [](LogReader&) -> Result<bool> { return true; },
      [this](bool) {
        if (outbound_->waits_for_link()) {
          ++held_up_;
          return;
        }
        if (outbound_->looks_up() || inbound_->looks_up()) return wait_for_answer();
        --questions_;
        pause_or_go_on();
      });
}

void Session::pause_or_go_on() {
  if (!is_live()) return;
  const bool pause = ops_full_ || questions_ >= kMostQuestions;
  if (std::exchange(paused_, pause) == pause) return;
  link_->pause(pause);
  if (pause) paused_since_ = setup_.services.now();
  if (!pause) clock_skips(setup_.services.now() - paused_since_);
}

/// What answers this end's verdict on the peer's position, or what followed it.
bool Session::comes_too_early(const Message& message) const {
  if (ours_ != Verdict::none) return false;
  return !std::holds_alternative<Position>(message) && !std::holds_alternative<Resume>(message) &&
         !std::holds_alternative<Tips>(message);
}

void Session::dispatch(Message message, std::size_t bytes) {
  if (comes_too_early(message)) {
    return violation(fmt::format("a message \"{}\" before it was said where both stand", name_of(message)));
  }
  std::visit(
      [&](auto& each) {
        using Kind = std::decay_t<decltype(each)>;
        if constexpr (std::is_same_v<Kind, Position>) {
          take(each);
        } else if constexpr (std::is_same_v<Kind, Resume>) {
          if (theirs_ != Verdict::none) return violation("a second verdict");
          theirs_ = Verdict::resume;
          decide();
        } else if constexpr (std::is_same_v<Kind, Tips>) {
          if (theirs_ == Verdict::none) {
            theirs_ = Verdict::tips;
            decide();
          }
          // What comes now comes without marks: until it is all here the old one would not tell of it.
          begin_round();
          dirty_ = true;
          inbound_->take(std::move(each));
        } else if constexpr (std::is_same_v<Kind, Reconcile>) {
          tips_sent_ = true;
          yielded_ = false;
          outbound_->send_tips();
        } else if constexpr (std::is_same_v<Kind, Want>) {
          outbound_->take(std::move(each));
        } else if constexpr (std::is_same_v<Kind, Samples>) {
          inbound_->take(std::move(each));
        } else if constexpr (std::is_same_v<Kind, Ops>) {
          if (!inbound_->take(std::move(each), bytes)) violation("ops out of order, or more than were asked for");
        } else if constexpr (std::is_same_v<Kind, Ack>) {
          if (!outbound_->take(each)) return violation("it acknowledges what was not sent");
          if (outbound_->acknowledged() != std::exchange(acknowledged_noted_, outbound_->acknowledged())) dirty_ = true;
        } else if constexpr (std::is_same_v<Kind, Ask>) {
          outbound_->take(each);
        } else if constexpr (std::is_same_v<Kind, Absent>) {
          if (!inbound_->take(each)) violation("it has not got an op that it named, or that its ops depend on");
        } else {
          violation("a greeting after the handshake");
        }
      },
      message);
}

void Session::pump() {
  if (outbound_ && state_ != State::closing) outbound_->pump();
}

void Session::drained() {
  if (inbound_ && state_ != State::closing) inbound_->pump();  // first: ops fill the link again
  pump();
  if (yielded_ && outbound_ && state_ == State::open) begin_again();
  for (std::size_t left = std::exchange(held_up_, 0); left > 0; --left) wait_for_answer();
}

void Session::reconcile() {
  if (state_ == State::open) inbound_->reconcile();
}

void Session::check_time(std::chrono::milliseconds now) {
  if (state_ == State::handshake && now - began_ > setup_.limits.handshake) {
    return end({CloseCode::timed_out, "the handshake took too long"});
  }
  if (state_ == State::positions && now - began_ > setup_.limits.handshake + setup_.limits.stall) {
    return end({CloseCode::timed_out, "it does not say where it stands"});
  }
  if (outbound_ && state_ == State::open && !paused_) outbound_->check_time(now);
  if (outbound_ && state_ == State::open) yield_when_stuck(now);
}

/// Both ends may come to wait for the other to read: each has more samples for it than the link holds, and reads no
/// more of what it wants before they are out. Then the listener gives its round up, and begins it anew when the other
/// end's is over.
void Session::yield_when_stuck(std::chrono::milliseconds now) {
  const bool waits = paused_ && outbound_->waits_for_link();
  if (const std::size_t queued = link_->queued_bytes(); !waits || queued != std::exchange(queued_before_, queued)) {
    moved_ = now;
  }
  if (role_ != Role::listener || !waits || now - moved_ < kStuck) return;
  outbound_->withdraw_tips();
  yielded_ = true;
  for (std::size_t left = std::exchange(held_up_, 0); left > 0; --left) wait_for_answer();
}

/// Once nothing of the peer's own round is left to be answered.
void Session::begin_again() {
  if (!yielded_ || is_round(known_.heard)) return;
  yielded_ = false;
  outbound_->send_tips();
}

void Session::clock_skips(std::chrono::milliseconds time) {
  if (outbound_) outbound_->clock_skips(time);
}

// --- what is written down

PeerRecord Session::record() const {
  PeerRecord record = known_;
  // A peer that goes by tips may have lost what it acknowledged once.
  const bool is_known = ours_ == Verdict::tips || (ours_ == Verdict::resume && theirs_ != Verdict::none);
  if (is_known) record.acknowledged = outbound_->acknowledged();
  if (mark_broken_) record.heard.reset();
  const bool is_over = state_ == State::closing || state_ == State::closed;
  record.state = is_over ? "closed" : "connected";
  record.since_ms = is_over ? setup_.services.clock_ms() : since_ms_;
  record.address = address();
  const auto code = static_cast<CloseCode>(end_code_);
  const bool ordinary = end_code_ == 0 || code == CloseCode::going_away || code == CloseCode::duplicate;
  record.last_error = ordinary ? "" : end_text_;
  record.sent_bytes = known_.sent_bytes + sent_bytes_;
  record.received_bytes = known_.received_bytes + received_bytes_;
  return record;
}

PeerRecord Session::record_with(const std::optional<LogMark>& heard) const {
  PeerRecord then = record();
  if (heard && !mark_broken_) then.heard = heard;
  return then;
}

void Session::written(const PeerRecord& record) {
  if (!is_round(known_.heard) || known_.heard == record.heard) known_.heard_goes_on = true;
}

void Session::heard(const std::optional<LogMark>& mark, bool broken) {
  mark_broken_ |= broken;
  if (!mark || mark == known_.heard) return;
  known_.heard = mark;
  dirty_ = true;
  if (state_ == State::open) begin_again();
}

}  // namespace musher::sync
