#pragma once
// musher inspect for people. Free to change: programs read --json.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.hpp"
#include "replica/inspect.hpp"
#include "report/inspect_json.hpp"
#include "sync/peer_status.hpp"

namespace musher {

[[nodiscard]] std::string summary_text(const LogInfo& log, const Summary& summary, const SummaryExtras& extras,
                                       const Terminal& terminal);
/// "3 ops without effect, whose authors are not trusted here: musher trust list --log FILE"
/// @param where  here, or there: the log is a server's
[[nodiscard]] std::string muted_text(std::uint64_t ops, std::string_view where, std::string_view log);
[[nodiscard]] std::string stories_text(const std::vector<StoryView>& stories, const TrustPolicy& trust,
                                       const Terminal& terminal);
/// @param problem  why it is from a server's memory alone, without history and unchecked; empty when it is not
[[nodiscard]] std::string story_text(const StoryReport& report, const Terminal& terminal,
                                     std::string_view problem = {});
[[nodiscard]] std::string ops_text(const std::vector<OpView>& ops, const Terminal& terminal);
[[nodiscard]] std::string op_text(const OpView& op, const Terminal& terminal);
[[nodiscard]] std::string authors_text(const std::vector<AuthorView>& authors, const AuthorId* self,
                                       const Terminal& terminal);
/// A peer and what it is called here.
struct NamedPeer {
  sync::PeerStatus status;
  std::string name;
};
[[nodiscard]] std::string peers_text(const std::vector<NamedPeer>& peers, const Terminal& terminal);
/// With the lines that would let in whose ops wait for trust.
[[nodiscard]] std::string quarantine_text(const std::vector<QuarantinedOp>& quarantine, const TrustPolicy& trust,
                                          const std::string& log, const Terminal& terminal);

}  // namespace musher
