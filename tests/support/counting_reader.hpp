#pragma once
// A log that says how much was read of it.

#include <algorithm>

#include "oplog/op_log.hpp"

namespace musher::testing {

/// Counts what is read: one for each call, and one for each thing it returns; and the bytes of contents among it.
class CountingReader final : public LogReader {
 public:
  explicit CountingReader(LogReader& log) : log_(log) {}
  std::uint64_t reads = 0;
  std::uint64_t content_bytes = 0;

  const LogInfo& info() const override { return log_.info(); }
  Result<RowId> last_row() override { return one(log_.last_row()); }
  Result<std::uint64_t> count() override { return one(log_.count()); }
  Result<void> scan(RowId after, RowId upto, const Sink& sink) override {
    return log_.scan(after, upto, counting(sink));
  }
  Result<std::vector<ScannedRow>> rows(std::span<const RowId> wanted) override {
    auto found = all(log_.rows(wanted));
    if (found) std::ranges::for_each(*found, [this](const ScannedRow& row) { note_content(row); });
    return found;
  }
  Result<std::optional<ScannedRow>> find(const OpId& id) override {
    auto found = one(log_.find(id));
    if (found && *found) note_content(**found);
    return found;
  }
  Result<std::vector<OpId>> find_prefix(std::string_view hex, std::size_t limit) override {
    return all(log_.find_prefix(hex, limit));
  }
  Result<void> scan_story(std::string_view story, RowId upto, StoryPart part, const Sink& sink) override {
    return log_.scan_story(story, upto, part, counting(sink));
  }
  Result<std::vector<std::string>> story_ids() override { return all(log_.story_ids()); }
  Result<std::optional<DependencyFacts>> facts(const OpId& id) override { return one(log_.facts(id)); }
  Result<std::optional<OpLinks>> links(const OpId& id) override { return one(log_.links(id)); }
  Result<Seq> register_seq(const OpId& item, std::string_view field) override {
    return one(log_.register_seq(item, field));
  }
  Result<RowId> row_at(std::int64_t at_ms) override { return one(log_.row_at(at_ms)); }
  Result<std::vector<OpId>> ops_at(const AuthorId& author, OpIndex index) override {
    return all(log_.ops_at(author, index));
  }
  Result<bool> has_several_at(const AuthorId& author, OpIndex index) override {
    return one(log_.has_several_at(author, index));
  }
  Result<OpIndex> last_index(const AuthorId& author) override { return one(log_.last_index(author)); }
  Result<std::optional<OpIndex>> lowest_index_since(const AuthorId& author, RowId row) override {
    return one(log_.lowest_index_since(author, row));
  }
  Result<std::optional<OpIndex>> first_branch(const AuthorId& author, OpIndex below) override {
    return one(log_.first_branch(author, below));
  }
  Result<std::vector<OpId>> prev_ancestors(const OpId& op, OpIndex lowest) override {
    return all(log_.prev_ancestors(op, lowest));
  }
  Result<std::vector<RowId>> author_rows(const AuthorId& author, OpIndex after, OpIndex upto) override {
    return all(log_.author_rows(author, after, upto));
  }
  Result<std::optional<Digest>> chain_at(RowId row) override { return one(log_.chain_at(row)); }
  Result<std::vector<Head>> heads() override { return all(log_.heads()); }
  Result<std::vector<Tip>> tips() override { return all(log_.tips()); }
  Result<std::vector<Tip>> tips_of(const AuthorId& author) override { return all(log_.tips_of(author)); }
  Result<std::vector<Mark>> marks() override { return all(log_.marks()); }
  Result<Mark> last_mark() override { return one(log_.last_mark()); }
  Result<std::vector<AuthorRecord>> authors() override { return all(log_.authors()); }
  Result<std::vector<TrustChange>> trust_changes() override { return all(log_.trust_changes()); }
  Result<std::vector<QuarantinedOp>> quarantine() override { return all(log_.quarantine()); }
  Result<void> scan_quarantine(const QuarantineSink& sink) override {
    return log_.scan_quarantine([&](const QuarantineEntry& entry) {
      ++reads;
      return sink(entry);
    });
  }
  Result<std::optional<QuarantinedOp>> quarantined(std::int64_t id) override { return one(log_.quarantined(id)); }
  Result<std::uint64_t> quarantine_count() override { return one(log_.quarantine_count()); }
  Result<std::vector<QuarantineEntry>> quarantine_entries_of(const OpId& id) override {
    return one(log_.quarantine_entries_of(id));
  }
  Result<bool> in_quarantine(const OpId& id) override { return one(log_.in_quarantine(id)); }
  Result<std::vector<PeerRecord>> peers() override { return all(log_.peers()); }
  Result<std::optional<RowId>> highest_row_ever() override { return one(log_.highest_row_ever()); }

 private:
  Sink counting(const Sink& sink) {
    return [this, &sink](ScannedRow&& row) {
      ++reads;
      note_content(row);
      return sink(std::move(row));
    };
  }
  void note_content(const ScannedRow& scanned) {
    const auto* row = std::get_if<OpRow>(&scanned);
    if (row != nullptr && row->op.content) content_bytes += row->op.content->size();
  }
  template <class T>
  Result<T> one(Result<T> result) {
    ++reads;
    return result;
  }
  template <class T>
  Result<std::vector<T>> all(Result<std::vector<T>> result) {
    reads += 1 + (result ? result->size() : 0);
    return result;
  }
  LogReader& log_;
};

}  // namespace musher::testing
