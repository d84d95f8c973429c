#include "oplog/vfs_file.hpp"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <new>

namespace musher::sql {

VfsFile::VfsFile(const std::string& path) : name_(sqlite3_create_filename(path.c_str(), "", "", 0, nullptr)) {
  if (name_ == nullptr) throw std::bad_alloc();
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  storage_ = std::make_unique<std::byte[]>(static_cast<std::size_t>(vfs->szOsFile));
  file_ = reinterpret_cast<sqlite3_file*>(storage_.get());
  int flags = 0;
  const int code = vfs->xOpen(vfs, name_, file_, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, &flags);
  if (code != SQLITE_OK) {
    if (file_->pMethods != nullptr) file_->pMethods->xClose(file_);
    sqlite3_free_filename(name_);
    throw SQLite::Exception(sqlite3_errstr(code), code);
  }
}

VfsFile::~VfsFile() {
  file_->pMethods->xClose(file_);
  sqlite3_free_filename(name_);
}

std::uint64_t VfsFile::size() {
  sqlite3_int64 bytes = 0;
  const int code = file_->pMethods->xFileSize(file_, &bytes);
  if (code != SQLITE_OK) throw SQLite::Exception(sqlite3_errstr(code), code);
  return static_cast<std::uint64_t>(bytes);
}

void VfsFile::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  const int code =
      file_->pMethods->xRead(file_, out.data(), static_cast<int>(out.size()), static_cast<sqlite3_int64>(offset));
  if (code != SQLITE_OK) throw SQLite::Exception(sqlite3_errstr(code), code);
}

}  // namespace musher::sql
