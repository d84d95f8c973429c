#include "support/workshop.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>

extern char** environ;

namespace musher::testing {
namespace {

constexpr std::chrono::seconds kDeadline{60};

/// A pipe whose ends close themselves.
struct Pipe {
  Pipe() { REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close(0);
    close(1);
  }
  void close(std::size_t end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

void drain(Pipe& out, Pipe& err, Outcome& outcome, pid_t pid) {
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  std::array<pollfd, 2> open{{{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}}};
  std::array<std::string*, 2> texts{&outcome.out, &outcome.err};
  int left = 2;
  while (left > 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(pid, SIGKILL);
      return;
    }
    ::poll(open.data(), open.size(), 200);
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (open[i].fd < 0 || open[i].revents == 0) continue;
      std::array<char, 65536> buffer{};
      const ssize_t got = ::read(open[i].fd, buffer.data(), buffer.size());
      if (got > 0) {
        texts[i]->append(buffer.data(), static_cast<std::size_t>(got));
      } else {
        open[i].fd = -1;
        --left;
      }
    }
  }
}

Outcome spawn(const std::vector<std::string>& words, const std::vector<std::string>& variables,
              const std::filesystem::path& folder, const std::string& input) {
  Pipe in;
  Pipe out;
  Pipe err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.ends[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out.ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err.ends[1], 2);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (const std::string& variable : variables) environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, words[0].c_str(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  INFO("cannot start " << words[0]);
  REQUIRE(failed == 0);
  in.close(0);
  out.close(1);
  err.close(1);
  REQUIRE(input.size() < 60'000);  // fits a pipe, so that nobody waits for anybody
  REQUIRE(::write(in.ends[1], input.data(), input.size()) == static_cast<ssize_t>(input.size()));
  in.close(1);
  Outcome outcome;
  drain(out, err, outcome, pid);
  int status = 0;
  ::waitpid(pid, &status, 0);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

std::vector<std::string> variables_with(const std::map<std::string, std::string>& own) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    all[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  for (const auto& [name, value] : own) all[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : all) lines.push_back(name + "=" + value);
  return lines;
}

}  // namespace

Workshop::Workshop() {
  std::string pattern = (std::filesystem::temp_directory_path() / "musher-test-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  variables_["XDG_STATE_HOME"] = (folder_ / "state").string();
  variables_["PATH"] = std::string(MUSHER_BIN_DIR) + ":" + std::getenv("PATH");
}

Workshop::~Workshop() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Outcome Workshop::run(const std::vector<std::string>& words, const std::string& input) {
  std::vector<std::string> absolute = words;
  absolute[0] = std::string(MUSHER_BIN_DIR) + "/" + words[0];
  return spawn(absolute, variables_with(variables_), folder_, input);
}

std::string Workshop::must(const std::vector<std::string>& words) {
  const Outcome outcome = run(words);
  std::string line;
  for (const std::string& word : words) line += word + " ";
  INFO(line << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.code == 0);
  return outcome.out;
}

Outcome Workshop::shell(const std::string& line) {
  return spawn({"/bin/sh", "-c", line}, variables_with(variables_), folder_, "");
}

std::string Workshop::sql(const std::string& statement) {
  const Outcome outcome = spawn({"sqlite3", log().string(), statement}, variables_with(variables_), folder_, "");
  INFO(statement << "\n" << outcome.err);
  REQUIRE(outcome.code == 0);
  return outcome.out.substr(0, outcome.out.find_last_not_of('\n') + 1);
}

std::string Workshop::json(const std::string& document, const std::string& path) {
  const Outcome outcome = spawn({"/usr/bin/python3", "-c", "import json,sys\nprint(json.load(sys.stdin)" + path + ")"},
                                variables_with(variables_), folder_, document);
  INFO(path << " of\n" << document << outcome.err);
  REQUIRE(outcome.code == 0);
  return outcome.out.substr(0, outcome.out.size() - 1);
}

void write_incident(Workshop& workshop) {
  workshop.must({"musher-init"});
  for (int story = 1; story <= 6; ++story) {
    const std::string number = std::to_string(story);
    workshop.must({"musher-put", "--new", number + "_story", "name=Story " + number, "stage=1_backlog"});
  }
  workshop.must({"musher-put", "6_story", "stage=2_current"});
}

}  // namespace musher::testing
