#pragma once
// The JSON of musher replay (docs/json.md, "replay").

#include "audit/replay.hpp"
#include "report/envelope.hpp"

namespace musher {

void write_replay(JsonWriter& json, const Envelope& envelope, const ReplayReport& report);
void write_comparison(JsonWriter& json, const Envelope& envelope, const Comparison& comparison);

}  // namespace musher
