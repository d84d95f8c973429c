#include <catch2/catch.hpp>

#include "cli/exit_code.hpp"

using namespace musher;

TEST_CASE("exit code: each kind of error ends a command with the code of the contract", "[cli]") {
  CHECK(exit_code(Errc::usage) == ExitCode::usage);
  CHECK(exit_code(Errc::ambiguous) == ExitCode::usage);
  CHECK(exit_code(Errc::not_found) == ExitCode::no);
  CHECK(exit_code(Errc::already_exists) == ExitCode::no);
  CHECK(exit_code(Errc::damaged) == ExitCode::no);
  CHECK(exit_code(Errc::not_a_log) == ExitCode::nothing);
  CHECK(exit_code(Errc::newer_format) == ExitCode::nothing);
  CHECK(exit_code(Errc::empty) == ExitCode::nothing);
  CHECK(exit_code(Errc::incomplete) == ExitCode::incomplete);
  CHECK(exit_code(Errc::refused) == ExitCode::refused);
  CHECK(exit_code(Errc::no_identity) == ExitCode::refused);
  CHECK(exit_code(Errc::busy) == ExitCode::busy);
  CHECK(exit_code(Errc::io) == ExitCode::io);
  CHECK(exit_code(Errc::internal) == ExitCode::io);
}

TEST_CASE("exit code: when several apply it is 1, then 7, 4, 6, 3, and 0 last", "[cli]") {
  const ExitCode from_the_strongest[] = {ExitCode::no,   ExitCode::io,      ExitCode::incomplete,
                                         ExitCode::busy, ExitCode::nothing, ExitCode::ok};
  for (std::size_t strong = 0; strong < std::size(from_the_strongest); ++strong) {
    for (std::size_t weak = strong; weak < std::size(from_the_strongest); ++weak) {
      CHECK(worst(from_the_strongest[strong], from_the_strongest[weak]) == from_the_strongest[strong]);
      CHECK(worst(from_the_strongest[weak], from_the_strongest[strong]) == from_the_strongest[strong]);
    }
  }
}

TEST_CASE("exit code: a usage error or a refusal, which come before the work, is not hidden by what the work said",
          "[cli]") {
  CHECK(worst(ExitCode::usage, ExitCode::no) == ExitCode::usage);
  CHECK(worst(ExitCode::no, ExitCode::refused) == ExitCode::refused);
}
