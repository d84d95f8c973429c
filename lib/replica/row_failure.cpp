#include "replica/row_failure.hpp"

namespace musher {

std::optional<RowFailure> failure_of(const CheckedRow& checked) {
  if (const auto* malformed = std::get_if<MalformedRow>(&checked.row)) {
    return RowFailure{malformed->row, std::nullopt, "row_malformed", malformed->column + ": " + malformed->why};
  }
  if (!checked.reject) return std::nullopt;
  OpRow op = std::get<OpRow>(checked.row);
  op.op.content.reset();  // nobody signed it: it is never shown
  return RowFailure{op.row, std::move(op), std::string(to_string(*checked.reject)), ""};
}

}  // namespace musher
