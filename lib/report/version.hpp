#pragma once
// Which musher this is. Defined in a file that each build writes (cmake/WriteVersion.cmake).

#include <string_view>

namespace musher {

/// "1.0.0": `tool` in every JSON document.
[[nodiscard]] std::string_view version();
/// Seven hex digits of the commit this was built from, or "unknown" when it was not built in a git work tree.
[[nodiscard]] std::string_view commit();

}  // namespace musher
