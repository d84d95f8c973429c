#pragma once
// The other direction of one connection: a peer's ops into this log. docs/sync.md, "Receiving".

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "replica/admission.hpp"
#include "sync/link.hpp"
#include "sync/message.hpp"
#include "sync/outbound.hpp"

namespace musher::sync {

class Inbound : public std::enable_shared_from_this<Inbound> {
 public:
  struct Hooks {
    std::function<void(std::string)> send;
    std::function<void(Ending)> end;
    std::function<void(bool)> pause;  ///< enough waits; and no longer
    /// Something is ready to be admitted (take_ready).
    std::function<void()> ready;
    /// The peer's tips name an op of this node's own author that this log has not got. Nothing in them is signed.
    /// @return whether local writes wait for it.
    std::function<bool(const Tip&)> own_op_claimed;
    /// The peer sent such an op, signed.
    std::function<void(const Tip&)> own_op_elsewhere;
    std::function<void(const OpId&)> peer_has;
    std::function<std::size_t()> queued_bytes;
  };
  Inbound(Services& services, const Limits& limits, const AuthorId& self, Hooks hooks);
  /// Lets go of all that came; nothing is sent and nobody called any more.
  void stop();

  /// @return false: the peer broke the order of serials, or sent more than its window.
  [[nodiscard]] bool take(Ops ops, std::size_t bytes);
  void take(Tips tips);
  void take(Samples samples);
  /// @return false: it sent an op that depends on one of these, and has not got it.
  [[nodiscard]] bool take(const Absent& absent);
  /// Asks for the peer's tips; what is lacking comes then. Once at a time.
  void reconcile();
  /// Goes on with what is wanted, when the link has drained.
  void pump();
  /// Tips are being compared with the log.
  [[nodiscard]] bool looks_up() const { return lookups_ > 0; }
  /// Named by the peer's tips, and on its way if they are right.
  [[nodiscard]] const std::optional<Tip>& own_op_claimed() const { return own_claimed_; }
  void forget_own_op_claimed() { own_claimed_.reset(); }

  /// Verified ops to admit in one go, in the order they came.
  struct Work {
    std::vector<VerifiedOp> ops;
    std::optional<LogMark> heard;   ///< with these ops we have all of the peer's log up to here
    std::uint64_t last_serial = 0;  ///< of the last message that is done with; 0: more of the first one is to come
    std::uint32_t round = 0;        ///< of the tips that came before it
    std::optional<Services::Refused> refused{};  ///< does not hold: kept as evidence, and the peer is dropped
  };
  [[nodiscard]] bool has_ready() const;
  /// As much as one write should take: few from a peer most of whose ops wait, so that a flood of them never keeps the
  /// log for long.
  [[nodiscard]] Work take_ready();
  /// The work is durable: it is acknowledged, and what is missing asked for.
  void admitted(const Work& work, const BatchReport& report);

  [[nodiscard]] std::uint32_t round() const { return round_; }
  [[nodiscard]] std::uint64_t ops_received() const { return ops_received_; }
  [[nodiscard]] std::size_t waiting_ops() const { return waiting_ops_; }

  static constexpr std::size_t kMostInAWrite = 8'192;
  static constexpr std::size_t kMostThatWait = 64;
  static constexpr std::size_t kMostBytesThatWait = 24U << 10U;

  /// More ops are missing than can be asked for by id.
  [[nodiscard]] bool lacks_much() const { return lacks_much_; }

 private:
  struct Batch {
    std::uint64_t serial = 0;
    std::optional<LogMark> upto;
    std::size_t bytes = 0;
    std::shared_ptr<std::vector<SignedOp>> unverified{};
    std::optional<Services::Verified> verified{};
    std::size_t taken = 0;  ///< of those
  };
  [[nodiscard]] std::size_t most_in_a_write(const Batch& next) const;
  void verified(std::uint64_t serial, Services::Verified result);
  void look_for(const Tip& own);
  struct Comparison;
  void compare_own(const std::shared_ptr<Comparison>& comparison);
  void compare(const std::shared_ptr<Comparison>& comparison);
  void want(std::vector<Want::Branch> branches, bool last);
  void read(std::function<Result<void>(LogReader&)> job, std::function<void()> then);

  // fixed after construction
  Services& services_;
  const Limits& limits_;
  const AuthorId self_;
  const Hooks hooks_;
  // what came
  bool stopped_ = false;
  Lifetime lifetime_;
  std::uint64_t next_serial_ = 1;
  std::deque<Batch> batches_;
  std::size_t waiting_ops_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t ops_received_ = 0;
  bool most_wait_ = false;  ///< of what was last admitted
  // what was asked for
  std::uint32_t round_ = 0;
  bool tips_asked_ = false;
  bool lacks_much_ = false;                 ///< and has asked for its tips
  std::vector<Tip> tips_;                   ///< of a round whose last part has not come
  std::size_t lookups_ = 0;                 ///< reads for comparisons that are not done
  std::shared_ptr<Comparison> comparison_;  ///< of the last round, until all that is wanted is in wants_
  std::deque<Want> wants_;                  ///< to be sent
  std::deque<Want> answers_;                ///< to samples: they go behind all of the wants
  std::size_t wanted_ = 0;                  ///< branches of this round
  std::size_t samples_ = 0;                 ///< that came in this round
  std::optional<Tip> own_claimed_;
  std::optional<OpId> proof_;  ///< of that: was asked for
  std::unordered_set<OpId, IdHash> asked_;
};

}  // namespace musher::sync
