#include "support/fixtures.hpp"

#include <rapidjson/document.h>

#include <stdexcept>

#include "support/log_builder.hpp"
#include "support/temp_folder.hpp"

namespace musher::testing {
namespace {

namespace fs = std::filesystem;

fs::path data() { return fs::path(MUSHER_SOURCE_DIR) / "tests/data"; }

std::optional<std::string> member(const rapidjson::Value& object, const char* name) {
  const auto found = object.FindMember(name);
  if (found == object.MemberEnd() || found->value.IsNull()) return std::nullopt;
  return found->value.GetString();
}

std::string line(std::string_view code, const std::optional<std::string>& row) {
  return std::string(code) + (row ? " row " + *row : "") + "\n";
}

}  // namespace

fs::path Fixture::copy_to(const fs::path& folder) const {
  const fs::path source = data() / name;
  const fs::path target = folder / source.filename();
  fs::copy_file(source, target);
  if (state) {
    for (const std::string& file : {*state, *state + ".key"}) {
      fs::copy_file(source.parent_path() / file, folder / file);
      fs::permissions(folder / file, fs::perms::owner_read | fs::perms::owner_write);
    }
  }
  return target;
}

std::vector<Fixture> fixtures() {
  rapidjson::Document document;
  document.Parse(read_file(data() / "expected.json").c_str());
  if (document.HasParseError() || !document.IsObject())
    throw std::runtime_error("tests/data/expected.json cannot be read");
  std::vector<Fixture> all;
  for (const auto& entry : document.GetObject()) {
    Fixture fixture{.name = entry.name.GetString()};
    fixture.state = member(entry.value, "state");
    fixture.notes = member(entry.value, "notes");
    for (const auto& finding : entry.value["findings"].GetArray()) {
      fixture.findings.push_back({.code = *member(finding, "code"),
                                  .row = member(finding, "rowid"),
                                  .story = member(finding, "story_id"),
                                  .field = member(finding, "field"),
                                  .expected = member(finding, "expected"),
                                  .found = member(finding, "found")});
    }
    all.push_back(std::move(fixture));
  }
  return all;
}

Fixture fixture(const std::string& name) {
  for (Fixture& each : fixtures()) {
    if (each.name == name) return each;
  }
  throw std::runtime_error("there is no fixture " + name);
}

AuditReport audit_fixture(const Fixture& fixture) {
  const TempFolder folder;
  const auto log = must(SqliteOpLog::open(fixture.copy_to(folder.path()), OpenMode::read));
  AuditRequest request;
  request.now_ms = kFixtureNowMs;
  if (fixture.state) request.state = folder / *fixture.state;
  if (fixture.notes) request.tip_notes = data() / "bad" / *fixture.notes;
  return must(verify_order(*log, request));
}

std::string text_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text +=
        line(kind_of(finding.code).name, finding.row ? std::optional(std::to_string(raw(*finding.row))) : std::nullopt);
  }
  return text;
}

std::string text_of(const std::vector<ExpectedFinding>& findings) {
  std::string text;
  for (const ExpectedFinding& finding : findings) text += line(finding.code, finding.row);
  return text;
}

}  // namespace musher::testing
