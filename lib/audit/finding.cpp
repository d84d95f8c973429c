#include "audit/finding.hpp"

#include <algorithm>

namespace musher {
namespace {

constexpr std::array<std::string_view, kChecks> kCheckNames = {
    "file", "row", "signature", "order", "author", "seq", "trust", "derived", "story", "clock", "state"};

using enum FindingCode;
constexpr auto kError = Severity::error;
constexpr auto kWarning = Severity::warning;

constexpr std::string_view kShowOp = "musher inspect op {op} --log {log}";
// A row that cannot be an op. In hex: nothing of it reaches a terminal as it is.
constexpr std::string_view kShowRow =
    "sqlite3 -readonly -line {log} 'SELECT rowid, hex(op_id), hex(author), idx, hex(prev), kind, seq, hex(target), "
    "hex(name), hex(actor), hex(content), hex(signature) FROM crdt_ops WHERE rowid = {row}'";
constexpr std::string_view kShowRows = "musher inspect ops --log {log}";
constexpr std::string_view kShowStory = "musher inspect story {story} --log {log}";
constexpr std::string_view kShowSchema = "sqlite3 -readonly {log} .schema  # man 5 musher-oplog has it as it should be";
constexpr std::string_view kShowHeads = "musher inspect heads --log {log}";

constexpr std::array<FindingKind, kFindingCodes> kKinds = {{
    {sqlite_corrupt, "sqlite-corrupt", kError, Check::file,
     "sqlite3 -readonly {log} 'PRAGMA integrity_check'  # then restore a backup"},
    {schema_altered, "schema-altered", kError, Check::file, kShowSchema},
    {trigger_missing, "trigger-missing", kError, Check::file, kShowSchema},
    {row_malformed, "row-malformed", kError, Check::row, kShowRow},
    {limit_exceeded, "limit-exceeded", kError, Check::row, kShowOp},
    {wrong_document, "wrong-document", kError, Check::row, "musher inspect summary --log {log}"},
    {id_mismatch, "id-mismatch", kError, Check::row, "musher inspect op {found} --log {log}"},  // as it is stored
    {digest_mismatch, "digest-mismatch", kError, Check::row, kShowOp},
    {content_missing, "content-missing", kError, Check::row, kShowOp},
    {content_withheld, "content-withheld", kWarning, Check::row, "musher inspect op {found} --log {log}"},  // the erase
    {signature_invalid, "signature-invalid", kError, Check::signature, kShowOp},
    {rowid_gap, "rowid-gap", kError, Check::order, kShowRows},
    {tail_missing, "tail-missing", kError, Check::order, kShowRows},
    {dependency_missing, "dependency-missing", kError, Check::order, kShowOp},
    {dependency_later, "dependency-later", kError, Check::order, kShowOp},
    {depth_mismatch, "depth-mismatch", kError, Check::order, kShowOp},
    {seq_out_of_bounds, "seq-out-of-bounds", kError, Check::order, kShowOp},
    {many_heads, "many-heads", kWarning, Check::order, kShowHeads},
    {own_ops_elsewhere, "own-ops-elsewhere", kError, Check::author,
     "musher inspect peers --log {log}  # one that has them brings them back, once musher serve is connected with it"},
    {index_gap, "index-gap", kError, Check::author, kShowOp},
    {index_back, "index-back", kError, Check::author, kShowOp},
    {prev_mismatch, "prev-mismatch", kError, Check::author, kShowOp},
    {equivocation, "equivocation", kError, Check::author, "musher inspect authors --log {log}"},
    {seq_regression, "seq-regression", kError, Check::seq, kShowStory},
    {author_unknown, "author-unknown", kError, Check::trust, "musher trust list --log {log}"},
    {author_revoked, "author-revoked", kError, Check::trust, "musher trust list --log {log}"},
    {derived_stale, "derived-stale", kError, Check::derived, kShowHeads},
    {came_back, "came-back", kWarning, Check::story, kShowStory},
    {duplicate_story, "duplicate-story", kWarning, Check::story, kShowStory},
    {clock_ahead, "clock-ahead", kWarning, Check::clock, "timedatectl  # on the machine that wrote it"},
    {log_rolled_back, "log-rolled-back", kError, Check::state, "musher inspect authors --log {log}"},
    {row_replaced, "row-replaced", kError, Check::state, kShowRows},
}};

constexpr bool in_order_of_the_enum() {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (static_cast<std::size_t>(kKinds[i].code) != i) return false;
  }
  return true;
}
static_assert(in_order_of_the_enum());

}  // namespace

std::string_view to_string(Check check) { return kCheckNames[static_cast<std::size_t>(check)]; }

std::optional<Check> check_named(std::string_view name) {
  const auto found = std::ranges::find(kCheckNames, name);
  if (found == kCheckNames.end()) return std::nullopt;
  return static_cast<Check>(found - kCheckNames.begin());
}

std::string_view to_string(Severity severity) { return severity == Severity::error ? "error" : "warning"; }

const std::array<FindingKind, kFindingCodes>& finding_kinds() { return kKinds; }

const FindingKind& kind_of(FindingCode code) { return kKinds[static_cast<std::size_t>(code)]; }

}  // namespace musher
