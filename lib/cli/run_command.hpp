#pragma once
// What main() of every binary does around its command: streams, signals, options, errors and the exit code.

#include <functional>
#include <string>

#include "cli/command_line.hpp"
#include "cli/environment.hpp"
#include "cli/exit_code.hpp"
#include "cli/settings.hpp"
#include "cli/terminal.hpp"
#include "model/result.hpp"

namespace musher {

/// What a command is handed to work with.
struct Context {
  Terminal& terminal;
  const Settings& settings;
  const Environment& environment;
  const CommonOptions& common;  ///< what the settings were made of, for who makes them again
};

struct Command {
  std::string program;  ///< "musher-put", whatever argv[0] says
  CommonWants wants{};
  /// Adds the command's own arguments and options, bound to variables that live as long as the Command.
  std::function<void(CommandLine&)> declare;
  /// Does the work. An Error is reported for it; any other outcome it has written to the terminal itself.
  std::function<Result<ExitCode>(Context&)> run;
  /// wants.server: it works on settings.server itself; others hand over to the program that does.
  bool is_remote = false;
  /// What was asked for needs a server in another way: as above.
  std::function<bool()> hands_over{};
};

/// `return run_command(argc, argv, {...})` is a main(). Beyond run_with():
/// - A reader of stdout that goes away ends the command quietly with 141. A stdout that cannot be written ends it with
///   7, also when the disk turns out to be full at the very end. Either unwinds run(): whatever holds a lock lets go.
/// - SIGINT and SIGTERM end the process as they always do. SIGPIPE and SIGXFSZ are ignored: the write fails instead.
/// - A standard stream that was closed by the caller is kept from becoming a file of ours.
[[nodiscard]] int run_command(int argc, char** argv, const Command& command);

/// The same on any streams: reads the options, settles --help and --version, resolves the settings, runs, reports an
/// Error (as JSON when --json or --jsonl is among the arguments) and turns any exception into Errc::internal. When out
/// has gone bad, the caller knows why: nothing is reported.
[[nodiscard]] ExitCode run_with(int argc, const char* const* argv, const Command& command, const Streams& streams,
                                const Environment& environment);

}  // namespace musher
