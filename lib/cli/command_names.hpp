#pragma once
// Every command of musher, once: what `musher` lists, suggests and runs, and the line each says about itself.

#include <array>
#include <string>
#include <string_view>

namespace musher {

struct CommandName {
  std::string_view name;  ///< "put": the program is musher-put
  std::string_view summary;
};

inline constexpr std::array kCommands = {
    CommandName{"init", "Create an op log and an identity to write it with"},
    CommandName{"identity", "Make a key of one's own, or show one"},
    CommandName{"trust", "Say whose ops count here"},
    CommandName{"put", "Write fields of a story, or begin one"},
    CommandName{"purge", "Take stories out of the pipeline for ever"},
    CommandName{"inspect", "Look at stories, ops, authors and what a log holds"},
    CommandName{"replay", "Rebuild the pipeline from its ops and say what differs"},
    CommandName{"sync", "Bring two logs of one document together, offline"},
    CommandName{"serve", "Hold a log in memory, follow it, and answer MCP clients"},
    CommandName{"verify-order", "Check that a log is complete, in order and as it was signed"},
};

/// The summary of "musher-put"; for "musher" itself, that of the whole.
[[nodiscard]] std::string summary_of(std::string_view program);

}  // namespace musher
