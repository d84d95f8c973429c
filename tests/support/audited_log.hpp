#pragma once
// A log of 46 ops of two authors with everything in it that a log can have, to be damaged and audited.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "audit/verify_order.hpp"
#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

namespace musher::testing {

inline constexpr std::int64_t kAuditNowMs = 1'790'000'100'000;  ///< after every op of a LogBuilder

class AuditedLog {
 public:
  AuditedLog();

  [[nodiscard]] const ScratchLog& scratch() const { return scratch_; }
  [[nodiscard]] std::filesystem::path path() const { return scratch_.path(); }
  [[nodiscard]] std::filesystem::path state() const { return scratch_.folder() / "last.state"; }

  /// SQL past the triggers, which are put back after it.
  void damage(const std::string& sql) const;
  /// More honest ops on one story.
  void write_on(int ops) const;

  /// Every check, without a state unless `change` names one.
  [[nodiscard]] AuditReport audit(const std::function<void(AuditRequest&)>& change = {}) const;
  /// With the state file of this log.
  [[nodiscard]] AuditReport audit_with_state() const;

 private:
  ScratchLog scratch_;
};

/// "rowid-gap 4, derived-stale": each finding's code and row.
[[nodiscard]] std::string codes(const AuditReport& report);

}  // namespace musher::testing
