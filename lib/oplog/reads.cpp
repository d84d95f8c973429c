#include "oplog/reads.hpp"

#include "oplog/derived.hpp"
#include "oplog/open_log.hpp"
#include "oplog/peers.hpp"
#include "oplog/read_index.hpp"
#include "oplog/read_rows.hpp"
#include "oplog/read_tables.hpp"

namespace musher {
template <class Interface>
const LogInfo& Reads<Interface>::info() const {
  return log().info;
}

template <class Interface>
Result<RowId> Reads<Interface>::last_row() {
  return reading(log(), [&] { return read_last_row(log().database()); });
}

template <class Interface>
Result<std::optional<RowId>> Reads<Interface>::highest_row_ever() {
  return reading(log(), [&] { return read_highest_row_ever(log().database()); });
}

template <class Interface>
Result<std::uint64_t> Reads<Interface>::count() {
  return reading(log(), [&] { return count_rows(log().database()); });
}

template <class Interface>
Result<void> Reads<Interface>::scan(RowId after, RowId upto, const LogReader::Sink& sink) {
  return reading(log(), [&] { scan_rows(log().database(), log().info.document, after, upto, sink); });
}

template <class Interface>
Result<std::vector<ScannedRow>> Reads<Interface>::rows(std::span<const RowId> wanted) {
  return reading(log(), [&] { return read_rows(log().database(), log().info.document, wanted); });
}

template <class Interface>
Result<std::optional<ScannedRow>> Reads<Interface>::find(const OpId& id) {
  return reading(log(), [&] { return find_row(log().database(), log().info.document, id); });
}

template <class Interface>
Result<std::vector<OpId>> Reads<Interface>::find_prefix(std::string_view hex, std::size_t limit) {
  return reading(log(), [&] { return ids_with_prefix(log().database(), hex, limit); });
}

template <class Interface>
Result<void> Reads<Interface>::scan_story(std::string_view story, RowId upto, StoryPart part,
                                          const LogReader::Sink& sink) {
  return reading(log(), [&] {
    const std::vector<RowId> wanted = story_row_ids(log().database(), story, upto, part);
    const RowContents contents = part == StoryPart::all ? RowContents::read : RowContents::left_out;
    scan_these(log().database(), log().info.document, wanted, contents, sink);
  });
}

template <class Interface>
Result<std::vector<std::string>> Reads<Interface>::story_ids() {
  return reading(log(), [&] { return read_story_ids(log().database()); });
}

template <class Interface>
Result<std::optional<DependencyFacts>> Reads<Interface>::facts(const OpId& id) {
  return reading(log(), [&] { return facts_of_op(log().database(), id); });
}

template <class Interface>
Result<std::optional<OpLinks>> Reads<Interface>::links(const OpId& id) {
  return reading(log(), [&] { return links_of(log().database(), id); });
}

template <class Interface>
Result<Seq> Reads<Interface>::register_seq(const OpId& item, std::string_view field) {
  return reading(log(), [&] { return highest_seq(log().database(), item, field); });
}

template <class Interface>
Result<RowId> Reads<Interface>::row_at(std::int64_t at_ms) {
  return reading(log(), [&] { return last_row_at(log().database(), at_ms); });
}

template <class Interface>
Result<std::vector<OpId>> Reads<Interface>::ops_at(const AuthorId& author, OpIndex index) {
  return reading(log(), [&] { return ids_at(log().database(), author, index); });
}

template <class Interface>
Result<bool> Reads<Interface>::has_several_at(const AuthorId& author, OpIndex index) {
  return reading(log(), [&] { return has_second_at(log().database(), author, index); });
}

template <class Interface>
Result<OpIndex> Reads<Interface>::last_index(const AuthorId& author) {
  return reading(log(), [&] { return highest_index(log().database(), author); });
}

template <class Interface>
Result<std::optional<OpIndex>> Reads<Interface>::lowest_index_since(const AuthorId& author, RowId row) {
  return reading(log(), [&] { return lowest_index_behind(log().database(), author, row); });
}

template <class Interface>
Result<std::optional<OpIndex>> Reads<Interface>::first_branch(const AuthorId& author, OpIndex below) {
  return reading(log(), [&] { return first_shared_index(log().database(), author, below); });
}

template <class Interface>
Result<std::vector<OpId>> Reads<Interface>::prev_ancestors(const OpId& op, OpIndex lowest) {
  return reading(log(), [&] { return ancestors_by_prev(log().database(), op, lowest); });
}

template <class Interface>
Result<std::vector<RowId>> Reads<Interface>::author_rows(const AuthorId& author, OpIndex after, OpIndex upto) {
  return reading(log(), [&] { return rows_of_author(log().database(), author, after, upto); });
}

template <class Interface>
Result<std::optional<Digest>> Reads<Interface>::chain_at(RowId row) {
  return reading(log(), [&] { return read_chain_at(log().database(), log().info, row); });
}

template <class Interface>
Result<std::vector<Head>> Reads<Interface>::heads() {
  return reading(log(), [&] { return read_heads(log().database()); });
}

template <class Interface>
Result<std::vector<Tip>> Reads<Interface>::tips() {
  return reading(log(), [&] { return read_tips(log().database()); });
}

template <class Interface>
Result<std::vector<Tip>> Reads<Interface>::tips_of(const AuthorId& author) {
  return reading(log(), [&] { return read_tips_of(log().database(), author); });
}

template <class Interface>
Result<std::vector<Mark>> Reads<Interface>::marks() {
  return reading(log(), [&] { return read_marks(log().database()); });
}

template <class Interface>
Result<Mark> Reads<Interface>::last_mark() {
  return reading(log(), [&] { return read_last_mark(log().database(), log().info.log); });
}

template <class Interface>
Result<std::vector<AuthorRecord>> Reads<Interface>::authors() {
  return reading(log(), [&] { return read_authors(log().database()); });
}

template <class Interface>
Result<std::vector<TrustChange>> Reads<Interface>::trust_changes() {
  return reading(log(), [&] { return read_trust_changes(log().database()); });
}

template <class Interface>
Result<std::vector<QuarantinedOp>> Reads<Interface>::quarantine() {
  return reading(log(), [&] { return read_quarantine(log().database()); });
}

template <class Interface>
Result<void> Reads<Interface>::scan_quarantine(const LogReader::QuarantineSink& sink) {
  return reading(log(), [&] { scan_quarantine_entries(log().database(), sink); });
}

template <class Interface>
Result<std::vector<QuarantineEntry>> Reads<Interface>::quarantine_entries_of(const OpId& id) {
  return reading(log(), [&] { return read_quarantine_entries_of(log().database(), id); });
}

template <class Interface>
Result<std::optional<QuarantinedOp>> Reads<Interface>::quarantined(std::int64_t id) {
  return reading(log(), [&] { return read_quarantined(log().database(), id); });
}

template <class Interface>
Result<std::uint64_t> Reads<Interface>::quarantine_count() {
  return reading(log(), [&] { return count_quarantine(log().database()); });
}

template <class Interface>
Result<bool> Reads<Interface>::in_quarantine(const OpId& id) {
  return reading(log(), [&] { return is_in_quarantine(log().database(), id); });
}

template <class Interface>
Result<std::vector<PeerRecord>> Reads<Interface>::peers() {
  return reading(log(), [&] { return read_peers(log().database()); });
}

template class Reads<OpLog>;
template class Reads<WriteTransaction>;

}  // namespace musher
