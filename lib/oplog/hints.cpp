#include "oplog/hints.hpp"

#include "model/text.hpp"

namespace musher {

std::string verify_hint(const std::string& log) { return "musher verify-order --log " + shell_word(log); }

std::string list_hint(const std::string& file) { return "ls -l " + shell_word(file); }

std::string users_hint(const std::string& file) { return "fuser -v " + shell_word(file); }

}  // namespace musher
