#pragma once
// The op logs of tests/data that make_fixtures.py writes, and what verify-order must find in each.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "audit/verify_order.hpp"

namespace musher::testing {

/// Fields that expected.json does not name are not compared.
struct ExpectedFinding {
  std::string code{};
  std::optional<std::string> row{};
  std::optional<std::string> story{};
  std::optional<std::string> field{};
  std::optional<std::string> expected{};
  std::optional<std::string> found{};
};

struct Fixture {
  std::string name{};  ///< "bad/rowid-gap.db"
  std::vector<ExpectedFinding> findings{};
  std::optional<std::string> notes{};  ///< "own-ops-elsewhere.notes", a folder beside it
  std::optional<std::string> state{};  ///< "rowid-gap.state", beside it

  /// Copies the log, its state and the state's key (0600) to a folder; returns the log's path there.
  [[nodiscard]] std::filesystem::path copy_to(const std::filesystem::path& folder) const;
};

/// Those of tests/data/expected.json, or of another folder that make_fixtures.py wrote.
[[nodiscard]] std::vector<Fixture> fixtures();
[[nodiscard]] Fixture fixture(const std::string& name);

/// A day after the fixtures' ops were written.
inline constexpr std::int64_t kFixtureNowMs = 1'775'736'000'000 + 24 * 3'600'000;

/// The fixture's log audited in every way, with its state where it has one.
[[nodiscard]] AuditReport audit_fixture(const Fixture& fixture);

/// A line a finding: "rowid-gap row 4". For messages of failed tests and for comparing.
[[nodiscard]] std::string text_of(const std::vector<Finding>& findings);
[[nodiscard]] std::string text_of(const std::vector<ExpectedFinding>& findings);

}  // namespace musher::testing
