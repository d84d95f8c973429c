#include "cli/run_command.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <string_view>

#include "cli/command_names.hpp"
#include "cli/error_report.hpp"
#include "cli/fd_stream.hpp"
#include "cli/hand_over.hpp"
#include "cli/version_text.hpp"

namespace musher {
namespace {

/// Asked before the options are read, since reading them may be what fails.
bool wants_json_errors(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") break;
    if (argument == "--json" || argument == "--jsonl") return true;
  }
  return false;
}

void report(const Error& error, bool as_json, Terminal& terminal) {
  if (as_json) {
    terminal.clear_status();
    report_error_json(error, terminal.err());
  } else {
    report_error(error, terminal);
  }
}

Result<ExitCode> parse_and_run(int argc, const char* const* argv, const Command& command, Terminal& terminal,
                               const Environment& environment) {
  CommandLine line(command.program, summary_of(command.program));
  CommonOptions common;
  command.declare(line);
  common.add_to(line, command.wants);
  MUSHER_TRY(const Parsed parsed, line.parse(argc, argv));
  if (parsed == Parsed::help) {
    terminal.out() << line.help();
    return ExitCode::ok;
  }
  if (parsed == Parsed::version) {
    terminal.out() << version_text(command.program) << '\n';
    return ExitCode::ok;
  }
  MUSHER_TRY(const Settings settings, resolve_settings(common, environment));
  const bool needs_server = (command.wants.server && settings.server) || (command.hands_over && command.hands_over());
  if (needs_server && !command.is_remote) return hand_over(command.program, argc, argv);
  terminal.set_color(settings.color);
  terminal.set_quiet(settings.quiet);
  terminal.set_utc(settings.utc);
  Context context{terminal, settings, environment, common};
  return command.run(context);
}

/// Opened the wrong way round, so that using it fails as using the closed one would.
void keep_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
      [[maybe_unused]] const int same = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
  }
}

void measure(Streams& streams) {
  winsize size{};
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) continue;
    streams.width = size.ws_col;
    streams.height = std::max<std::size_t>(size.ws_row, 1);
    return;
  }
}

}  // namespace

ExitCode run_with(int argc, const char* const* argv, const Command& command, const Streams& streams,
                  const Environment& environment) {
  Terminal terminal(command.program, streams, environment);
  Error error;
  try {
    auto outcome = parse_and_run(argc, argv, command, terminal, environment);
    if (outcome) return *outcome;
    error = std::move(outcome).error();
  } catch (const std::bad_alloc&) {
    error = {Errc::internal, "out of memory", ""};
  } catch (const std::exception& exception) {
    if (streams.out.bad()) return ExitCode::ok;
    error = {Errc::internal, std::string("an internal error: ") + exception.what(), "please report this"};
  } catch (...) {
    error = {Errc::internal, "an internal error of an unknown kind", "please report this"};
  }
  if (error.code == Errc::usage && error.hint.empty()) error.hint = command.program + " --help";
  report(error, wants_json_errors(argc, argv), terminal);
  return exit_code(error.code);
}

int run_command(int argc, char** argv, const Command& command) {
  keep_standard_streams();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  FdStream out(STDOUT_FILENO);
  FdStream err(STDERR_FILENO);
  out.exceptions(std::ios::badbit);
  Streams streams{.in = std::cin,
                  .out = out,
                  .err = err,
                  .in_is_tty = isatty(STDIN_FILENO) == 1,
                  .out_is_tty = isatty(STDOUT_FILENO) == 1,
                  .err_is_tty = isatty(STDERR_FILENO) == 1};
  std::string written;
  streams.written = &written;
  measure(streams);
  const Environment environment = Environment::of_process();

  ExitCode code = run_with(argc, argv, command, streams, environment);
  try {
    out.flush();
  } catch (const std::ios::failure&) {
    // out.error() says why
  }
  if (out.error() == EPIPE) {
    code = ExitCode::pipe;
  } else if (out.error() != 0) {
    Terminal terminal(command.program, streams, environment);
    Error error{Errc::io, std::string("cannot write to standard output: ") + std::strerror(out.error()),
                "see where standard output goes, and run it again"};
    if (!written.empty()) {
      error.what += "; the change itself is made and durable: " + written;
      error.hint = "do not run it again; musher inspect ops shows what the log holds";
    }
    report(error, wants_json_errors(argc, argv), terminal);
    code = worst(code, ExitCode::io);
  }
  err.flush();
  return static_cast<int>(code);
}

}  // namespace musher
