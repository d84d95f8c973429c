#include "oplog/hints.hpp"

#include <fmt/format.h>

#include <cstring>

#include "model/text.hpp"
#include "oplog/file_facts.hpp"

namespace musher {

std::string verify_hint(const std::string& log) { return "musher verify-order --log " + shell_word(log); }

std::string list_hint(const std::string& file) { return "ls -l " + shell_word(file); }

std::string users_hint(const std::string& file) { return "fuser -v " + shell_word(file); }

std::unexpected<Error> cannot_make(const std::string& path, int error) {
  return fail(Errc::io, fmt::format("cannot make {}: {}", path, std::strerror(error)),
              "ls -ld " + shell_word(folder_of(path)));
}

}  // namespace musher
