#pragma once
// A Terminal whose streams are strings.

#include <map>
#include <sstream>
#include <string>

#include "cli/terminal.hpp"

namespace musher::test {

struct FakeTerminal {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;

  /// is_tty: of all three streams. TERM is xterm unless variables say otherwise.
  [[nodiscard]] Streams streams(bool is_tty) {
    return {.in = in, .out = out, .err = err, .in_is_tty = is_tty, .out_is_tty = is_tty, .err_is_tty = is_tty};
  }
  [[nodiscard]] Terminal terminal(bool is_tty = false, std::map<std::string, std::string> variables = {}) {
    variables.emplace("TERM", "xterm");
    return {"musher-put", streams(is_tty), Environment(std::move(variables))};
  }
};

}  // namespace musher::test
