#include "cli/pager.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "crypto/file_bytes.hpp"
#include "model/escape.hpp"

namespace musher {
namespace {

/// Until it ends: the keyboard's signals are the pager's business, and a pager that is gone is an error of write().
class SignalsIgnored {
 public:
  SignalsIgnored() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &ignore, &before_[i]);
  }
  SignalsIgnored(const SignalsIgnored&) = delete;
  SignalsIgnored& operator=(const SignalsIgnored&) = delete;
  ~SignalsIgnored() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }

  static sigset_t all() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : kSignals) sigaddset(&set, signal);
    return set;
  }

 private:
  static constexpr std::array kSignals = {SIGINT, SIGQUIT, SIGPIPE};
  std::array<struct sigaction, 3> before_{};
};

std::optional<std::string> pager_command(const Environment& environment) {
  const auto own = environment.get_even_empty("MUSHER_PAGER");
  if (own && own->empty()) return std::nullopt;
  return own ? own : environment.get("PAGER");
}

/// The variables of this process, and what less and lv need to show colours, unless the user has said otherwise.
std::vector<char*> pager_environment(const Environment& environment) {
  static char less[] = "LESS=FRX";
  static char lv[] = "LV=-c";
  std::vector<char*> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) variables.push_back(*entry);
  if (!environment.get_even_empty("LESS")) variables.push_back(less);
  if (!environment.get_even_empty("LV")) variables.push_back(lv);
  variables.push_back(nullptr);
  return variables;
}

/// A shell that runs the command with `input` as its standard input. Nothing when it cannot be started.
std::optional<pid_t> start(const std::string& command, int input, const Environment& environment) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const sigset_t defaults = SignalsIgnored::all();
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

  std::string shell = "sh", option = "-c", script = command;
  const std::array<char*, 4> arguments = {shell.data(), option.data(), script.data(), nullptr};
  pid_t pid = 0;
  const int failed =
      posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments.data(), pager_environment(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return std::nullopt;
  return pid;
}

/// False when the pager did not show anything.
bool through_pager(const std::string& command, std::string_view text, const Environment& environment) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return false;
  const SignalsIgnored ignored;
  const auto pid = start(command, pipe_ends[0], environment);
  ::close(pipe_ends[0]);
  if (pid) static_cast<void>(write_all(pipe_ends[1], text));  // false: the reader has seen enough
  ::close(pipe_ends[1]);
  if (!pid) return false;
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  // A shell's words for "cannot be run" and "not found".
  return !WIFEXITED(status) || (WEXITSTATUS(status) != 126 && WEXITSTATUS(status) != 127);
}

}  // namespace

void page(Terminal& terminal, const Environment& environment, std::string_view text) {
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
  const auto command = pager_command(environment);
  if (terminal.out_is_tty() && command && lines >= terminal.height()) {
    terminal.out().flush();
    if (through_pager(*command, text, environment)) return;
    terminal.warn("the pager " + quote(*command) + " cannot be started (MUSHER_PAGER, PAGER)");
  }
  terminal.out() << text;
}

}  // namespace musher
