#include "support/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>

namespace musher::testing {
namespace {

using std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  return {ends[0], ends[1]};
}

int remaining_ms(steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
  return static_cast<int>(left > 0 ? left : 0);
}

/// Takes what there is; false at the end.
bool drain(int descriptor, std::string& into) {
  std::array<char, 65536> buffer{};
  const ssize_t got = read(descriptor, buffer.data(), buffer.size());
  if (got > 0) into.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

void close_and_forget(int& descriptor) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
}

/// A file without a name that holds the input: no pipe that could fill up.
int input_file(const std::string& input) {
  if (input.empty()) return open("/dev/null", O_RDONLY | O_CLOEXEC);
  FILE* file = std::tmpfile();
  if (file == nullptr || std::fwrite(input.data(), 1, input.size(), file) != input.size() || std::fflush(file) != 0)
    fail("tmpfile");
  const int descriptor = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
  std::fclose(file);
  if (descriptor < 0 || lseek(descriptor, 0, SEEK_SET) != 0) fail("tmpfile");
  return descriptor;
}

[[noreturn]] void become_program(const Command& command) {
  for (const auto& [name, value] : command.environment) {
    if (value) {
      setenv(name.c_str(), value->c_str(), 1);
    } else {
      unsetenv(name.c_str());
    }
  }
  if (!command.folder.empty() && chdir(command.folder.c_str()) != 0) _exit(126);
  std::vector<char*> argv;
  for (const std::string& word : command.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  std::perror(argv[0]);
  _exit(127);
}

}  // namespace

void Child::Voice::say(const std::string& line) const {
  const std::string text = line + "\n";
  if (write(descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(98);
}

Child Child::fork(const std::function<int(const Voice&)>& body) {
  const Pipe out = make_pipe();
  const Pipe err = make_pipe();
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    dup2(err.write_end, STDERR_FILENO);
    close(out.read_end);
    close(err.read_end);
    int code = 99;
    try {
      code = body(Voice(out.write_end));
    } catch (const std::exception& exception) {
      std::fprintf(stderr, "%s\n", exception.what());
    }
    std::fflush(stderr);
    _exit(code);
  }
  close(out.write_end);
  close(err.write_end);
  return {pid, out.read_end, err.read_end};
}

Child Child::start(const Command& command) {
  const Pipe out = make_pipe();
  const Pipe err = make_pipe();
  const int input = input_file(command.input);
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    dup2(input, STDIN_FILENO);
    dup2(out.write_end, STDOUT_FILENO);
    dup2(err.write_end, STDERR_FILENO);
    become_program(command);
  }
  close(input);
  close(out.write_end);
  close(err.write_end);
  return {pid, out.read_end, err.read_end};
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      out_(std::exchange(other.out_, -1)),
      err_(std::exchange(other.err_, -1)),
      out_text_(std::move(other.out_text_)),
      err_text_(std::move(other.err_text_)) {}

Child::~Child() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close_and_forget(out_);
  close_and_forget(err_);
}

void Child::signal(int number) const {
  if (kill(pid_, number) != 0) fail("kill");
}

/// Reads what comes from either pipe; false when both have ended or the deadline has passed.
bool Child::pump(steady_clock::time_point deadline) {
  std::array<pollfd, 2> wanted{{{out_, POLLIN, 0}, {err_, POLLIN, 0}}};
  if (out_ < 0 && err_ < 0) return false;
  const int ready = poll(wanted.data(), wanted.size(), remaining_ms(deadline));
  if (ready < 0 && errno == EINTR) return true;
  if (ready <= 0) return false;
  if (wanted[0].revents != 0 && !drain(out_, out_text_)) close_and_forget(out_);
  if (wanted[1].revents != 0 && !drain(err_, err_text_)) close_and_forget(err_);
  return true;
}

std::optional<std::string> Child::read_line(std::chrono::milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  std::size_t end = 0;
  while ((end = out_text_.find('\n')) == std::string::npos) {
    if (out_ < 0 || !pump(deadline)) return std::nullopt;
  }
  std::string line = out_text_.substr(0, end);
  out_text_.erase(0, end + 1);
  return line;
}

ChildOutcome Child::wait(std::chrono::milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  ChildOutcome outcome;
  int status = 0;
  bool ended = false;
  // A grandchild may keep the pipes open: the process itself decides.
  while (!ended) {
    pump(std::min(deadline, steady_clock::now() + std::chrono::milliseconds(out_ < 0 && err_ < 0 ? 0 : 5)));
    ended = waitpid(pid_, &status, WNOHANG) == pid_;
    if (ended) break;
    if (steady_clock::now() >= deadline) {
      outcome.timed_out = true;
      kill(pid_, SIGKILL);
      waitpid(pid_, &status, 0);
      ended = true;
    }
    if (out_ < 0 && err_ < 0) poll(nullptr, 0, 1);
  }
  while (pump(steady_clock::now())) {
  }
  pid_ = -1;
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  outcome.out = std::move(out_text_);
  outcome.err = std::move(err_text_);
  return outcome;
}

ChildOutcome run(const Command& command) { return Child::start(command).wait(command.patience); }

void become(uid_t user, const std::vector<gid_t>& groups) {
  if (setgroups(groups.size(), groups.data()) != 0 || setgid(groups.front()) != 0 || setuid(user) != 0) fail("become");
}

}  // namespace musher::testing
