#include "replica/put.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/canonical_json.hpp"
#include "model/text.hpp"
#include "replica/removal.hpp"

namespace musher {
namespace {

Result<void> check_fields(const PutRequest& request) {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : request.fields) {
    if (name == "story_id") {
      return fail(Errc::usage, "cannot set story_id: a story id is fixed when the story is made",
                  "purge the story and put it under the other id");
    }
    if (name.empty() || name.size() > kMaxNameBytes || !is_plain_utf8(name)) {
      return fail(Errc::usage, fmt::format("\"{}\" is no field name", name),
                  "a field name is 1 to 128 bytes of UTF-8 without control characters");
    }
    if (!seen.insert(name).second)
      return fail(Errc::usage, fmt::format("field {} is given twice", name), "give it once");
    if (value.size() > kMaxContentBytes) {
      return fail(Errc::usage,
                  fmt::format("the value of {} is {} bytes; the limit is {}", name, value.size(), kMaxContentBytes),
                  "keep large content elsewhere and put its name here");
    }
  }
  return {};
}

/// Only where a story is made: one that is there already can be named, whatever it is called.
Result<void> check_new_story_id(std::string_view id) {
  if (is_visible(id)) return {};
  return fail(Errc::usage,
              fmt::format("\"{}\" is no id for a new story: it begins or ends with a blank, or shows nothing", id),
              "choose an id that can be read and typed: musher put --new STORY FIELD=TEXT");
}

std::string put_hint(LogReader& log, std::string_view flags, std::string_view story) {
  return fmt::format("musher put {}--log {} {} FIELD=TEXT", flags, shell_word(log.info().path), shell_operand(story));
}

/// One write of the operator's must not become thousands, each with the value.
Result<void> check_items(LogReader& log, const PutRequest& request, const Story& story) {
  const auto visible = std::ranges::count(story.items, true, &ItemState::visible);
  if (static_cast<std::size_t>(visible) <= kMostItemsEach) return {};
  return fail(Errc::refused,
              fmt::format("story {} has {} items, and a put writes each field to every one of them: more than {} are "
                          "refused",
                          request.story, visible, kMostItemsEach),
              fmt::format("to begin it afresh: musher purge --log {} {}, then {}", shell_word(log.info().path),
                          shell_operand(request.story), put_hint(log, "--new --again ", request.story)));
}

Result<void> check_presence(LogReader& log, const Host& host, const TrustPolicy& trust, const PutRequest& request,
                            const Story& story) {
  if (!story.failures.empty()) return damaged_story(log, story);
  if (story.is_live()) {
    if (!request.create) return check_items(log, request, story);
    return fail(Errc::already_exists, fmt::format("story {} is already there", request.story),
                "to change it, leave out --new: " + put_hint(log, "", request.story));
  }
  if (story.was_inserted() && story.removal() != nullptr) {
    if (request.create && request.again) return {};
    return fail(Errc::refused, fmt::format("story {} was {}", request.story, describe_removal(host, trust, story)),
                "to start it afresh: " + put_hint(log, "--new --again ", request.story));
  }
  if (request.create && (request.again || !story.was_inserted())) return {};
  if (story.was_inserted()) {
    auto muted = muted_story(log, trust, story, request.create ? Errc::already_exists : Errc::not_found);
    if (request.create)
      muted.error().hint += "; to make another beside it: " + put_hint(log, "--new --again ", request.story);
    return muted;
  }
  Error missing = no_such_story(log, request.story);
  if (!missing.candidates.empty()) missing.hint = "to make it: " + put_hint(log, "--new ", request.story);
  return std::unexpected(std::move(missing));
}

Result<std::vector<OpRow>> write_ops(OwnWrite& write, const PutRequest& request, const Story& story) {
  std::vector<OpRow> rows;
  if (request.create) {
    auto object = canonical_object(request.fields);
    if (!object) return fail(Errc::usage, "cannot make the story's fields: " + object.error().why);
    MUSHER_TRY(auto row, write.append({OpKind::insert, OpId{}, request.story, *std::move(object), story.purges}));
    rows.push_back(std::move(row));
    return rows;
  }
  for (const auto& [name, value] : request.fields) {
    for (const ItemState& item : story.items) {
      if (!item.visible) continue;
      MUSHER_TRY(auto row, write.append({OpKind::set, item.id, name, value, {}}));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

/// A story that had purges or deletes may hide what is put in again: then nothing is written.
Result<void> check_it_shows(OwnWrite& write, const PutRequest& request, const OpRow& insert) {
  MUSHER_TRY(const Story story, load_presence(write.log(), write.trust(), request.story, insert.row));
  if (!story.failures.empty()) return damaged_story(write.log(), story);
  const auto made = std::ranges::find(story.items, insert.id, &ItemState::id);
  if (made != story.items.end() && made->visible) return {};
  return fail(Errc::internal,
              fmt::format("cannot make story {} again: the new item would be hidden by a purge that it does not follow",
                          request.story),
              "musher inspect story " + shell_operand(request.story));
}

}  // namespace

Result<PutReport> put(Replica& replica, const PutRequest& request) {
  MUSHER_CHECK(check_story_id(request.story));
  if (request.create) MUSHER_CHECK(check_new_story_id(request.story));
  MUSHER_CHECK(check_fields(request));
  if (request.again && !request.create)
    return fail(Errc::usage, "--again goes with --new", "musher put --new --again ...");
  if (request.fields.empty() && !request.create) {
    return fail(Errc::usage, "nothing to set", fmt::format("musher put {} FIELD=TEXT", shell_operand(request.story)));
  }
  MUSHER_TRY(auto write, OwnWrite::begin(replica));
  MUSHER_TRY(const RowId last, write.log().last_row());
  MUSHER_TRY(const Story story, load_presence(write.log(), write.trust(), request.story, last));
  MUSHER_CHECK(check_presence(write.log(), replica.host(), write.trust(), request, story));
  MUSHER_TRY(auto rows, write_ops(write, request, story));
  if (story.was_inserted() && request.create) MUSHER_CHECK(check_it_shows(write, request, rows.front()));

  PutReport report{request.story, request.create, request.dry_run, {}};
  OpDescriber describer(write.log(), write.trust());
  for (OpRow& row : rows) {
    MUSHER_TRY(auto view, describer.describe(std::move(row), Verified::now));
    report.ops.push_back(std::move(view));
  }
  if (!request.dry_run) MUSHER_CHECK(write.commit());
  return report;
}

}  // namespace musher
