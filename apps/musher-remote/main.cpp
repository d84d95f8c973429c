// What musher-put, musher-purge and musher-inspect become when the log is at a server, and musher-init when a server
// says which document (cli/hand_over.hpp).

#include <string_view>

#include "musher-remote/remote_commands.hpp"

namespace {

musher::Command command_named(std::string_view name) {
  if (name == "init") return musher::remote_init_command();
  if (name == "put") return musher::remote_put_command();
  if (name == "purge") return musher::remote_purge_command();
  if (name == "inspect") return musher::remote_inspect_command();
  return {.program = "musher-remote",
          .wants = {.common = false, .log = false, .identity = false, .json = false},
          .declare = [](musher::CommandLine& line) { line.usage("init|put|purge|inspect [OPTION]..."); },
          .run = [](musher::Context&) -> musher::Result<musher::ExitCode> {
            return musher::fail(musher::Errc::usage, "this runs for init, put, purge and inspect",
                                "musher put|purge|inspect --server URL");
          }};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  const bool is_named = name == "init" || name == "put" || name == "purge" || name == "inspect";
  return musher::run_command(is_named ? argc - 1 : argc, is_named ? argv + 1 : argv, command_named(name));
}
