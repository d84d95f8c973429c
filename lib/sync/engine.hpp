#pragma once
// A node's part in sync: its connections with all other nodes, what is admitted from them, and whom it dials.
// One thread; pure of sockets, files and clocks (link.hpp). docs/sync.md, docs/decisions/0010.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sync/peer_status.hpp"
#include "sync/refusals.hpp"
#include "sync/session.hpp"

namespace musher::sync {

/// For a log line.
struct Event {
  bool warning = false;
  std::string_view what;
  std::string peer{};  ///< key as hex, or an address
  std::string address{};
  std::string detail{};
};

struct EngineOptions {
  Self self;
  std::vector<std::string> rendezvous{};  ///< URLs of nodes to dial
  Limits limits{};
  std::function<Standing(const AuthorId&)> standing;
  /// Asked before each dial. No: another server of this log dials that URL, and this one asks again in a while.
  std::function<bool(const std::string& url)> may_dial = [](const std::string&) { return true; };
  /// Nobody answered: another server of this log may try.
  std::function<void(const std::string& url)> dial_failed = [](const std::string&) {};
  std::function<void(const Event&)> on_event{};
  /// A peer has sent an op that this node's author signed and this log has not got: the log lost its tail. Local writes
  /// are to be refused until it is here.
  std::function<void(const Tip&, const AuthorId& peer)> own_op_elsewhere{};
};

class Engine final : private Session::Owner {
 public:
  Engine(Services& services, EngineOptions options);
  ~Engine() override;

  /// Where the log ends now. Nothing is sent before.
  void begin(const LogMark& end);
  /// The rows behind that, as they were applied here.
  void appended(OutOps ops);
  [[nodiscard]] const LogMark& end_of_log() const { return tail_.end(); }

  void accept(OpenLink link);
  /// From now on these are dialed: others are left, and one that had stopped is tried again.
  void set_rendezvous(const std::vector<std::string>& urls);
  /// Whom this node trusts has changed: what waits elsewhere may be wanted now, and a peer may not be wanted any more.
  void trust_changed();
  /// To be called every quarter of a second or so: dials, time-outs, records.
  void tick();
  /// Closes every connection with this; no more are dialed or accepted.
  void stop(const Ending& ending = {CloseCode::going_away, "the node stops"});
  /// Writes down what is known of peers, now; `done` when that is durable.
  void write_records(std::function<void()> done);

  /// An op of this node's author that a peer says it has, and this log has not got. Local writes are to wait for it; a
  /// peer's word alone holds them for Limits::claims in all, until it has sent such an op.
  struct Claim {
    AuthorId peer;
    Tip tip;
  };
  [[nodiscard]] std::optional<Claim> own_op_claimed() const;

  /// Of the connections there are, and of what is dialed.
  [[nodiscard]] std::vector<PeerStatus> status() const;
  /// And of the peers that are gone. written: the records in the log.
  [[nodiscard]] std::vector<PeerStatus> status_with(const std::vector<PeerRecord>& written) const;
  [[nodiscard]] std::size_t connected() const;
  struct Totals {
    std::uint64_t ops_received = 0;
    std::uint64_t ops_sent = 0;
    std::uint64_t ops_admitted = 0;
    std::uint64_t violations = 0;
  };
  [[nodiscard]] Totals totals() const;

 private:
  struct Target {
    std::string url;
    /// stopped: this node stops. left: it is not to be dialed any more.
    enum class State : std::uint8_t { waiting, dialing, connected, stopped, left } state = State::waiting;
    [[nodiscard]] bool is_dialed() const { return state != State::stopped && state != State::left; }
    std::chrono::milliseconds next{};
    unsigned failures = 0;
    std::optional<AuthorId> peer{};  ///< who answered last
    std::function<void()> cancel{};
    std::string last_error{};
    bool is_self = false;  ///< what was said there was heard here
    bool told_of_self = false;
    std::int64_t since_ms = 0;  ///< nobody answers there, or not as a node whose ops may flow; 0: not tried yet
  };
  struct Penalty {
    unsigned count = 0;
    std::chrono::milliseconds until{};
  };

  void give_back(Session& session);
  [[nodiscard]] bool is_known_self(const Session& session);
  bool greeted(const ExchangeKey& key) override;
  std::optional<Ending> claimed(Session& session, const AuthorId& author) override;
  std::optional<Ending> proven(Session& session) override;
  std::optional<PeerRecord> take_record(const AuthorId& peer) override;
  std::uint64_t writes_of(const AuthorId& peer) const override;
  void found_stored(const AuthorId& peer, std::uint64_t writes, const std::optional<LogMark>& mark) override;
  void opened(Session& session) override;
  void round_begins(Session& session) override;
  void ready(Session& session) override;
  bool own_op_claimed(Session& session, const Tip& tip) override;
  void own_op_elsewhere(Session& session, const Tip& tip) override;
  void ended(Session& session) override;

  std::shared_ptr<Session> add(OpenLink link, Role role, const std::string& url);
  [[nodiscard]] std::shared_ptr<Session> longest_unproven() const;
  [[nodiscard]] Session* session_with(const AuthorId& peer, const Session* but) const;
  /// To be written over what is stored as far as this process knows.
  [[nodiscard]] PeerRecord over_stored(PeerRecord record) const;
  void wrote(const AuthorId& peer, const std::optional<LogMark>& mark);
  void admit_next();
  void write_rounds();
  void admit(const std::shared_ptr<Session>& session, Inbound::Work work);
  void forget_mark(const AuthorId& peer);
  void forget_marks();
  void write_records_soon();
  void tell_of_full_quarantine(const Session& session);
  void charge_claims(std::chrono::milliseconds since);
  void dial(std::size_t target);
  void dial_again(Session& session);
  void retry_later(Target& target, const std::string& why, std::uint16_t code);
  [[nodiscard]] bool went_well(const Session& session) const;
  void punish(const AuthorId& peer);
  void tell(bool warning, std::string_view what, const Session& session, std::string detail = {});

  // fixed after construction
  Services& services_;
  const EngineOptions options_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  // changes with each event
  Tail tail_;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::size_t next_to_admit_ = 0;
  std::vector<std::shared_ptr<Session>> rounds_;  ///< that wait until it is written down that they begin
  bool round_was_last_ = false;                   ///< of what was written
  std::vector<Target> targets_;
  std::map<AuthorId, Penalty> penalties_;
  Refusals refusals_;
  std::map<AuthorId, std::chrono::milliseconds> claims_;  ///< how long a peer's word alone has held local writes
  std::optional<std::chrono::milliseconds> last_tick_;
  std::map<AuthorId, PeerRecord> records_;  ///< of sessions that ended: to be written down
  /// What this process has read or written last, whichever session did. Writes come one after the other.
  struct Stored {
    std::optional<LogMark> mark{};
    std::uint64_t writes = 0;
  };
  std::map<AuthorId, Stored> stored_;
  std::shared_ptr<const std::vector<PeerRecord>> being_written_;
  bool writing_ = false;
  std::function<void()> after_write_;
  bool stopping_ = false;
  std::chrono::milliseconds next_records_{};
  Totals totals_;
};

}  // namespace musher::sync
