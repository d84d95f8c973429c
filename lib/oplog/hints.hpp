#pragma once
// What an error about a log says to run next. Every path goes through shell_word (model/text.hpp): a hint is pasted.

#include <string>

namespace musher {

/// "musher verify-order --log FILE".
[[nodiscard]] std::string verify_hint(const std::string& log);
/// "ls -l FILE".
[[nodiscard]] std::string list_hint(const std::string& file);
/// "fuser -v FILE": who has it open.
[[nodiscard]] std::string users_hint(const std::string& file);

}  // namespace musher
