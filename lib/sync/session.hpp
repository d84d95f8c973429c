#pragma once
// One connection with one other node: handshake, where both stand, and ops in both directions.
// docs/sync.md has the state diagram.

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "sync/inbound.hpp"
#include "sync/outbound.hpp"

namespace musher::sync {

class Session final : public LinkUser, public std::enable_shared_from_this<Session> {
 public:
  enum class State : std::uint8_t { handshake, positions, open, closing, closed };

  /// Whom a session belongs to.
  class Owner {
   public:
    Owner() = default;
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    virtual ~Owner() = default;
    /// Somebody who dialed greets with this. @return whether it is this node.
    [[nodiscard]] virtual bool greeted(const ExchangeKey& key) = 0;
    /// The other end named this key; it is not proven. An Ending: not with that one.
    [[nodiscard]] virtual std::optional<Ending> claimed(Session& session, const AuthorId& author) = 0;
    [[nodiscard]] virtual std::optional<Ending> proven(Session& session) = 0;
    /// What was not written down yet of the connection before, and will not be then.
    [[nodiscard]] virtual std::optional<PeerRecord> take_record(const AuthorId& peer) = 0;
    /// How often this process has written a record of that peer.
    [[nodiscard]] virtual std::uint64_t writes_of(const AuthorId& peer) const = 0;
    /// This mark of the peer was stored when so many of those had been made.
    virtual void found_stored(const AuthorId& peer, std::uint64_t writes, const std::optional<LogMark>& mark) = 0;
    virtual void opened(Session& session) = 0;
    /// Its record says that a round of tips is under way: round_written() is called once that is durable.
    virtual void round_begins(Session& session) = 0;
    virtual void ready(Session& session) = 0;
    /// @return whether local writes wait for an op that is only named.
    [[nodiscard]] virtual bool own_op_claimed(Session& session, const Tip& tip) = 0;
    virtual void own_op_elsewhere(Session& session, const Tip& tip) = 0;
    virtual void ended(Session& session) = 0;
  };

  struct Setup {
    Owner& owner;
    Services& services;
    const Tail& tail;
    const Limits& limits;
    Self self;
    std::function<Standing(const AuthorId&)> standing;
  };
  Session(const Setup& setup, Role role, std::shared_ptr<Link> link, std::string url);

  ~Session() override;

  /// The first message, from the dialing side.
  void begin();
  void end(Ending ending);
  /// Its owner is gone: nobody is told of anything any more.
  void abandon();
  void check_time(std::chrono::milliseconds now);
  /// This node has not listened for so long: nothing that the peer did not say is held against it.
  void clock_skips(std::chrono::milliseconds time);
  /// The log has grown.
  void pump();
  void reconcile();
  void round_written(const Result<void>& written);

  void received(std::string_view message) override;
  void drained() override;
  void closed(std::uint16_t code, std::string_view reason, bool by_peer) override;

  [[nodiscard]] State state() const { return state_; }
  /// Neither end has ended it.
  [[nodiscard]] bool is_live() const { return state_ != State::closing && state_ != State::closed; }
  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] const std::string& url() const { return url_; }  ///< that was dialed; empty for a listener
  [[nodiscard]] std::string source() const { return link_->source(); }
  [[nodiscard]] std::string address() const { return url_.empty() ? link_->address() : url_; }
  [[nodiscard]] const std::optional<PeerId>& peer() const { return peer_; }
  [[nodiscard]] const std::optional<Ending>& ending() const { return ending_; }  ///< of this end's making
  [[nodiscard]] const std::string& end_text() const { return end_text_; }        ///< how it ended, whoever ended it
  /// The peer broke this protocol, or the WebSocket's below it.
  [[nodiscard]] bool is_violation() const { return is_violation_; }
  /// Logged once of a connection: that the peer says, or has shown, that it has own ops; that it sends ops whose
  /// dependencies nobody shows, or more than can wait. @return whether it was.
  enum class Told : std::uint8_t { own_op_claimed, own_op_shown, lacks_much, quarantine_full };
  [[nodiscard]] bool told(Told what) { return std::exchange(told_[static_cast<std::size_t>(what)], true); }
  /// For an operator, once it is open: by what both ends found out what to send.
  [[nodiscard]] std::string_view how_it_resumes() const;
  [[nodiscard]] std::uint16_t end_code() const { return end_code_; }
  /// Who the other end says it is, proven or not.
  [[nodiscard]] std::optional<AuthorId> claimed() const { return handshake_.claimed(); }
  [[nodiscard]] bool proven() const { return peer_.has_value(); }
  /// What was written down of this peer is known here: record() says all of it.
  [[nodiscard]] bool knows_record() const { return knows_record_; }
  /// What it took of its owner (take_record) and has not gone on from; once.
  [[nodiscard]] std::optional<PeerRecord> give_back();

  [[nodiscard]] Inbound* inbound() { return inbound_.get(); }
  [[nodiscard]] const Outbound* outbound() const { return outbound_.get(); }
  /// What is to be written down of this peer now.
  [[nodiscard]] PeerRecord record() const;
  /// The same once its log was taken in up to there.
  [[nodiscard]] PeerRecord record_with(const std::optional<LogMark>& heard) const;
  /// How far its log was taken in. broken: the quarantine gave something up; the mark is worth nothing until the next
  /// connection.
  void heard(const std::optional<LogMark>& mark, bool broken);
  /// This is in the log now.
  void written(const PeerRecord& record);
  [[nodiscard]] bool take_dirty() { return std::exchange(dirty_, false); }
  void set_dirty() { dirty_ = true; }
  /// Of one that has ended: the link, which may hold most of a message, does not wait for the other end.
  void end_closing() { link_->end_closing(); }
  /// A newer connection with its peer knows better from now on: nothing of this one is written down any more.
  void supersede() { superseded_ = true; }
  [[nodiscard]] bool superseded() const { return superseded_; }
  /// Since then ops flowed, or could have.
  [[nodiscard]] const std::optional<std::chrono::milliseconds>& open_since() const { return open_since_; }
  [[nodiscard]] bool is_this_node() const { return is_this_node_; }
  [[nodiscard]] const ExchangeKey& exchange_key() const { return handshake_.exchange_key(); }

 private:
  void handshake(const Message& message);
  void start_positions();
  void take(const Position& position);
  void judged(const std::optional<LogMark>& mark);
  void decide();
  void go_by_tips();
  /// What was heard up to now counts no more; the mark of the tips will.
  void begin_round();
  void dispatch(Message message, std::size_t bytes);
  [[nodiscard]] bool comes_too_early(const Message& message) const;
  void question_came();
  void wait_for_answer();
  void pause_or_go_on();
  void yield_when_stuck(std::chrono::milliseconds now);
  void begin_again();
  void violation(std::string what);
  void stop();
  void send(std::string message);

  // fixed after construction
  const Setup setup_;
  const Role role_;
  const std::shared_ptr<Link> link_;
  const std::string url_;
  const std::chrono::milliseconds began_;
  const std::int64_t since_ms_;
  Handshake handshake_;
  std::optional<Seal> seal_;  ///< once the handshake is done
  // where it is
  State state_ = State::handshake;
  std::optional<PeerId> peer_;
  bool abandoned_ = false;
  Lifetime lifetime_;
  bool is_violation_ = false;
  std::array<bool, 4> told_{};
  bool mark_unknown_ = false;
  std::optional<Ending> ending_;
  std::string end_text_;
  std::uint16_t end_code_ = 0;
  enum class Verdict : std::uint8_t { none, resume, tips };
  Verdict ours_ = Verdict::none;    ///< on the peer's mark of this log
  Verdict theirs_ = Verdict::none;  ///< on this node's mark of the peer's log
  std::optional<LogMark> peer_mark_;
  bool position_taken_ = false;
  bool tips_sent_ = false;
  // whether it is read from
  std::size_t questions_ = 0;  ///< that are being looked up
  std::size_t held_up_ = 0;    ///< of those: their answer waits for the link to drain
  bool ops_full_ = false;
  bool paused_ = false;
  std::chrono::milliseconds paused_since_{};
  std::size_t queued_before_ = 0;      ///< on the link, at the last look
  std::chrono::milliseconds moved_{};  ///< when that had changed
  bool yielded_ = false;               ///< its tips are to be sent once more
  std::shared_ptr<Outbound> outbound_;
  std::shared_ptr<Inbound> inbound_;
  // for the record
  PeerRecord known_;
  bool knows_record_ = false;
  std::optional<PeerRecord> taken_{};
  bool mark_broken_ = false;
  bool dirty_ = false;
  bool superseded_ = false;
  std::optional<std::chrono::milliseconds> open_since_;
  bool is_this_node_ = false;
  RowId acknowledged_noted_{};
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t received_bytes_ = 0;
};

}  // namespace musher::sync
