#pragma once
// Plain reads of a database file that may be open in this process. POSIX drops all of a process's locks on a file when
// any descriptor of it is closed; SQLite's file layer keeps count and puts the close off.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct sqlite3_file;

namespace musher::sql {

class VfsFile {
 public:
  /// Opens a database file for reading. Throws what SQLite says.
  explicit VfsFile(const std::string& path);
  VfsFile(const VfsFile&) = delete;
  VfsFile& operator=(const VfsFile&) = delete;
  ~VfsFile();

  [[nodiscard]] std::uint64_t size();
  /// Fills `out` from offset; throws when there is less.
  void read(std::uint64_t offset, std::span<std::uint8_t> out);

 private:
  const char* name_;
  std::unique_ptr<std::byte[]> storage_;
  sqlite3_file* file_;
};

}  // namespace musher::sql
