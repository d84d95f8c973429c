#pragma once
// A file that appears under its name complete, with its owner and mode, or not at all.

#include <expected>
#include <string>

#include "crypto/descriptor.hpp"

namespace musher {

class NewFile {
 public:
  /// A file without a name in the folder of `path`, mode 0600. A process killed now leaves nothing; only on file
  /// systems without O_TMPFILE a hidden draft may stay behind. The error is errno.
  [[nodiscard]] static std::expected<NewFile, int> in_folder_of(const std::string& path);

  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }

  /// Gives it its name, in one step. False when something has that name already. The error is errno.
  [[nodiscard]] std::expected<bool, int> publish();

  /// The open file, which closes no more with this object.
  [[nodiscard]] Descriptor take() { return std::move(descriptor_); }

 private:
  NewFile(std::string path, std::string draft, Descriptor descriptor)
      : path_(std::move(path)), draft_(std::move(draft)), descriptor_(std::move(descriptor)) {}

  std::string path_;
  std::string draft_;  ///< empty when the file has no name
  Descriptor descriptor_;
};

}  // namespace musher
