#pragma once
// The one rule for files that hold a secret (key files, token files): a regular file, not a symbolic link, that belongs
// to who reads it and that group and others may not use; or one that belongs to root with at most mode 0440, which is
// how a mounted secret looks.

#include <cstdint>
#include <expected>
#include <filesystem>
#include <span>
#include <string>

namespace musher {

/// Why a secret file was not read: a clause ("it is a symbolic link") and what to type next.
struct SecretFileProblem {
  bool missing = false;  ///< there is no such file, and hint is empty: the caller knows how to make one
  std::string why;
  std::string hint;
};

/// Reads the file into buffer, as far as there is room, and says how many bytes that was. The rule is held against the
/// open file, so that nothing can be put in its place in between.
[[nodiscard]] std::expected<std::size_t, SecretFileProblem> read_secret_file(const std::filesystem::path& file,
                                                                             std::span<std::uint8_t> buffer);

}  // namespace musher
