#include "server/tool_schemas.hpp"

#include <initializer_list>
#include <string_view>

namespace musher {
namespace {

constexpr std::string_view kStoryId =
    R"("story_id":{"type":"string","minLength":1,"maxLength":128,"description":"the story id, as it stands"})";
constexpr std::string_view kAt =
    R"("at":{"type":"string","description":"an earlier moment: row:N, op:PREFIX, @UNIX, RFC 3339, -2h or \"2 hours ago\""})";
constexpr std::string_view kPage =
    R"("limit":{"type":"integer","minimum":1,"maximum":200,"description":"how many at most"},)"
    R"("cursor":{"type":"string","description":"next_cursor of the page before"})";

constexpr std::string_view kStory =
    R"({"type":"object","properties":{"story_id":{"type":"string"},"items":{"type":"array",)"
    R"("items":{"type":"string"}},"fields":{"type":"object"},"updated":{"type":"string"},)"
    R"("updated_by":{"type":"string"},"truncated":{"type":"array","items":{"type":"string"}},)"
    R"("resource":{"type":"string"}},"required":["story_id","items","fields"]})";
constexpr std::string_view kOp =
    R"({"type":"object","properties":{"rowid":{"type":"string"},"op_id":{"type":"string"},)"
    R"("kind":{"enum":["insert","set","delete","erase"]},"author":{"type":"string"},)"
    R"("time":{"type":"string"}},"required":["rowid","op_id","kind","author","time"]})";
constexpr std::string_view kEnvelope = R"("schema":{"type":"string"},"log":{"type":"object"})";

/// An object of these members; those named are required. Closed: nothing else may be given.
std::string input(std::initializer_list<std::string_view> members, std::string_view required = "") {
  std::string text = R"({"type":"object","properties":{)";
  for (bool first = true; const std::string_view member : members) {
    if (!first) text += ',';
    first = false;
    text += member;
  }
  text += "}";
  if (!required.empty()) text += R"(,"required":[)" + std::string(required) + "]";
  return text + R"(,"additionalProperties":false})";
}

constexpr std::string_view kFailure =
    R"("code":{"type":"string"},"message":{"type":"string"},"hint":{"type":"string"},)"
    R"("candidates":{"type":"array","items":{"type":"string"}})";

/// A document with the envelope: members are only ever added, so it is open. Or what a result with isError has, since
/// the SDK's first client holds that against the schema too.
std::string output(const std::string& members, std::string_view required) {
  return R"({"type":"object","properties":{)" + std::string(kEnvelope) + "," + members + "," + std::string(kFailure) +
         R"(},"anyOf":[{"required":["schema","log",)" + std::string(required) +
         R"(]},{"required":["code","message"]}]})";
}

std::string list_of(std::string_view name, std::string_view element) {
  return "\"" + std::string(name) + R"(":{"type":"array","items":)" + std::string(element) + "}";
}

constexpr std::string_view kNextCursor = R"("next_cursor":{"type":"string"})";
constexpr std::string_view kProblem =
    R"("problem":{"type":"string","description":"the log has turned bad: this is from the server's memory alone"})";

}  // namespace

std::string no_input() { return input({}); }

std::string pipeline_status_input() {
  return input({R"("stage":{"type":"string","description":"only stories in this stage"})",
                R"("agent":{"type":"string","description":"only stories of this agent"})",
                R"("blocked":{"type":"boolean","description":"only stories that are blocked, or that are not"})", kAt,
                kPage});
}
std::string pipeline_status_output() {
  return output(R"("stages":{"type":"object","additionalProperties":{"type":"array","items":)" + std::string(kStory) +
                    R"(}},"total":{"type":"integer"},)" + std::string(kNextCursor) + "," + std::string(kProblem),
                R"("stages","total")");
}

std::string list_agents_input() { return input({kPage}); }
std::string list_agents_output() {
  return output(
      list_of("agents", R"({"type":"object","properties":{"agent":{"type":"string"},"stories":{"type":"array",)"
                        R"("items":{"type":"string"}}},"required":["agent","stories"]})") +
          R"(,"total":{"type":"integer"},)" + std::string(kNextCursor) + "," + std::string(kProblem),
      R"("agents","total")");
}

std::string get_story_input() { return input({kStoryId, kAt, kPage}, R"("story_id")"); }
std::string get_story_output() {
  return output(R"("story":)" + std::string(kStory) + R"(,"history":{"type":"object"},)" + std::string(kNextCursor) +
                    "," + std::string(kProblem),
                R"("story","history")");
}

std::string list_ops_input() {
  return input({kStoryId, R"("author":{"type":"string","description":"name, or 6 or more hex digits of the key"})",
                R"("kind":{"type":"string","enum":["insert","set","delete","erase"]})",
                R"("after":{"type":"string","description":"a row number: ops behind it"})", kPage});
}
std::string list_ops_output() { return output(list_of("ops", kOp) + "," + std::string(kNextCursor), R"("ops")"); }

std::string get_node_output() {
  return output(
      R"("author":{"anyOf":[{"type":"string"},{"type":"null"}]},"document":{"type":"string"},"heads":{"type":"array"},)"
      R"("peers":{"type":"array"},"health":{"enum":["ok","read_only","failed"]},)"
      R"("problem":{"type":"string","description":"what is wrong, as /readyz says it; with health ok or read_only it )"
      R"(does not touch what is read"},"muted_ops":{"type":"integer","description":"ops without effect: their author is )"
      R"(not trusted here"})",
      R"("author","document","heads","peers","health")");
}

std::string purge_story_input() {
  return input({kStoryId, R"("reason":{"type":"string","maxLength":10000,"description":"why; kept in the signed op"})"},
               R"("story_id")");
}
std::string purge_story_output() {
  return output(
      R"("dry_run":{"type":"boolean"},"live":{"type":"array"},"confirmed_by":{"enum":["elicitation","flag"]},)"
      R"("principal":{"type":"string"},)" +
          list_of("stories", R"({"type":"object","properties":{"story_id":{"type":"string"},"status":{"enum":)"
                             R"(["would_purge","purged","already_purged"]}},"required":["story_id","status"]})"),
      R"("dry_run","stories","live")");
}

std::string put_story_input() {
  return input({kStoryId, R"("fields":{"type":"object","description":"fields to write, each any JSON value"})",
                R"("new":{"type":"boolean","description":"make the story; it must not be there"})",
                R"("again":{"type":"boolean","description":"with new: start a purged or muted story afresh"})"},
               R"("story_id","fields")");
}
std::string put_story_output() {
  return output(R"("story_id":{"type":"string"},"created":{"type":"boolean"},"dry_run":{"type":"boolean"},)" +
                    list_of("ops", kOp) + R"(,"live":{"type":"array"})",
                R"("story_id","created","ops")");
}

std::string replay_at_input() {
  return input(
      {kAt, R"("order":{"type":"string","enum":["rowid","seq"],"description":"seq: the incident's naive order"})",
       R"("compare":{"type":"string","enum":["seq","live"],"description":"say where that differs from rowid order"})",
       kPage});
}
std::string replay_at_output() {
  return output(R"("verdict":{"enum":["ok","failed","incomplete","same","different"]},"order":{"type":"string"},)"
                R"("ops":{"type":"object"},"state_digest":{"type":"string"},"stories":{"type":"array"},)" +
                    std::string(kNextCursor),
                R"("verdict")");
}

std::string verify_order_input() {
  return input(
      {R"("full":{"type":"boolean","description":"check signatures again that an earlier run has checked"})", kPage});
}
std::string verify_order_output() {
  return output(R"("verdict":{"enum":["ok","findings","incomplete"]},"coverage":{"type":"object"},)"
                R"("findings":{"type":"array"},)" +
                    std::string(kNextCursor),
                R"("verdict","coverage","findings")");
}

}  // namespace musher
