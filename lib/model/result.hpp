#pragma once
// Errors are values. Error: we could not do the work. Reject (reject.hpp): the op is bad. assert: we have a bug.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace musher {

/// The kinds of failure a user can meet; each maps to one exit code (cli/exit_code.hpp) and one JSON `code`.
enum class Errc : std::uint8_t {
  usage,           ///< a flag, key, argument or point in time that means nothing
  not_found,       ///< no such story, op or author
  ambiguous,       ///< a prefix that several ids share
  already_exists,  ///< it was to be made, and is there
  not_a_log,       ///< no such file, or not an op log
  newer_format,    ///< an op log of a format this version does not know
  empty,           ///< an op log without the ops the command needs
  incomplete,      ///< time limit, or a part could not be looked at
  refused,         ///< the command declined: no confirmation, key not trusted, story purged
  no_identity,     ///< no key file, or one that cannot be used
  busy,            ///< a lock was held past the time limit
  damaged,         ///< the log's bytes are not what was signed
  io,              ///< disk full, EIO, read-only folder
  internal,        ///< a bug, or memory ran out
};

/// Why something could not be done. what: the act, its object and the cause in one sentence. hint: what to type next.
struct Error {
  Errc code = Errc::internal;
  std::string what;
  std::string hint;
  std::vector<std::string> candidates{};  ///< "did you mean": nearest first; empty when there is nothing near
};

template <class T>
using Result = std::expected<T, Error>;

/// `return fail(Errc::io, "...", "...")` in a function that returns any Result.
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string what, std::string hint = {},
                                                 std::vector<std::string> candidates = {}) {
  return std::unexpected(Error{code, std::move(what), std::move(hint), std::move(candidates)});
}

/// The stable name in JSON errors: "usage", "not_found" ... (docs/json.md).
[[nodiscard]] std::string_view to_string(Errc code);

}  // namespace musher

// Unwraps a Result or returns its error: MUSHER_TRY(auto rows, log.scan(...)); MUSHER_CHECK(log.sync());
#define MUSHER_CONCAT_(a, b) a##b
#define MUSHER_CONCAT(a, b) MUSHER_CONCAT_(a, b)
#define MUSHER_CHECK(expression)                                                                                     \
  do {                                                                                                               \
    if (auto musher_status = (expression); !musher_status) return std::unexpected(std::move(musher_status).error()); \
  } while (false)
#define MUSHER_TRY(declaration, expression)                                             \
  auto MUSHER_CONCAT(musher_result_, __LINE__) = (expression);                          \
  if (!MUSHER_CONCAT(musher_result_, __LINE__))                                         \
    return std::unexpected(std::move(MUSHER_CONCAT(musher_result_, __LINE__)).error()); \
  declaration = *std::move(MUSHER_CONCAT(musher_result_, __LINE__))
