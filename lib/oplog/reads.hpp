#pragma once
// The reading half of OpLog and of WriteTransaction, implemented once over an open file.

#include "oplog/op_log.hpp"

namespace musher {

struct OpenLog;

template <class Interface>
class Reads : public Interface {
 public:
  [[nodiscard]] const LogInfo& info() const override;
  [[nodiscard]] Result<RowId> last_row() override;
  [[nodiscard]] Result<std::optional<RowId>> highest_row_ever() override;
  [[nodiscard]] Result<std::uint64_t> count() override;
  [[nodiscard]] Result<void> scan(RowId after, RowId upto, const LogReader::Sink& sink) override;
  [[nodiscard]] Result<std::vector<ScannedRow>> rows(std::span<const RowId> wanted) override;
  [[nodiscard]] Result<std::optional<ScannedRow>> find(const OpId& id) override;
  [[nodiscard]] Result<std::vector<OpId>> find_prefix(std::string_view hex, std::size_t limit) override;
  [[nodiscard]] Result<void> scan_story(std::string_view story, RowId upto, StoryPart part,
                                        const LogReader::Sink& sink) override;
  [[nodiscard]] Result<std::vector<std::string>> story_ids() override;
  [[nodiscard]] Result<std::optional<DependencyFacts>> facts(const OpId& id) override;
  [[nodiscard]] Result<std::optional<OpLinks>> links(const OpId& id) override;
  [[nodiscard]] Result<Seq> register_seq(const OpId& item, std::string_view field) override;
  [[nodiscard]] Result<RowId> row_at(std::int64_t at_ms) override;
  [[nodiscard]] Result<std::vector<OpId>> ops_at(const AuthorId& author, OpIndex index) override;
  [[nodiscard]] Result<bool> has_several_at(const AuthorId& author, OpIndex index) override;
  [[nodiscard]] Result<OpIndex> last_index(const AuthorId& author) override;
  [[nodiscard]] Result<std::optional<OpIndex>> lowest_index_since(const AuthorId& author, RowId row) override;
  [[nodiscard]] Result<std::optional<OpIndex>> first_branch(const AuthorId& author, OpIndex below) override;
  [[nodiscard]] Result<std::vector<OpId>> prev_ancestors(const OpId& op, OpIndex lowest) override;
  [[nodiscard]] Result<std::vector<RowId>> author_rows(const AuthorId& author, OpIndex after, OpIndex upto) override;
  [[nodiscard]] Result<std::optional<Digest>> chain_at(RowId row) override;
  [[nodiscard]] Result<std::vector<Head>> heads() override;
  [[nodiscard]] Result<std::vector<Tip>> tips() override;
  [[nodiscard]] Result<std::vector<Tip>> tips_of(const AuthorId& author) override;
  [[nodiscard]] Result<std::vector<Mark>> marks() override;
  [[nodiscard]] Result<Mark> last_mark() override;
  [[nodiscard]] Result<std::vector<AuthorRecord>> authors() override;
  [[nodiscard]] Result<std::vector<TrustChange>> trust_changes() override;
  [[nodiscard]] Result<std::vector<QuarantinedOp>> quarantine() override;
  [[nodiscard]] Result<void> scan_quarantine(const LogReader::QuarantineSink& sink) override;
  [[nodiscard]] Result<std::vector<QuarantineEntry>> quarantine_entries_of(const OpId& id) override;
  [[nodiscard]] Result<std::optional<QuarantinedOp>> quarantined(std::int64_t id) override;
  [[nodiscard]] Result<std::uint64_t> quarantine_count() override;
  [[nodiscard]] Result<bool> in_quarantine(const OpId& id) override;
  [[nodiscard]] Result<std::vector<PeerRecord>> peers() override;

 protected:
  explicit Reads(OpenLog& log) : log_(&log) {}
  [[nodiscard]] OpenLog& log() const { return *log_; }

 private:
  OpenLog* log_;
};

extern template class Reads<OpLog>;
extern template class Reads<WriteTransaction>;

}  // namespace musher
