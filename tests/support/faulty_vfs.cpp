#include "support/faulty_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

namespace musher::testing {
namespace {

constexpr const char* kName = "musher-faulty";
constexpr std::size_t kSectorBytes = 512;

/// SQLite allocates it with room for the real file behind it.
struct File {
  sqlite3_file base;
  FaultyVfs* owner;  ///< null: nothing happens to this one
  char suffix[8];
};
static_assert(sizeof(File) % 8 == 0);

sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(file) + 1); }
File& self(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

using Call = FaultyVfs::Call;

/// Fails or carries the call out.
template <class Work>
int call(sqlite3_file* file, Call what, Work&& work) {
  if (self(file).owner == nullptr) return work();
  bool carry_out = true;
  const auto failure = self(file).owner->fails(what, self(file).suffix, carry_out);
  const int code = carry_out ? work() : SQLITE_OK;
  return failure.value_or(code);
}

void note(sqlite3_file* file, Call what, std::uint64_t offset = 0, std::string_view bytes = {}) {
  if (FaultyVfs* owner = self(file).owner) owner->note({what, self(file).suffix, offset, std::string(bytes)});
}

int close(sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); }

int read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  return call(file, Call::read, [&] { return real(file)->pMethods->xRead(real(file), to, size, offset); });
}

int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  return call(file, Call::write, [&] {
    note(file, Call::write, static_cast<std::uint64_t>(offset),
         {static_cast<const char*>(from), static_cast<std::size_t>(size)});
    return real(file)->pMethods->xWrite(real(file), from, size, offset);
  });
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return call(file, Call::truncate, [&] {
    note(file, Call::truncate, static_cast<std::uint64_t>(size));
    return real(file)->pMethods->xTruncate(real(file), size);
  });
}

int sync(sqlite3_file* file, int flags) {
  return call(file, Call::sync, [&] {
    note(file, Call::sync);
    return real(file)->pMethods->xSync(real(file), flags);
  });
}

int file_size(sqlite3_file* file, sqlite3_int64* size) { return real(file)->pMethods->xFileSize(real(file), size); }
int lock(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
int unlock(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
int check_reserved_lock(sqlite3_file* file, int* out) {
  return real(file)->pMethods->xCheckReservedLock(real(file), out);
}
int file_control(sqlite3_file* file, int op, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), op, argument);
}
int sector_size(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
int device_characteristics(sqlite3_file* file) { return real(file)->pMethods->xDeviceCharacteristics(real(file)); }
int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return call(file, Call::shm, [&] { return real(file)->pMethods->xShmMap(real(file), page, size, extend, out); });
}
int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}
void shm_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int shm_unmap(sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); }

const sqlite3_io_methods kMethods = {2,
                                     close,
                                     read,
                                     write,
                                     truncate,
                                     sync,
                                     file_size,
                                     lock,
                                     unlock,
                                     check_reserved_lock,
                                     file_control,
                                     sector_size,
                                     device_characteristics,
                                     shm_map,
                                     shm_lock,
                                     shm_barrier,
                                     shm_unmap,
                                     nullptr,
                                     nullptr};

sqlite3_vfs* unix_vfs() { return sqlite3_vfs_find("unix"); }

std::string suffix_of(std::string_view path) {
  for (const char* suffix : {"-wal", "-journal", "-shm"}) {
    if (path.ends_with(suffix)) return suffix;
  }
  return "";
}

/// The layer, if the file is one to which something can happen.
FaultyVfs* owner_of(sqlite3_vfs* vfs, std::string_view path) {
  auto* owner = static_cast<FaultyVfs*>(vfs->pAppData);
  path.remove_suffix(suffix_of(path).size());
  return owner->is_on_it(path) ? owner : nullptr;
}

int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  const std::string_view name = path == nullptr ? "" : path;
  FaultyVfs* owner = owner_of(vfs, name);
  file->pMethods = nullptr;
  if (owner != nullptr) {
    owner->open_begins();
    bool carry_out = true;
    if (const auto failure = owner->fails(Call::open, suffix_of(name), carry_out)) return *failure;
  }
  const int code = unix_vfs()->xOpen(unix_vfs(), path, real(file), flags, out_flags);
  if (code != SQLITE_OK) return code;
  self(file).owner = owner;
  std::strncpy(self(file).suffix, suffix_of(name).c_str(), sizeof self(file).suffix - 1);
  self(file).suffix[sizeof self(file).suffix - 1] = '\0';
  file->pMethods = &kMethods;
  return SQLITE_OK;
}

int remove(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  if (FaultyVfs* owner = owner_of(vfs, path)) {
    bool carry_out = true;
    if (const auto failure = owner->fails(Call::remove, suffix_of(path), carry_out)) return *failure;
    owner->note({Call::remove, suffix_of(path), 0, ""});
  }
  return unix_vfs()->xDelete(unix_vfs(), path, sync_folder);
}

sqlite3_vfs faulty{};

int own_error(Call call) {
  switch (call) {
    case Call::open: return SQLITE_CANTOPEN;
    case Call::read: return SQLITE_IOERR_READ;
    case Call::write: return SQLITE_IOERR_WRITE;
    case Call::sync: return SQLITE_IOERR_FSYNC;
    case Call::truncate: return SQLITE_IOERR_TRUNCATE;
    case Call::remove: return SQLITE_IOERR_DELETE;
    case Call::shm: return SQLITE_IOERR_SHMMAP;
  }
  return SQLITE_IOERR;
}

void put(std::string& file, std::uint64_t offset, std::string_view bytes) {
  if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
  file.replace(offset, bytes.size(), bytes);
}

/// Some of the sectors of a write.
void put_torn(std::string& file, const FaultyVfs::Event& event, std::mt19937& random) {
  for (std::size_t at = 0; at < event.bytes.size(); at += kSectorBytes) {
    if (random() % 2 == 0) put(file, event.offset + at, std::string_view(event.bytes).substr(at, kSectorBytes));
  }
}

}  // namespace

FaultyVfs::FaultyVfs() {
  faulty = *unix_vfs();
  faulty.pNext = nullptr;
  faulty.zName = kName;
  faulty.pAppData = this;
  faulty.szOsFile += static_cast<int>(sizeof(File));
  faulty.xOpen = open;
  faulty.xDelete = remove;
  if (sqlite3_vfs_register(&faulty, 1) != SQLITE_OK) throw std::runtime_error("sqlite3_vfs_register");
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(&faulty);
  sqlite3_vfs_register(unix_vfs(), 1);
}

std::optional<int> FaultyVfs::fails(Call call, const std::string& suffix, bool& carry_out) {
  if (power_is_out()) {
    ++failures_;
    carry_out = false;
    return SQLITE_IOERR;  // none that is worth another try
  }
  if (!fault_ || (fault_->call && *fault_->call != call)) return std::nullopt;
  if (fault_->suffix != "*" && fault_->suffix != suffix) return std::nullopt;
  const int number = matched_++;
  if (number < fault_->after || (number > fault_->after && !fault_->for_ever)) return std::nullopt;
  ++failed_;
  ++failures_;
  carry_out = fault_->done_all_the_same;
  return fault_->code != 0 ? fault_->code : own_error(call);
}

Disk after_power_cut(Disk start, const std::vector<FaultyVfs::Event>& events, std::size_t count, std::mt19937& random,
                     bool honest) {
  std::map<std::string, std::size_t> synced;  // events before this one are safe, by file
  for (std::size_t i = 0; i < count && honest; ++i) {
    if (events[i].call == Call::sync && events[i].acknowledged < 0) synced[events[i].suffix] = i;
  }
  Disk disk = std::move(start);
  std::vector<std::size_t> unsure;
  for (std::size_t i = 0; i < count; ++i) {
    const FaultyVfs::Event& event = events[i];
    if (event.acknowledged >= 0 || event.call == Call::sync) continue;
    std::string& file = disk[event.suffix];
    const bool safe = i < synced[event.suffix];
    if (event.call == Call::write && safe) {
      put(file, event.offset, event.bytes);
    } else if (event.call == Call::write) {
      unsure.push_back(i);
    } else if (safe || random() % 2 == 0) {  // a shorter file is metadata, and may come before or after
      std::erase_if(unsure, [&](std::size_t earlier) { return events[earlier].suffix == event.suffix; });
      file.resize(event.call == Call::truncate ? std::min<std::uint64_t>(event.offset, file.size()) : 0);
    }
  }
  std::shuffle(unsure.begin(), unsure.end(), random);
  for (const std::size_t i : unsure) put_torn(disk[events[i].suffix], events[i], random);
  return disk;
}

}  // namespace musher::testing
