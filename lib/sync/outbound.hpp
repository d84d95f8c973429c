#pragma once
// One direction of one connection: this log's ops to a peer. docs/sync.md, "Sending".

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/recent_ids.hpp"
#include "sync/link.hpp"
#include "sync/message.hpp"
#include "sync/reconcile.hpp"
#include "sync/tail.hpp"

namespace musher::sync {

/// What one peer may have under way, and how long it may take. Values are passed in so that tests can shorten them.
struct Limits {
  std::size_t window_ops = 8'192;                   ///< sent and not acknowledged
  std::size_t window_bytes = 4U << 20U;             ///< the same
  std::chrono::milliseconds stall{30'000};          ///< without an acknowledgement while ops are under way: too slow
  std::chrono::milliseconds handshake{10'000};      ///< from the connection to both proofs
  std::chrono::milliseconds record_every{1'000};    ///< what is known of peers is written down at least so often
  std::chrono::milliseconds retry_least{500};       ///< before a broken connection is dialed again; doubles ...
  std::chrono::milliseconds retry_most{60'000};     ///< ... up to here
  std::chrono::milliseconds claims{30'000};         ///< for which a peer's word about own ops holds local writes
  std::chrono::milliseconds penalty_most{300'000};  ///< a peer that broke the protocol is refused for 1 s, 2 s ... this
  std::size_t peers = 256;
  std::size_t unproven = 64;  ///< connections whose handshake is not done
};

/// Given to a link and not on its way yet: behind so much nothing more is given to it.
constexpr std::size_t kQueuedBytes = 1U << 20U;

class Outbound : public std::enable_shared_from_this<Outbound> {
 public:
  struct Hooks {
    std::function<void(std::string)> send;
    std::function<void(Ending)> end;
    std::function<std::size_t()> queued_bytes;
  };
  Outbound(Services& services, const Tail& tail, const Limits& limits, Hooks hooks);
  /// Nothing is sent and nobody called any more; what was to be sent is let go of.
  void stop();

  /// The peer's mark is one of this log's: on from there.
  void resume(const LogMark& mark);
  /// Sends this log's tips; what the peer lacks of them goes out as it asks for it.
  void send_tips();
  /// Gives up the round of tips that is being answered; a new one is to follow.
  void withdraw_tips();

  void take(Want want);
  void take(const Ask& ask);
  /// @return false: nothing with that serial is under way.
  [[nodiscard]] bool take(const Ack& ack);
  /// The peer has this op: it sent it.
  void peer_has(const OpId& id) { from_peer_.add(id); }

  /// Sends what may be sent now: after an append, an acknowledgement, or when the link has drained.
  void pump();
  void check_time(std::chrono::milliseconds now);
  /// For so long acknowledgements could not be heard.
  void clock_skips(std::chrono::milliseconds time) {
    last_progress_ = std::min(services_.now(), last_progress_ + time);
  }
  /// What the peer wants is being looked up.
  [[nodiscard]] bool looks_up() const { return !searches_.empty(); }
  /// That goes on when the link has drained.
  [[nodiscard]] bool waits_for_link() const { return !samples_.empty(); }

  /// The last row that the peer acknowledged; row 0 before.
  [[nodiscard]] RowId acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t ops_sent() const { return ops_sent_; }

 private:
  enum class Phase : std::uint8_t {
    waiting,     ///< for the peer to say where it stands
    collecting,  ///< tips are out: for what it wants
    sorting,     ///< all that it wants is known
    rows,        ///< sends what it wanted
    streaming,   ///< sends what comes behind sent_
  };
  struct UnderWay {
    std::uint64_t serial = 0;
    std::size_t ops = 0;
    std::size_t bytes = 0;
    std::optional<RowId> row{};
  };

  [[nodiscard]] bool may_send() const;
  void read(std::function<Result<void>(LogReader&)> job, std::function<void()> then);
  struct Search;
  void go_on_looking_up();
  void look_up(const std::shared_ptr<Search>& search);
  void rows_are_complete();
  void send_asked();
  void send_wanted();
  void stream();
  void stream_batch(const OutOps& ops);
  void send_batch(const OutOps& ops, const std::optional<LogMark>& upto);

  // fixed after construction
  Services& services_;
  const Tail& tail_;
  const Limits& limits_;
  const Hooks hooks_;
  // where it stands
  bool stopped_ = false;
  Lifetime lifetime_;
  Phase phase_ = Phase::waiting;
  LogMark sent_;                                  ///< streaming: all up to here was sent, or skipped
  LogMark tips_upto_;                             ///< collecting, rows: the peer has all up to here when rows_ is out
  std::deque<Tips> tips_;                         ///< to be sent
  std::shared_ptr<WantedRows> wanted_;            ///< collecting: what the reads that are under way add to
  std::deque<std::shared_ptr<Search>> searches_;  ///< not done; the first is under way, or waits for samples_ to be out
  bool searching_ = false;
  std::deque<Samples> samples_;  ///< to be sent
  std::vector<RowId> rows_;      ///< wanted
  std::size_t next_row_ = 0;     ///< into rows_
  std::uint32_t round_ = 0;
  bool want_complete_ = false;
  std::size_t samples_out_ = 0;  ///< found, and not answered yet
  std::vector<RowId> asked_;     ///< one by one, and not sent yet: ascending
  bool reading_ = false;
  RecentIds from_peer_{8'192};  ///< ids lately received from the peer: they are not sent back
  // what is under way
  std::uint64_t serial_ = 0;
  std::deque<UnderWay> under_way_;
  std::size_t ops_under_way_ = 0;
  std::size_t bytes_under_way_ = 0;
  std::chrono::milliseconds last_progress_{};
  RowId acknowledged_{};
  std::uint64_t ops_sent_ = 0;
};

}  // namespace musher::sync
