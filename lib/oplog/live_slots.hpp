#pragma once
// `<log>.live`: which servers have this log open, and how far each has come. 64 slots of 64 bytes; a server holds one
// by a lock of its bytes for as long as it lives, so that a killed one is gone at once.

#include <chrono>
#include <string>
#include <vector>

#include "crypto/descriptor.hpp"
#include "model/result.hpp"
#include "oplog/file_facts.hpp"
#include "oplog/live_server.hpp"

namespace musher {

inline constexpr std::size_t kLiveSlots = 64;

[[nodiscard]] std::string live_path(const std::string& log);

/// A server's own slot. It is free again when this object or the process ends.
class LiveSlot {
 public:
  /// `log`: the resolved path; `facts`: of the log's file.
  /// @errors busy: all 64 are held.  refused, io: as open_companion.
  [[nodiscard]] static Result<LiveSlot> take(const std::string& log, const FileFacts& facts, const LogId& id);

  /// Tells how far this server has come: one pwrite, to be called after each applied batch.
  void tell(RowId applied, ServerHealth health);

 private:
  LiveSlot(Descriptor descriptor, std::size_t slot, const LogId& id)
      : descriptor_(std::move(descriptor)), slot_(slot), id_(id) {}

  Descriptor descriptor_;
  std::size_t slot_;
  LogId id_;
};

/// The servers that have this log open now; none when there is no such file. A slot of another log id (a file that was
/// copied here) does not count.
[[nodiscard]] Result<std::vector<LiveServer>> live_servers(const std::string& log, const FileFacts& facts,
                                                           const LogId& id);

/// Waits until every server that holds a slot has applied `row`, or `patience` ends. A server that ends meanwhile is
/// left out: it has no memory any more.
[[nodiscard]] Result<std::vector<LiveAnswer>> wait_for_servers(const std::string& log, const FileFacts& facts,
                                                               const LogId& id, RowId row,
                                                               std::chrono::milliseconds patience);

}  // namespace musher
