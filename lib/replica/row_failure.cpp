#include "replica/row_failure.hpp"

namespace musher {

std::optional<RowFailure> failure_of(const CheckedRow& checked) {
  if (const auto* malformed = std::get_if<MalformedRow>(&checked.row)) {
    return RowFailure{malformed->row, std::nullopt, "row_malformed", malformed->column + ": " + malformed->why};
  }
  if (!checked.reject) return std::nullopt;
  const auto& op = std::get<OpRow>(checked.row);
  return RowFailure{op.row, op, std::string(to_string(*checked.reject)), ""};
}

}  // namespace musher
