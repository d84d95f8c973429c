#pragma once
// The commands: each is options, a run, and renderers. apps/<command>/main.cpp hands one to run_command().

#include <memory>
#include <string>
#include <utility>

#include "cli/run_command.hpp"

namespace musher {

[[nodiscard]] Command identity_command();
[[nodiscard]] Command init_command();
[[nodiscard]] Command inspect_command();
[[nodiscard]] Command purge_command();
[[nodiscard]] Command put_command();
[[nodiscard]] Command replay_command();
[[nodiscard]] Command sync_command();
[[nodiscard]] Command trust_command();
[[nodiscard]] Command verify_order_command();

/// The Command whose options are an object of this type: declare(options, line), run(options, context).
template <class Options>
[[nodiscard]] Command make_command(std::string program, CommonWants wants, void (*declare)(Options&, CommandLine&),
                                   Result<ExitCode> (*run)(Options&, Context&)) {
  auto options = std::make_shared<Options>();
  return {.program = std::move(program),
          .wants = wants,
          .declare = [options, declare](CommandLine& line) { declare(*options, line); },
          .run = [options, run](Context& context) { return run(*options, context); }};
}

}  // namespace musher
