#pragma once
// The command line of musher init, the same whether the document is asked for here or at a server, and what it does
// then.

#include <optional>
#include <string>

#include "cli/run_command.hpp"
#include "model/ids.hpp"

namespace musher {

struct InitOptions {
  std::optional<std::string> document;
  std::optional<std::string> join;
  std::optional<std::string> token_file;
  std::optional<std::string> name;
  std::optional<std::string> group;

  /// --join names a server.
  [[nodiscard]] bool joins_server() const { return join && join->find("://") != std::string::npos; }
};

void declare(InitOptions& options, CommandLine& line);

/// Makes the log of this document, or of a new one, and says so.
[[nodiscard]] Result<ExitCode> make_log(const InitOptions& options, const std::optional<DocumentId>& document,
                                        Context& context);

}  // namespace musher
