#include "oplog/live_slots.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "model/sip_hash.hpp"
#include "model/text.hpp"
#include "oplog/companion_file.hpp"

namespace musher {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kSlotBytes = 64;
constexpr std::uint32_t kSlotMark = 0x31564c4d;  // "MLV1"
// A net for folders where inotify is blind.
constexpr milliseconds kPollSlice{20};

/// One slot as it is in the file, in this machine's byte order: the file never leaves it.
struct Slot {
  std::uint32_t mark = kSlotMark;
  std::uint32_t health = 0;
  std::int64_t pid = 0;
  std::uint64_t pid_namespace = 0;
  std::int64_t applied = 0;
  std::array<std::uint8_t, 16> log{};
  std::array<std::uint8_t, 16> spare{};
};
static_assert(sizeof(Slot) == kSlotBytes);

std::uint64_t pid_namespace() {
  struct stat status {};
  return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

struct flock range_of(std::size_t slot, short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(slot * kSlotBytes);
  range.l_len = kSlotBytes;
  return range;
}

bool is_held(int descriptor, std::size_t slot) {
  struct flock range = range_of(slot, F_WRLCK);
  return fcntl(descriptor, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

/// Names that share a byte by chance, one in 2^30, are done by one server.
struct flock claim_of(std::string_view what, short type) {
  constexpr std::uint64_t kClaims = std::uint64_t{1} << 30U;
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(kLiveSlots * kSlotBytes + sip_hash(SipKey{}, what) % kClaims);
  range.l_len = 1;
  return range;
}

/// Wakes when a server writes its slot or goes.
class SlotWatch {
 public:
  explicit SlotWatch(const std::string& path) : descriptor_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (descriptor_.valid()) inotify_add_watch(descriptor_.get(), path.c_str(), IN_MODIFY | IN_CLOSE_WRITE);
  }

  void wait(milliseconds at_most) {
    pollfd waiting{descriptor_.get(), POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(std::min(at_most, kPollSlice).count())) <= 0) return;
    std::array<char, 4096> events;
    while (read(descriptor_.get(), events.data(), events.size()) > 0) {
    }
  }

 private:
  Descriptor descriptor_;
};

}  // namespace

std::string live_path(const std::string& log) { return log + ".live"; }

Result<LiveSlot> LiveSlot::take(const std::string& log, const FileFacts& facts, const LogId& id) {
  MUSHER_TRY(Descriptor descriptor, open_companion(live_path(log), facts, CompanionAccess::write));
  for (std::size_t slot = 0; slot < kLiveSlots; ++slot) {
    struct flock range = range_of(slot, F_WRLCK);
    if (fcntl(descriptor.get(), F_OFD_SETLK, &range) == 0) {
      LiveSlot taken(std::move(descriptor), slot, id);
      taken.tell(RowId{0}, ServerHealth::ok);
      return taken;
    }
    if (errno != EAGAIN && errno != EACCES) {
      return fail(Errc::io, fmt::format("cannot lock a slot of {}: {}", live_path(log), std::strerror(errno)),
                  "the log must be on a local disk");
    }
  }
  return fail(Errc::busy, fmt::format("{} servers have {} open already", kLiveSlots, log),
              "musher inspect summary --log " + shell_word(log));
}

void LiveSlot::tell(RowId applied, ServerHealth health) {
  Slot bytes;
  bytes.health = static_cast<std::uint32_t>(health);
  bytes.pid = getpid();
  bytes.pid_namespace = pid_namespace();
  bytes.applied = raw(applied);
  bytes.log = id_.bytes;
  // On a full disk a slot that was written before can be written again: its bytes are there.
  [[maybe_unused]] const auto written =
      pwrite(descriptor_.get(), &bytes, sizeof bytes, static_cast<off_t>(slot_ * kSlotBytes));
}

bool LiveSlot::claim(std::string_view what) {
  struct flock range = claim_of(what, F_WRLCK);
  return fcntl(descriptor_.get(), F_OFD_SETLK, &range) == 0 || (errno != EAGAIN && errno != EACCES);
}

void LiveSlot::give_back(std::string_view what) {
  struct flock range = claim_of(what, F_UNLCK);
  fcntl(descriptor_.get(), F_OFD_SETLK, &range);
}

Result<LiveSlots> LiveSlots::open(const std::string& log, const FileFacts& facts, const LogId& id) {
  MUSHER_TRY(Descriptor descriptor, open_companion(live_path(log), facts, CompanionAccess::read));
  return LiveSlots(std::move(descriptor), id);
}

std::vector<std::size_t> LiveSlots::held() const {
  std::vector<std::size_t> held;
  if (!descriptor_.valid()) return held;
  for (std::size_t slot = 0; slot < kLiveSlots; ++slot)
    if (is_held(descriptor_.get(), slot)) held.push_back(slot);
  return held;
}

std::optional<LiveServer> LiveSlots::read(std::size_t slot) const {
  if (!is_held(descriptor_.get(), slot)) return std::nullopt;
  Slot bytes;
  const auto offset = static_cast<off_t>(slot * kSlotBytes);
  if (pread(descriptor_.get(), &bytes, sizeof bytes, offset) != static_cast<ssize_t>(sizeof bytes)) return std::nullopt;
  if (bytes.mark != kSlotMark || bytes.log != id_.bytes) return std::nullopt;
  LiveServer server;
  server.pid = bytes.pid;
  server.other_namespace = bytes.pid_namespace != pid_namespace();
  server.health = bytes.health > 2 ? ServerHealth::failed : static_cast<ServerHealth>(bytes.health);
  server.applied = RowId{bytes.applied};
  return server;
}

RowConfirmation::RowConfirmation(std::shared_ptr<const LiveSlots> slots, RowId row)
    : slots_(std::move(slots)), row_(row), silent_(slots_->held()) {}

milliseconds RowConfirmation::elapsed() const {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - began_);
}

bool RowConfirmation::ask(bool late) {
  std::erase_if(silent_, [&](std::size_t slot) {
    const auto server = slots_->read(slot);
    if (!server) return true;
    const bool refused = server->health == ServerHealth::failed;
    if (!late && !refused && server->applied < row_) return false;
    const auto status = server->applied >= row_ ? Confirmation::applied
                        : refused               ? Confirmation::refused
                                                : Confirmation::timeout;
    answers_.push_back({*server, status, elapsed().count()});
    return true;
  });
  return silent_.empty();
}

Result<std::vector<LiveServer>> live_servers(const std::string& log, const FileFacts& facts, const LogId& id) {
  MUSHER_TRY(const LiveSlots slots, LiveSlots::open(log, facts, id));
  std::vector<LiveServer> servers;
  for (const std::size_t slot : slots.held())
    if (const auto server = slots.read(slot)) servers.push_back(*server);
  return servers;
}

Result<std::vector<LiveAnswer>> wait_for_servers(const std::string& log, const FileFacts& facts, const LogId& id,
                                                 RowId row, milliseconds patience) {
  MUSHER_TRY(LiveSlots slots, LiveSlots::open(log, facts, id));
  RowConfirmation confirmation(std::make_shared<const LiveSlots>(std::move(slots)), row);
  SlotWatch watch(live_path(log));
  while (!confirmation.ask(confirmation.elapsed() >= patience))
    watch.wait(std::max(patience - confirmation.elapsed(), milliseconds(1)));
  return confirmation.answers();
}

}  // namespace musher
