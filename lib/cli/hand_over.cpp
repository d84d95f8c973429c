#include "cli/hand_over.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace musher {

Result<ExitCode> hand_over(const std::string& program, int argc, const char* const* argv) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path file = fs::read_symlink("/proc/self/exe", error).parent_path() / "musher-remote";
  std::string command = program.substr(program.find('-') + 1);
  std::string name = file.filename();
  std::vector<char*> arguments = {name.data(), command.data()};
  for (int i = 1; i < argc; ++i) arguments.push_back(const_cast<char*>(argv[i]));
  arguments.push_back(nullptr);
  execv(file.c_str(), arguments.data());
  return fail(Errc::io, fmt::format("cannot run {}, which speaks to servers: {}", file.string(), std::strerror(errno)),
              "install all of musher in one folder");
}

}  // namespace musher
