#pragma once
// SQLite's file layer with faults: calls that fail as on a full or broken disk, and a record of what was written and
// synced, from which a test makes the disk as a power cut would leave it.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace musher::testing {

/// While it lives, every database that is opened goes through it. Threads and several of these layers at once: no.
class FaultyVfs {
 public:
  FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;
  ~FaultyVfs();

  /// Faults and the record are of this database alone, of those opened from now on. At first of every one.
  void only(const std::filesystem::path& database) { only_ = database.filename(); }

  enum class Call : std::uint8_t { open, read, write, sync, truncate, remove, shm };
  struct Fault {
    std::optional<Call> call{};  ///< nothing: any
    std::string suffix = "*";    ///< of the file: "" the database, "-wal", "-shm"; "*": any
    int after = 0;               ///< so many calls succeed first
    bool for_ever = false;       ///< else once
    int code = 0;                ///< what SQLite is told: SQLITE_FULL, SQLITE_IOERR_FSYNC ...; 0: the call's own error
    bool done_all_the_same = false;  ///< the call is carried out, and reported as failed
  };
  void inject(const Fault& fault) {
    fault_ = fault;
    matched_ = 0;
    failed_ = 0;
  }
  void heal() { fault_.reset(); }
  /// How many calls the fault has failed.
  [[nodiscard]] int failed() const { return failed_; }
  /// How many calls have failed in all, also because the power was out.
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

  /// Runs `work` once, when the next file is opened and before it is: what another process does at that very moment.
  void meanwhile(std::function<void()> work) { meanwhile_ = std::move(work); }

  /// One thing that happened to a file, or (no file) an acknowledgement.
  struct Event {
    Call call = Call::write;
    std::string suffix;
    std::uint64_t offset = 0;  ///< truncate: the new size
    std::string bytes;
    int acknowledged = -1;
  };
  /// Anew: what was recorded before is forgotten, and the power is back.
  void start_recording() {
    recording_ = true;
    events_.clear();
    power_lasts_.reset();
  }
  /// While it records: the power lasts for so many events more, and every call behind them fails.
  void cut_power_after(std::size_t more) { power_lasts_ = events_.size() + more; }
  /// No cut after all.
  void keep_power() { power_lasts_.reset(); }
  [[nodiscard]] bool power_is_out() const { return power_lasts_ && events_.size() >= *power_lasts_; }
  void acknowledge(int number) {
    if (recording_) events_.push_back({Call::sync, "", 0, "", number});
  }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }

  // For the layer itself.
  [[nodiscard]] bool is_on_it(const std::filesystem::path& database) const {
    return !only_ || database.filename() == *only_;
  }
  [[nodiscard]] std::optional<int> fails(Call call, const std::string& suffix, bool& carry_out);
  void open_begins() {
    if (auto work = std::exchange(meanwhile_, {})) work();
  }
  void note(Event event) {
    if (recording_) events_.push_back(std::move(event));
  }

 private:
  std::optional<Fault> fault_;
  int matched_ = 0;
  int failed_ = 0;
  std::uint64_t failures_ = 0;
  std::optional<std::filesystem::path> only_;
  std::optional<std::size_t> power_lasts_;  ///< so many events, of those recorded
  std::function<void()> meanwhile_;
  bool recording_ = false;
  std::vector<Event> events_;
};

/// The files of a disk by suffix.
using Disk = std::map<std::string, std::string>;

/// The disk after a power cut behind the first `events` events: what was synced is there; of what was not, any 512-byte
/// sectors may be, in any order. `honest` false: a disk whose syncs do nothing.
[[nodiscard]] Disk after_power_cut(Disk start, const std::vector<FaultyVfs::Event>& events, std::size_t count,
                                   std::mt19937& random, bool honest);

}  // namespace musher::testing
