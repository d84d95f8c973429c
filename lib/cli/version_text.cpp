#include "cli/version_text.hpp"

#include <fmt/format.h>
#include <sodium.h>
#include <sqlite3.h>

#include "report/version.hpp"

namespace musher {

std::string version_text(std::string_view program) {
  return fmt::format("{} {} (commit {}), SQLite {}, libsodium {}", program, version(), commit(), sqlite3_libversion(),
                     sodium_version_string());
}

}  // namespace musher
