#pragma once
// The JSON of musher sync (docs/json.md, "sync").

#include <string>
#include <vector>

#include "replica/trust_policy.hpp"
#include "report/envelope.hpp"
#include "sync/sync_files.hpp"

namespace musher {

/// What was brought from one log to another, or would be.
struct FileMovement {
  std::string from;  ///< absolute paths
  std::string to;
  LogId from_log;
  LogId to_log;
  TrustPolicy trust;  ///< of the receiving log: names
  sync::Movement movement;
  std::vector<LiveAnswer> live{};  ///< servers that have the receiving log open
};

void write_sync(JsonWriter& json, const Envelope& envelope, const DocumentId& document, bool dry_run,
                const std::vector<FileMovement>& movements);

}  // namespace musher
