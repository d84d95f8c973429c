// Every finding code on op logs that tests/data/make_fixtures.py wrote, without any of musher's own code.

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "support/fixtures.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

bool same(const std::optional<std::string>& expected, const std::optional<std::string>& found) {
  return !expected || expected == found;
}

std::string messages(const AuditReport& report) {
  std::string text;
  for (const Finding& finding : report.findings) text += finding.message + "\n    " + finding.hint + "\n";
  return text;
}

}  // namespace

TEST_CASE("fixtures: each has exactly the findings it was made to have", "[audit]") {
  for (const Fixture& fixture : fixtures()) {
    const AuditReport report = audit_fixture(fixture);
    INFO(fixture.name << "\n" << messages(report));
    CHECK(text_of(report.findings) == text_of(fixture.findings));
    for (std::size_t i = 0; i < std::min(report.findings.size(), fixture.findings.size()); ++i) {
      const Finding& finding = report.findings[i];
      const ExpectedFinding& expected = fixture.findings[i];
      CHECK(same(expected.story, finding.story));
      CHECK(same(expected.field, finding.field));
      CHECK(same(expected.expected, finding.expected));
      CHECK(same(expected.found, finding.found));
      CHECK_FALSE(finding.message.empty());
      CHECK_FALSE(finding.hint.empty());
    }
  }
}

TEST_CASE("fixtures: every finding code has one", "[audit]") {
  std::set<std::string> shown;
  for (const Fixture& fixture : fixtures()) {
    for (const ExpectedFinding& finding : fixture.findings) shown.insert(finding.code);
  }
  for (const FindingKind& kind : finding_kinds()) CHECK(shown.contains(std::string(kind.name)));
}

TEST_CASE("fixtures: an error gives the verdict findings, a warning alone leaves it ok", "[audit]") {
  for (const Fixture& fixture : fixtures()) {
    const AuditReport report = audit_fixture(fixture);
    const bool error = std::ranges::any_of(
        report.findings, [](const Finding& finding) { return finding.severity() == Severity::error; });
    INFO(fixture.name);
    CHECK(report.verdict == (error ? AuditVerdict::findings : AuditVerdict::ok));
    CHECK(report.coverage.rows == std::max<std::uint64_t>(report.coverage.rows_checked, report.coverage.rows));
  }
}
