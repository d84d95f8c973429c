#pragma once
// `<log>.live`: which servers have this log open, and how far each has come. 64 slots of 64 bytes; a server holds one
// by a lock of its bytes for as long as it lives, so that a killed one is gone at once.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

  /// Takes something that one of the servers of a log is to do, by a lock of a byte behind the slots; until it is given
  /// back, or this object or the process ends. False: another one has it.
  [[nodiscard]] bool claim(std::string_view what);
  void give_back(std::string_view what);

 private:
  LiveSlot(Descriptor descriptor, std::size_t slot, const LogId& id)
      : descriptor_(std::move(descriptor)), slot_(slot), id_(id) {}

  Descriptor descriptor_;
  std::size_t slot_;
  LogId id_;
};

/// The file of a log, to look at.
class LiveSlots {
 public:
  /// `log`, `facts`: as LiveSlot::take. Where there is no such file nobody holds a slot.
  /// @errors refused, io: as open_companion.
  [[nodiscard]] static Result<LiveSlots> open(const std::string& log, const FileFacts& facts, const LogId& id);

  /// The slots that are held now, of whatever log id.
  [[nodiscard]] std::vector<std::size_t> held() const;
  /// Who holds it; nothing when nobody does, or a server of another log id (of a file that was copied here).
  [[nodiscard]] std::optional<LiveServer> read(std::size_t slot) const;

 private:
  LiveSlots(Descriptor descriptor, const LogId& id) : descriptor_(std::move(descriptor)), id_(id) {}

  Descriptor descriptor_;
  LogId id_;
};

/// Which of the servers that held a slot when it was made have applied a row. A server that ends is left out: it has no
/// memory any more.
class RowConfirmation {
 public:
  RowConfirmation(std::shared_ptr<const LiveSlots> slots, RowId row);

  /// Asks those that have not answered once more, without waiting; true when none is left. `late`: what they say now is
  /// their answer.
  [[nodiscard]] bool ask(bool late);
  [[nodiscard]] const std::vector<LiveAnswer>& answers() const { return answers_; }
  [[nodiscard]] std::chrono::milliseconds elapsed() const;

 private:
  std::shared_ptr<const LiveSlots> slots_;
  RowId row_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::vector<std::size_t> silent_;
  std::vector<LiveAnswer> answers_;
};

/// The servers that have this log open now; none when there is no such file. A slot of another log id (a file that was
/// copied here) does not count.
[[nodiscard]] Result<std::vector<LiveServer>> live_servers(const std::string& log, const FileFacts& facts,
                                                           const LogId& id);

/// Waits for what a RowConfirmation says, until `patience` ends.
[[nodiscard]] Result<std::vector<LiveAnswer>> wait_for_servers(const std::string& log, const FileFacts& facts,
                                                               const LogId& id, RowId row,
                                                               std::chrono::milliseconds patience);

}  // namespace musher
