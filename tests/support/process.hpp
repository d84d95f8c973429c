#pragma once
// Child processes with a deadline: programs, or a function of the test in a process of its own.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/wait_until.hpp"

namespace musher::testing {

/// How a process ended, and what it said.
struct ChildOutcome {
  int exit_code = -1;  ///< -1 when a signal ended it
  int signal = 0;
  bool timed_out = false;  ///< it was killed at the deadline
  std::string out;
  std::string err;
};

struct Command {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH
  std::string input{};
  std::map<std::string, std::optional<std::string>> environment{};  ///< added to this process's; nothing: taken away
  std::string folder{};                                             ///< working folder; empty: this process's
  std::chrono::milliseconds patience = kPatience;
};

/// Runs a program to its end. Throws when it cannot be started.
[[nodiscard]] ChildOutcome run(const Command& command);

/// A running process, killed when it goes out of scope.
class Child {
 public:
  /// What the function in the child says goes to the parent's read_line(); the number it returns is the exit code.
  class Voice {
   public:
    explicit Voice(int descriptor) : descriptor_(descriptor) {}
    void say(const std::string& line) const;

   private:
    int descriptor_;
  };
  /// Runs a function in a fork of this process, which must have no other threads and no open log. An exception is
  /// exit 99.
  [[nodiscard]] static Child fork(const std::function<int(const Voice&)>& body);
  /// Starts a program; its input is as in command, its patience counts from wait().
  [[nodiscard]] static Child start(const Command& command);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// The next line of its stdout, without the line feed; nothing at its end or after `patience`.
  [[nodiscard]] std::optional<std::string> read_line(std::chrono::milliseconds patience = kPatience);
  /// Waits for the end; out is what read_line has not taken.
  ChildOutcome wait(std::chrono::milliseconds patience = kPatience);

 private:
  Child(pid_t pid, int out, int err) : pid_(pid), out_(out), err_(err) {}
  bool pump(std::chrono::steady_clock::time_point deadline);

  pid_t pid_ = -1;  ///< -1 when it was waited for
  int out_ = -1;
  int err_ = -1;
  std::string out_text_;
  std::string err_text_;
};

/// Makes this process another user with these groups, the first being its main one. In a child, as root.
void become(uid_t user, const std::vector<gid_t>& groups);

}  // namespace musher::testing
