#pragma once
// The JSON of musher verify-order (docs/json.md, "verify-order").

#include "audit/verify_order.hpp"
#include "report/envelope.hpp"

namespace musher {

/// "ok", "findings", "incomplete".
[[nodiscard]] std::string_view to_string(AuditVerdict verdict);
/// "none", "first_run", "matched", "failed".
[[nodiscard]] std::string_view to_string(StateOutcome state);

void write_verify_order(JsonWriter& json, const Envelope& envelope, const AuditReport& report);

}  // namespace musher
