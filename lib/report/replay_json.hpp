#pragma once
// The JSON of musher replay (docs/json.md, "replay").

#include "audit/replay.hpp"
#include "report/envelope.hpp"
#include "report/op_json.hpp"

namespace musher {

void write_replay(JsonWriter& json, const Envelope& envelope, const ReplayReport& report,
                  const StoryWriter& story = write_story);
void write_comparison(JsonWriter& json, const Envelope& envelope, const Comparison& comparison,
                      const StoryWriter& story = write_story);

}  // namespace musher
