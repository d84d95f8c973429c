#include "replica/story.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "model/text.hpp"
#include "replica/ancestor_walk.hpp"

namespace musher {
namespace {

/// Of a row that was read with its content.
bool lost_content(const OpRow& row) { return !row.op.op.content_digest.is_zero() && !row.op.content; }

Result<void> apply_row(const TrustPolicy& trust, CheckedRow&& checked, StoryPart part, Contents contents,
                       Document& document, Story& story) {
  if (auto failure = failure_of(checked)) {
    story.failures.push_back(*std::move(failure));
    return {};
  }
  OpRow row = std::get<OpRow>(std::move(checked.row));
  const bool effective = trust.effective(row.id, row.op.op);
  Op placed = row.op.op;
  if (placed.kind == OpKind::insert)
    placed.target = {};  // its neighbour may be another story's: place does not matter here
  MUSHER_TRY(const Applied outcome,
             document.apply({row.id, placed, row.op.content, effective, trust.is_eraser(placed.author)}));
  const bool erased = part == StoryPart::all && lost_content(row);
  if (contents != Contents::all) row.op.content.reset();
  if (outcome == Applied::target_missing) {
    story.failures.push_back({row.row, row, "target_missing", ""});
    story.failures.back().op->op.content.reset();
  }
  story.places.emplace(row.id, story.history.size());
  story.history.push_back({std::move(row), effective, checked.signature_checked, erased});
  return {};
}

/// Gives the removal its content; one that does not hold is a failure, as it is for who reads all contents.
Result<void> read_removal(LogReader& log, const Verifier& verifier, Story& story) {
  const HeardRow* removal = story.removal();
  if (removal == nullptr) return {};
  HeardRow& heard = story.history[story.places.at(removal->row.id)];
  MUSHER_TRY(auto found, log.rows({&heard.row.row, 1}));
  if (found.empty()) return {};
  CheckedRow now = check_row(verifier, std::move(found.front()), Signatures::skip);
  if (auto failure = failure_of(now)) {
    story.failures.push_back(*std::move(failure));
    return {};
  }
  auto& row = std::get<OpRow>(now.row);
  if (row.id != heard.row.id) return {};
  heard.erased = lost_content(row);
  heard.row.op.content = std::move(row.op.content);
  return {};
}

Result<Story> build(LogReader& log, const TrustPolicy& trust, std::string_view id, StoryPart part,
                    const StoryRead& read) {
  Story story{std::string(id), {}, {}, {}, {}};
  const Verifier verifier(log.info().document);
  const LogAncestry ancestry(log);
  Document document(ancestry);
  Result<void> applied;
  MUSHER_CHECK(log.scan_story(id, read.upto, part, [&](ScannedRow&& row) {
    applied = unless_cancelled(read, id);
    if (applied)
      applied = apply_row(trust, check_row(verifier, std::move(row), read.signatures, read.known), part, read.contents,
                          document, story);
    return applied.has_value();
  }));
  MUSHER_CHECK(applied);
  story.items = document.story(id);
  story.purges = document.purges(id);
  if (read.contents == Contents::of_removal) MUSHER_CHECK(read_removal(log, verifier, story));
  return story;
}

}  // namespace

Result<void> unless_cancelled(const StoryRead& read, std::string_view id) {
  if (read.cancel == nullptr || !read.cancel->load(std::memory_order_relaxed)) return {};
  return fail(Errc::incomplete, fmt::format("reading story {} was cancelled", id), "");
}

const HeardRow* Story::removal() const {
  if (is_live()) return nullptr;
  const HeardRow* last_delete = nullptr;
  for (const HeardRow& heard : history | std::views::reverse) {
    if (!heard.effective || heard.row.op.op.kind != OpKind::tombstone) continue;
    if (heard.row.op.op.is_purge()) return &heard;
    if (last_delete == nullptr) last_delete = &heard;
  }
  return last_delete;
}

const HeardRow* Story::row_of(const OpId& op) const {
  const auto found = places.find(op);
  return found == places.end() ? nullptr : &history[found->second];
}

Result<Story> load_story(LogReader& log, const TrustPolicy& trust, std::string_view id, const StoryRead& read) {
  return build(log, trust, id, StoryPart::all, read);
}

Result<Story> load_presence(LogReader& log, const TrustPolicy& trust, std::string_view id, RowId upto) {
  return build(log, trust, id, StoryPart::presence, {.upto = upto, .signatures = Signatures::skip});
}

Result<void> restore_content(LogReader& log, OpRow& row) {
  row.op.content.reset();
  MUSHER_TRY(auto found, log.rows({&row.row, 1}));
  if (found.empty()) return {};
  CheckedRow now = check_row(Verifier(log.info().document), std::move(found.front()), Signatures::skip);
  auto* op = std::get_if<OpRow>(&now.row);
  if (op != nullptr && !now.reject && op->id == row.id) row.op.content = std::move(op->op.content);
  return {};
}

Result<std::optional<std::string>> story_of(LogReader& log, const OpId& id, const Op& op) {
  OpId at = op.kind == OpKind::insert ? id : op.target;
  if (op.kind == OpKind::insert || op.is_purge()) return op.name;
  for (int step = 0; step < 2; ++step) {  // an erase names an op, which names its item
    MUSHER_TRY(const auto row, log.find(at));
    const OpRow* target = row ? std::get_if<OpRow>(&*row) : nullptr;
    if (target == nullptr) return std::nullopt;
    if (target->op.op.kind == OpKind::insert || target->op.op.is_purge()) return target->op.op.name;
    at = target->op.op.target;
  }
  return std::nullopt;
}

Error no_such_story(LogReader& log, std::string_view id, std::optional<RowId> at) {
  std::vector<std::string> near;
  if (const auto ids = log.story_ids()) {
    if (at && std::ranges::find(*ids, id) != ids->end()) {
      return {Errc::not_found, fmt::format("story {} was not there yet at row {} of {}", id, raw(*at), log.info().path),
              "leave out --at, or name a later moment"};
    }
    near = nearest(id, *ids);
    std::erase(near, id);  // a purge may name a story that nobody made
  }
  return {Errc::not_found, fmt::format("there is no story {} in {}", id, log.info().path),
          "musher inspect stories --log " + shell_word(log.info().path), std::move(near)};
}

}  // namespace musher
