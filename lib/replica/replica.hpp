#pragma once
// One open log with the identity that writes to it. Put, purge, trust and admission go through here: the only way to
// write.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "crypto/identity.hpp"
#include "oplog/op_log.hpp"
#include "replica/host.hpp"
#include "replica/trust_policy.hpp"
#include "replica/waiting_index.hpp"

namespace musher {

class Replica {
 public:
  Replica(std::unique_ptr<OpLog> log, Host host) : log_(std::move(log)), host_(std::move(host)) {}

  /// From now on own ops are signed with this key. Needed by put, purge and nothing else.
  void use_identity(Identity identity) { identity_ = std::move(identity); }

  /// Takes the key back; nothing is written here any more.
  [[nodiscard]] std::optional<Identity> take_identity() { return std::exchange(identity_, std::nullopt); }

  [[nodiscard]] OpLog& log() { return *log_; }
  [[nodiscard]] const Host& host() const { return host_; }
  /// On whose behalf ops are written from now on; Host::login before.
  void set_actor(std::string actor) { host_.login = std::move(actor); }
  [[nodiscard]] const Identity* identity() const { return identity_ ? &*identity_ : nullptr; }
  /// How long a write waits for the lock.
  void set_lock_timeout(std::chrono::milliseconds timeout) { lock_timeout_ = timeout; }
  [[nodiscard]] std::chrono::milliseconds lock_timeout() const { return lock_timeout_; }

  /// Problems that did not stop a write, for the caller to show (a tip note that could not be read or written).
  [[nodiscard]] std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }
  void warn(std::string warning) { warnings_.push_back(std::move(warning)); }
  /// Whom the log hears now.
  [[nodiscard]] Result<TrustPolicy> read_trust(LogReader& log) {
    MUSHER_TRY(trust_, TrustPolicy::read(log, &trust_));
    return trust_;
  }
  [[nodiscard]] WaitingIndex& waiting_index() { return waiting_index_; }
  /// For who opens the log again: the index goes on, as far as it fits.
  void use_waiting_index(WaitingIndex index) { waiting_index_ = std::move(index); }
  [[nodiscard]] WaitingIndex take_waiting_index() { return std::exchange(waiting_index_, {}); }

 private:
  // fixed after construction
  std::unique_ptr<OpLog> log_;
  Host host_;
  std::optional<Identity> identity_;
  std::chrono::milliseconds lock_timeout_{10'000};
  // changes with each write
  std::vector<std::string> warnings_;
  TrustPolicy trust_;  ///< as it was read last
  WaitingIndex waiting_index_;
};

/// What to write: everything of an op that its author decides.
struct OpDraft {
  OpKind kind = OpKind::set;
  OpId target;
  std::string name;
  std::optional<std::string> content;  ///< canonical JSON
  /// Ops that must be among its ancestors, in rowid order: named as parents if the heads that are named leave them out.
  std::vector<OpId> must_follow;
};

/// Whether what this key writes would be heard in the log at `path`.
/// @errors refused: it is not trusted there, or not any more; with the line that lets it in.
[[nodiscard]] Result<void> check_own_trust(const TrustPolicy& trust, const AuthorId& self, const std::string& path);

/// Writes own ops in one transaction: invariant 2 of docs/architecture.md. Nothing is durable before commit().
class OwnWrite {
 public:
  /// Takes the lock and checks that this identity may write here.
  /// @errors no_identity.  refused: the key is not trusted here (with the line that lets it in), or its note names an
  ///   op this log has not got.  damaged: the log does not say which op this key wrote last.  busy, io, damaged: as
  ///   OpLog::begin_write.
  [[nodiscard]] static Result<OwnWrite> begin(Replica& replica);

  [[nodiscard]] WriteTransaction& log() { return *transaction_; }
  [[nodiscard]] const TrustPolicy& trust() const { return trust_; }

  /// Makes, signs and appends one op on top of everything the log holds now. Signs nothing on top of an op that is not
  /// what its author signed: every op it names is verified first, once a transaction.
  /// @errors damaged: one does not hold; names its row.  refused: `must_follow` and the heads do not fit into 64
  /// parents.
  Result<OpRow> append(const OpDraft& draft);

  /// Durable when it returns without error.
  Result<void> commit();

 private:
  OwnWrite(Replica& replica, std::unique_ptr<WriteTransaction> transaction, TrustPolicy trust)
      : replica_(&replica),
        transaction_(std::move(transaction)),
        trust_(std::move(trust)),
        verifier_(std::make_unique<Verifier>(transaction_->info().document)) {}
  Result<void> check_dependencies_hold(const Op& op);

  Replica* replica_;
  std::unique_ptr<WriteTransaction> transaction_;
  TrustPolicy trust_;
  std::unique_ptr<Verifier> verifier_;
  std::unordered_set<OpId, IdHash> verified_;  ///< ops of the log that hold
  std::optional<Tip> last_;
};

}  // namespace musher
