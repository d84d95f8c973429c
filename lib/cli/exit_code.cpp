#include "cli/exit_code.hpp"

#include <algorithm>
#include <array>

namespace musher {

ExitCode exit_code(Errc code) {
  switch (code) {
    case Errc::usage:
    case Errc::ambiguous: return ExitCode::usage;
    case Errc::not_found:
    case Errc::already_exists:
    case Errc::damaged: return ExitCode::no;
    case Errc::not_a_log:
    case Errc::newer_format:
    case Errc::empty: return ExitCode::nothing;
    case Errc::incomplete: return ExitCode::incomplete;
    case Errc::refused:
    case Errc::no_identity: return ExitCode::refused;
    case Errc::busy: return ExitCode::busy;
    case Errc::io:
    case Errc::internal: return ExitCode::io;
  }
  return ExitCode::io;
}

ExitCode worst(ExitCode a, ExitCode b) {
  static constexpr std::array kFromTheStrongest = {
      ExitCode::interrupted, ExitCode::terminated, ExitCode::pipe, ExitCode::usage,   ExitCode::refused, ExitCode::no,
      ExitCode::io,          ExitCode::incomplete, ExitCode::busy, ExitCode::nothing, ExitCode::ok};
  const auto rank = [](ExitCode code) { return std::ranges::find(kFromTheStrongest, code); };
  return std::min(rank(a), rank(b)) == rank(a) ? a : b;
}

}  // namespace musher
