#pragma once
// A write transaction on the SQLite file.

#include <chrono>
#include <memory>
#include <unordered_map>

#include "oplog/derived.hpp"
#include "oplog/open_log.hpp"
#include "oplog/quarantine.hpp"
#include "oplog/reads.hpp"

namespace musher {

class SqliteWrite final : public Reads<WriteTransaction> {
 public:
  /// @errors as OpLog::begin_write.
  [[nodiscard]] static Result<std::unique_ptr<WriteTransaction>> begin(OpenLog& log, std::chrono::milliseconds timeout);
  ~SqliteWrite() override;

  [[nodiscard]] Result<RowId> append(const VerifiedOp& op, Depth depth, std::string_view source,
                                     std::int64_t received_ms, bool erases_now) override;
  [[nodiscard]] Result<void> set_author(const TrustChange& change) override;
  [[nodiscard]] Result<void> rebuild_derived() override;
  Result<std::vector<OpId>> quarantine_add(const QuarantinedOp& op) override;
  [[nodiscard]] Result<void> quarantine_remove(std::int64_t id) override;
  [[nodiscard]] Result<QuarantineExtent> quarantine_extent() override;
  [[nodiscard]] bool gave_up() const override { return quarantine_.gave_up(); }
  [[nodiscard]] Result<void> set_peer(const PeerRecord& peer) override;
  [[nodiscard]] Result<void> commit() override;

  // From what this transaction has appended or found already; nobody else writes meanwhile.
  [[nodiscard]] Result<std::optional<DependencyFacts>> facts(const OpId& id) override;
  // These see what was appended here and is not in the tables yet.
  [[nodiscard]] Result<std::vector<Head>> heads() override;
  [[nodiscard]] Result<std::vector<Tip>> tips() override;
  [[nodiscard]] Result<std::vector<Tip>> tips_of(const AuthorId& author) override;
  [[nodiscard]] Result<std::vector<Mark>> marks() override;
  [[nodiscard]] Result<Mark> last_mark() override;

 private:
  explicit SqliteWrite(OpenLog& log);
  [[nodiscard]] Result<void> enter();
  template <class Work>
  [[nodiscard]] Result<std::invoke_result_t<Work>> writing(Work work);
  [[nodiscard]] Result<void> flush();
  [[nodiscard]] Result<void> check_place() const;
  [[nodiscard]] Result<void> commit_to_disk();
  [[nodiscard]] RowId insert(const VerifiedOp& op, Depth depth, std::string_view source, std::int64_t received_ms);
  void check_new(const VerifiedOp& op);
  [[nodiscard]] bool is_here(const OpId& id);
  void remember(DependencyFacts facts);
  void erase_content(const OpId& target);
  void end();

  Derived derived_;
  Quarantine quarantine_;
  std::unordered_map<OpId, DependencyFacts, IdHash> here_;  ///< some of the ops in the log
  std::optional<OpId> absent_;                              ///< the last one that was looked for and is not
  RowId last_row_{};                                        ///< the highest number ever given out
  std::optional<OpId> last_op_;                             ///< the last one appended here
  std::optional<std::int64_t> last_trust_change_;
  bool failed_ = false;  ///< a step failed: whatever follows, nothing of this may be committed
  bool committed_ = false;
  bool ended_ = false;
};

}  // namespace musher
