#pragma once
// Nodes of the simulated world that are not ours: they have a key that is trusted, speak the protocol, and then do
// what no honest node does. What each attack must come to is in integration/sync_attacks_test.cpp.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/sync_world.hpp"

namespace musher::testing {

enum class Attack : std::uint8_t {
  random_bytes,
  truncated_frame,
  flipped_frame,
  giant_count,
  too_deep_json,
  seq_above_depth,
  story_mismatch,
  wrong_prev,
  bad_signature,
  foreign_document,
  missing_dependencies,  ///< valid ops on top of one that never comes
  equivocation,          ///< another branch to each node
  unknown_authors,       ///< valid ops of keys that nobody trusts
  clock_ahead,
  lying_position,
  lying_tips,
  own_op_claimed,
  false_ack,
  want_flood,
  ask_flood,
  tips_flood,
  reconcile_flood,
  samples_flood,
  lying_samples,
  beyond_window,
  duplicates,
  greeting_again,
  serial_gap,
  false_absent,
};
inline constexpr Attack kLastAttack = Attack::false_absent;

class HostileNode;

/// One connection of a hostile node, from either side.
class HostileLink final : public sync::LinkUser, public std::enable_shared_from_this<HostileLink> {
 public:
  HostileLink(HostileNode& node, std::shared_ptr<SimLink> link, sync::Role role, SimNode* victim);

  void begin();
  void send(const sync::Message& message) { send_bytes(sync::encode(message)); }
  /// Whatever they are, with the tag that shows that they are this peer's.
  void send_bytes(std::string bytes) { link_->send(seal_ ? seal_->close(std::move(bytes)) : std::move(bytes)); }
  void close() { link_->close(1001, "done"); }
  /// Ops under the next serial.
  void send_ops(std::vector<SignedOp> ops, const std::optional<LogMark>& upto = std::nullopt);

  /// Keys are proven, and the other end has said how far it got in this log.
  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] bool closed() const { return ended_.has_value(); }
  /// How the other end ended it.
  [[nodiscard]] const std::optional<sync::Ending>& ended() const { return ended_; }
  [[nodiscard]] SimNode* victim() const { return victim_; }
  /// What came behind the handshake.
  [[nodiscard]] const std::vector<sync::Message>& got() const { return got_; }
  template <class Kind>
  [[nodiscard]] std::size_t count() const {
    std::size_t found = 0;
    for (const sync::Message& message : got_) found += std::holds_alternative<Kind>(message) ? 1U : 0U;
    return found;
  }
  std::function<void(const sync::Message&)> on_message;  ///< behind the handshake
  std::optional<LogMark> position{};                     ///< to say where it got
  bool silent = false;                                   ///< says nothing behind the handshake, not even where it got
  bool acknowledges = false;

  void received(std::string_view message) override;
  void drained() override {}
  void closed(std::uint16_t code, std::string_view reason, bool by_peer) override;

 private:
  HostileNode& node_;
  const std::shared_ptr<SimLink> link_;
  SimNode* const victim_;
  sync::Handshake handshake_;
  std::optional<sync::Seal> seal_;
  std::uint64_t serial_ = 0;
  bool proven_ = false;
  bool open_ = false;
  std::optional<sync::Ending> ended_;
  std::vector<sync::Message> got_;
};

/// Its key is one of a number (identity_of); it has no log.
class HostileNode {
 public:
  HostileNode(SyncWorld& world, std::string name, std::uint8_t number);
  ~HostileNode();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] SyncWorld& world() { return world_; }
  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] AuthorId author() const { return identity_.author(); }
  [[nodiscard]] sync::Self self() const { return {&identity_, world_.document(), log_}; }
  [[nodiscard]] LogId log() const { return log_; }

  /// Every node of the world lets it in from now on.
  void be_trusted();
  /// Dials; the link is there at once, open() when the handshake is done. Null: the victim does not run.
  /// @param greets false: it never says a word.
  std::shared_ptr<HostileLink> dial(SimNode& victim, bool greets = true);
  /// The same, and waits until it is open.
  std::shared_ptr<HostileLink> connect(SimNode& victim);
  /// May be dialed under its name.
  void listen();
  void leave();
  [[nodiscard]] const std::vector<std::shared_ptr<HostileLink>>& links() const { return links_; }

  /// The next op of its own chain, on top of `parents`; valid, unless the arguments say otherwise.
  [[nodiscard]] SignedOp write(OpKind kind, const OpId& target, const std::string& name, std::vector<OpId> parents,
                               std::optional<Seq> seq = std::nullopt);
  /// The same without moving on: what is written next is on another branch.
  [[nodiscard]] SignedOp fork(const std::string& story);
  /// Ops that hold, each on top of one that nobody has.
  [[nodiscard]] std::vector<SignedOp> orphans(std::size_t count);
  /// Ops that hold, each of a new key.
  [[nodiscard]] std::vector<SignedOp> of_strangers(std::size_t count);

  /// One attack over one link that is open. May send any number of messages, and finds that the link is closed.
  void attack(Attack attack, HostileLink& link);

 private:
  [[nodiscard]] SignedOp signed_op(Op op, std::optional<std::string> content) const;
  [[nodiscard]] Op next_op(OpKind kind) const;

  SyncWorld& world_;
  const std::string name_;
  const Identity identity_;
  const LogId log_;
  std::vector<std::shared_ptr<HostileLink>> links_;
  OpIndex index_{};
  OpId tip_;
  std::uint64_t made_ = 0;
};

[[nodiscard]] std::string_view to_string(Attack attack);

}  // namespace musher::testing
