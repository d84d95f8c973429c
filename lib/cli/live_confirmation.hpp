#pragma once
// After a write: which live servers have it in memory. What put and purge say about it, and what it does to the exit
// code.

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "cli/command_line.hpp"
#include "cli/exit_code.hpp"
#include "cli/run_command.hpp"
#include "replica/op_view.hpp"
#include "replica/replica.hpp"

namespace musher {

/// --wait DURATION.
struct WaitOption {
  bool tells_of_none = false;  ///< say that no server has the log open
  std::optional<std::chrono::milliseconds> wait{};

  void add_to(CommandLine& line);
};

struct LiveConfirmation {
  std::vector<LiveAnswer> answers;

  /// 1 when a live server has not got the write, else 0.
  [[nodiscard]] ExitCode exit_code() const;
};

/// Says on err which servers have these ops, which are durable; one that has not is an error there, unless the answer
/// is JSON, which names it.
void tell_live(Context& context, const LiveConfirmation& confirmation, const std::vector<OpView>& ops,
               bool tells_of_none);

/// The same of whatever was committed: "op 3f5a12c0ffee (row 7)".
void tell_live(Context& context, const LiveConfirmation& confirmation, std::string_view committed, bool tells_of_none);

/// Waits for every live server to apply a row, which is durable. Says on err who has it.
[[nodiscard]] LiveConfirmation confirm_live(Context& context, Replica& replica, RowId last, std::string_view committed,
                                            const WaitOption& option);
/// Waits for every live server to apply the last of these ops, which are durable. Says on err who has them.
[[nodiscard]] LiveConfirmation confirm_live(Context& context, Replica& replica, const std::vector<OpView>& ops,
                                            const WaitOption& option);

}  // namespace musher
