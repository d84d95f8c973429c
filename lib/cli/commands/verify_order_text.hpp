#pragma once
// What musher verify-order shows people.

#include <string>

#include "audit/verify_order.hpp"
#include "cli/terminal.hpp"

namespace musher {

/// What was looked at, each finding with its hint, and the verdict last.
[[nodiscard]] std::string verify_order_text(const std::string& log_path, const AuditReport& report,
                                            const Terminal& terminal, bool utc);

/// One line for cron: the log, how much is wrong, and the worst of it. Escaped. Precondition: the verdict is not ok.
[[nodiscard]] std::string verify_order_line(const std::string& log_path, const AuditReport& report);

}  // namespace musher
