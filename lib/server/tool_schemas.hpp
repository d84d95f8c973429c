#pragma once
// JSON Schemas (draft 2020-12) of what the tools take and give; shapes: docs/json.md.

#include <string>

namespace musher {

[[nodiscard]] std::string no_input();

[[nodiscard]] std::string pipeline_status_input();
[[nodiscard]] std::string pipeline_status_output();
[[nodiscard]] std::string list_agents_input();
[[nodiscard]] std::string list_agents_output();
[[nodiscard]] std::string get_story_input();
[[nodiscard]] std::string get_story_output();
[[nodiscard]] std::string list_ops_input();
[[nodiscard]] std::string list_ops_output();
[[nodiscard]] std::string get_node_output();

[[nodiscard]] std::string purge_story_input();
[[nodiscard]] std::string purge_story_output();
[[nodiscard]] std::string put_story_input();
[[nodiscard]] std::string put_story_output();

[[nodiscard]] std::string replay_at_input();
[[nodiscard]] std::string replay_at_output();
[[nodiscard]] std::string verify_order_input();
[[nodiscard]] std::string verify_order_output();

}  // namespace musher
