#pragma once
// Single facts, each found through an index. Functions throw (sql.hpp).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/validity.hpp"
#include "oplog/rows.hpp"
#include "oplog/sql.hpp"

namespace musher {

[[nodiscard]] RowId read_last_row(sql::Connection& connection);
[[nodiscard]] std::optional<RowId> read_highest_row_ever(sql::Connection& connection);
[[nodiscard]] std::uint64_t count_rows(sql::Connection& connection);
[[nodiscard]] bool is_known(sql::Connection& connection, const OpId& id);
[[nodiscard]] std::vector<OpId> ids_with_prefix(sql::Connection& connection, std::string_view hex, std::size_t limit);
[[nodiscard]] std::vector<std::string> read_story_ids(sql::Connection& connection);
[[nodiscard]] std::optional<DependencyFacts> facts_of_op(sql::Connection& connection, const OpId& id);
[[nodiscard]] std::optional<OpLinks> links_of(sql::Connection& connection, const OpId& id);
[[nodiscard]] Seq highest_seq(sql::Connection& connection, const OpId& item, std::string_view field);
[[nodiscard]] RowId last_row_at(sql::Connection& connection, std::int64_t at_ms);
[[nodiscard]] std::vector<OpId> ids_at(sql::Connection& connection, const AuthorId& author, OpIndex index);
[[nodiscard]] bool has_second_at(sql::Connection& connection, const AuthorId& author, OpIndex index);
[[nodiscard]] OpIndex highest_index(sql::Connection& connection, const AuthorId& author);
[[nodiscard]] std::optional<OpIndex> lowest_index_behind(sql::Connection& connection, const AuthorId& author,
                                                         RowId row);
[[nodiscard]] std::optional<OpIndex> first_shared_index(sql::Connection& connection, const AuthorId& author,
                                                        OpIndex below);
[[nodiscard]] std::vector<OpId> ancestors_by_prev(sql::Connection& connection, const OpId& op, OpIndex lowest);

[[nodiscard]] std::vector<RowId> rows_of_author(sql::Connection& connection, const AuthorId& author, OpIndex after,
                                                OpIndex upto);

}  // namespace musher
