#pragma once
// Reading on past what SQLite cannot read: a damaged page costs its own rows and no others.

#include <functional>

#include "oplog/op_log.hpp"

namespace musher {

/// What a scan asks of each row it is handed. In a damaged table rows can come twice, or in no order.
class RowGate {
 public:
  /// True when the row comes after every row before it; false: the scan is to stop and will be started again behind.
  [[nodiscard]] bool admits(RowId row) {
    if (row <= last_) return false;
    last_ = row;
    return true;
  }
  /// The caller has had enough: the scan is not started again.
  void stop() { stopped_ = true; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// The last row admitted, or known to be unreadable.
  [[nodiscard]] RowId last() const { return last_; }
  void skip_to(RowId row) { last_ = row; }

 private:
  RowId last_{};
  bool stopped_ = false;
};

/// Starts `scan` (rows after the one it is given, up to `upto`; stops where the gate says so) again behind each part
/// that cannot be read, and names that part. upto: the last row, or the highest number there is when nobody can tell.
/// @errors what `scan` fails with, other than damaged.
Result<void> salvage_scan(LogReader& log, RowId upto, RowGate& gate,
                          const std::function<Result<void>(RowId after)>& scan,
                          const std::function<void(RowId first, RowId last)>& unreadable);

}  // namespace musher
