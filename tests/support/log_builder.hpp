#pragma once
// Writes real signed ops to an op log, each as a writer of its own would: one transaction, on top of what is there.

#include <optional>
#include <string>
#include <vector>

#include "crypto/identity.hpp"
#include "oplog/op_log.hpp"

namespace musher::testing {

/// The value of a Result; throws what went wrong.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what + " | " + result.error().hint);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// Makes and appends one op in a transaction that is open: index, prev, seq, parents and depth from what the log holds.
struct Draft {
  OpKind kind = OpKind::insert;
  OpId target{};
  std::string name{};
  std::optional<std::string> content{};
  std::string source = "local";
  std::int64_t received_ms = 1'790'000'000'000;
  bool erases_now = false;
};
[[nodiscard]] Result<OpRow> append_op(WriteTransaction& log, const Identity& identity, const Draft& draft);

class LogBuilder {
 public:
  LogBuilder(OpLog& log, Identity identity) : log_(log), identity_(std::move(identity)) {}

  OpId insert(const std::string& story);  ///< content {"stage":"1_backlog"}
  OpId set(const OpId& item, const std::string& field, const std::string& value_json);
  OpId purge(const OpId& item, const std::string& story);
  OpId remove(const OpId& item);   ///< a delete that is no purge
  OpId erase(const OpId& target);  ///< takes effect
  OpId add(const Draft& draft);
  [[nodiscard]] const Identity& identity() const { return identity_; }

 private:
  OpLog& log_;
  Identity identity_;
};

/// Every row of a log; throws on a malformed one.
[[nodiscard]] std::vector<OpRow> all_rows(LogReader& log);
[[nodiscard]] std::vector<QuarantineEntry> all_quarantined(LogReader& log);

}  // namespace musher::testing
