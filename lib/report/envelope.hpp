#pragma once
// What every JSON document of musher begins with (docs/json.md, "envelope").

#include <optional>
#include <span>
#include <string_view>

#include "json/json_writer.hpp"
#include "replica/inspect.hpp"

namespace musher {

struct Envelope {
  std::string_view schema;       ///< "musher.put/1"
  std::optional<int> exit_code;  ///< absent in MCP results, as is the tool's version
  const LogCard* log = nullptr;  ///< absent where the command is not about a log
  std::string_view verdict{};    ///< "ok", "failed" ...; empty: the command has none
  std::optional<ResolvedPoint> at{};
  std::optional<std::string> next_cursor{};  ///< of a paged MCP result: there is more
};

/// The envelope's members, into an object that is open. An MCP result has only the first of the log's heads.
void write_envelope(JsonWriter& json, const Envelope& envelope);

/// "heads", the first of them, and "heads_left_out" when there are more.
void write_heads(JsonWriter& json, std::span<const OpId> heads, std::size_t most);

}  // namespace musher
