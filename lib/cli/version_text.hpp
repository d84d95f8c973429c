#pragma once

#include <string>
#include <string_view>

namespace musher {

/// "musher-put 1.0.0 (commit abc1234), SQLite 3.40.1, libsodium 1.0.18": the libraries that are loaded, not those it
/// was built with.
[[nodiscard]] std::string version_text(std::string_view program);

}  // namespace musher
