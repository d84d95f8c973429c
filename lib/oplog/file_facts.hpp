#pragma once
// What the file system says about a file, asked by path: opening the file could drop locks that SQLite holds on it.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace musher {

/// One file wherever it is moved.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

struct FileFacts {
  FileIdentity identity;
  mode_t type = 0;         ///< S_IFREG, S_IFDIR ...
  mode_t permissions = 0;  ///< 0660 and the like
  uid_t owner = 0;
  gid_t group = 0;
  std::uint64_t links = 0;
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;  ///< time of the last change of content
};

/// Symbolic links are followed. Nothing when there is no such file or it may not be looked at (errno says).
[[nodiscard]] std::optional<FileFacts> facts_of(const std::string& path);
[[nodiscard]] std::optional<FileFacts> facts_of_descriptor(int descriptor);

/// "owned by alice:pipeline, mode 0640; you are bob".
[[nodiscard]] std::string describe_permissions(const FileFacts& facts);

[[nodiscard]] std::string folder_of(const std::string& path);
[[nodiscard]] std::string file_name_of(const std::string& path);

/// Whether the effective user belongs to this group.
[[nodiscard]] bool in_group(gid_t group);

/// The name of the network file system that holds the path ("nfs", "fuse.sshfs"); nothing on a local one. SQLite's WAL
/// shares memory between processes of one machine, so it needs a local disk.
[[nodiscard]] std::optional<std::string> network_file_system(const std::string& path);
/// The rule by itself: statfs magic number and the type of /proc/self/mountinfo.
[[nodiscard]] std::optional<std::string> network_file_system(std::uint64_t magic, const std::string& mount_type);

}  // namespace musher
