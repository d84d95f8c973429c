#pragma once
// Making a log and the identity that writes to it.

#include <filesystem>
#include <optional>
#include <string>

#include "crypto/identity.hpp"
#include "oplog/rows.hpp"
#include "replica/host.hpp"

namespace musher {

struct InitRequest {
  std::filesystem::path log;
  std::filesystem::path key_file;  ///< made unless it is there; never overwritten
  std::optional<DocumentId>
      document;                      ///< to hold a copy of a document that other nodes have; a new random one otherwise
  std::string name;                  ///< of the identity, in this log
  std::optional<std::string> group;  ///< see CreateOptions
};

struct InitReport {
  bool created = false;  ///< false: a good log and its key were there already
  bool key_created = false;
  LogInfo log;
  AuthorId author;
  std::filesystem::path key_file;  ///< absolute
};

/// Safe to run twice, and after a kill at any instant. The new identity is trusted in the new log.
/// @errors refused: something that is not a log is at that path; or a log whose key is missing, is not trusted there,
/// or
///   whose document is another than the one asked for.  no_identity: the key file cannot be used.  usage: bad name or
///   group.  io.
[[nodiscard]] Result<InitReport> init(const InitRequest& request, const Host& host);

}  // namespace musher
