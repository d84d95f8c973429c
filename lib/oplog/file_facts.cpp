#include "oplog/file_facts.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace musher {
namespace {

FileFacts from_stat(const struct stat& status) {
  return {{status.st_dev, status.st_ino},
          status.st_mode & S_IFMT,
          status.st_mode & 07777,
          status.st_uid,
          status.st_gid,
          status.st_nlink,
          static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

std::string user_name(uid_t user) {
  const passwd* entry = getpwuid(user);
  return entry != nullptr ? entry->pw_name : fmt::format("uid {}", user);
}

std::string group_name(gid_t group) {
  const struct group* entry = getgrgid(group);
  return entry != nullptr ? entry->gr_name : fmt::format("gid {}", group);
}

constexpr std::uint64_t kFuseMagic = 0x65735546;

constexpr std::pair<std::uint64_t, const char*> kNetworkMagics[] = {
    {0x6969, "nfs"},      {0x517B, "smb"},        {0xFF534D42, "cifs"},  {0xFE534D42, "smb2"}, {0x5346414F, "afs"},
    {0x6B414653, "kafs"}, {0x00C36400, "ceph"},   {0x73757245, "coda"},  {0x564C, "ncp"},      {0x01021997, "9p"},
    {0x013661, "gpfs"},   {0x0BD00BD0, "lustre"}, {0x7461636f, "ocfs2"}, {0x01161970, "gfs2"}, {0x19830326, "fhgfs"},
};

// FUSE is local (encrypted folders) or remote, which only the mount's type tells.
constexpr const char* kNetworkFuses[] = {
    "fuse.sshfs",   "fuse.glusterfs", "fuse.s3fs",   "fuse.rclone",  "fuse.davfs",     "fuse.curlftpfs", "fuse.ceph",
    "fuse.juicefs", "fuse.gcsfuse",   "fuse.goofys", "fuse.moosefs", "fuse.seaweedfs", "fuse.smbnetfs",  "virtiofs"};

std::string mount_type(dev_t device) {
  // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
  const std::string wanted = fmt::format("{}:{}", major(device), minor(device));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, number, word;
    fields >> id >> parent >> number;
    if (number != wanted) continue;
    while (fields >> word && word != "-") {
    }
    fields >> word;
    return word;
  }
  return {};
}

}  // namespace

std::optional<FileFacts> facts_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return from_stat(status);
}

std::optional<FileFacts> facts_of_descriptor(int descriptor) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return std::nullopt;
  return from_stat(status);
}

std::string describe_permissions(const FileFacts& facts) {
  return fmt::format("owned by {}:{}, mode {:04o}; you are {}", user_name(facts.owner), group_name(facts.group),
                     facts.permissions, user_name(geteuid()));
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string file_name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool in_group(gid_t group) {
  if (getegid() == group) return true;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, getgroups(0, nullptr))));
  if (getgroups(static_cast<int>(groups.size()), groups.data()) < 0) return false;
  return std::ranges::find(groups, group) != groups.end();
}

std::optional<std::string> network_file_system(std::uint64_t magic, const std::string& mount_type) {
  if (magic == kFuseMagic) {
    if (std::ranges::find(kNetworkFuses, mount_type) == std::end(kNetworkFuses)) return std::nullopt;
    return mount_type;
  }
  const auto found = std::ranges::find(kNetworkMagics, magic, &std::pair<std::uint64_t, const char*>::first);
  if (found == std::end(kNetworkMagics)) return std::nullopt;
  return found->second;
}

std::optional<std::string> network_file_system(const std::string& path) {
  struct statfs status {};
  if (statfs(path.c_str(), &status) != 0) return std::nullopt;
  const auto magic = static_cast<std::uint64_t>(status.f_type) & 0xFFFFFFFFU;
  if (magic != kFuseMagic) return network_file_system(magic, "");
  const auto facts = facts_of(path);
  return network_file_system(magic, facts ? mount_type(facts->identity.device) : "");
}

}  // namespace musher
