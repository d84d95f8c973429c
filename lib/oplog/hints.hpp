#pragma once
// What an error about a log says to run next, and errors that several say. Every path goes through shell_word
// (model/text.hpp): a hint is pasted.

#include <string>
#include <string_view>

#include "model/result.hpp"

namespace musher {

/// Of a file that is something else than an op log.
inline constexpr std::string_view kNameLogHint = "name the op log with --log";
/// "musher verify-order --log FILE".
[[nodiscard]] std::string verify_hint(const std::string& log);
/// "ls -l FILE".
[[nodiscard]] std::string list_hint(const std::string& file);
/// "fuser -v FILE": who has it open.
[[nodiscard]] std::string users_hint(const std::string& file);

/// A file that could not be made or named. error: errno.
[[nodiscard]] std::unexpected<Error> cannot_make(const std::string& path, int error);

}  // namespace musher
