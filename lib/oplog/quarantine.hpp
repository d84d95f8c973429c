#pragma once
// The quarantine's writing side: bounded, so that nobody can fill the disk with ops that may not enter. Functions
// throw.

#include <map>
#include <vector>

#include "oplog/rows.hpp"
#include "oplog/sql.hpp"

namespace musher {

/// What the quarantine holds, counted once and then kept.
struct QuarantineHoldings {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::map<std::string, std::uint64_t> weights;  ///< by source: its bytes, and 1,024 for each row
  void gain(const std::string& source, std::uint64_t size);
  void lose(const std::string& source, std::uint64_t size);
};

/// From one transaction of a connection to its next: true as long as no other connection has committed in between.
struct KeptHoldings {
  std::int64_t data_version = 0;
  QuarantineHoldings holdings;
};

class Quarantine {
 public:
  Quarantine(sql::Connection& connection, const QuarantineLimits& limits) : connection_(connection), limits_(limits) {}

  /// In the transaction: what is known of before, if it still holds.
  void begin(std::int64_t data_version, std::optional<KeptHoldings> kept);
  /// For the next one. After a rollback only if nothing was changed here.
  [[nodiscard]] std::optional<KeptHoldings> keep(bool committed);

  /// Keeps an op aside; the same op for the same reason is there already, or waits. Then makes room: of the source that
  /// holds most, the oldest goes. Returns those that went.
  std::vector<OpId> add(const QuarantinedOp& op);
  void remove(std::int64_t id);
  /// Every copy of an op.
  void remove(const OpId& op);
  [[nodiscard]] QuarantineExtent extent();
  /// Something had to make room in this transaction, so no peer has a mark any more.
  [[nodiscard]] bool gave_up() const { return gave_up_; }
  /// Row number of the last op added in this transaction; 0 when there is none.
  [[nodiscard]] std::int64_t last_added() const { return last_added_; }

 private:
  /// Counted when it is asked for first.
  QuarantineHoldings& holdings();
  [[nodiscard]] std::vector<OpId> make_room();
  void took_out(sql::Query& rows);

  sql::Connection& connection_;
  const QuarantineLimits limits_;
  std::int64_t last_added_ = 0;
  std::int64_t data_version_ = 0;
  bool changed_ = false;
  bool gave_up_ = false;
  std::optional<QuarantineHoldings> holdings_;
};

}  // namespace musher
