#pragma once
// Rows of a log with the verdict on each: read on one thread, hashed and verified on all cores, delivered in rowid
// order.

#include <atomic>
#include <functional>
#include <optional>
#include <span>

#include "crypto/known_signatures.hpp"
#include "oplog/op_log.hpp"

namespace musher {

enum class Signatures : std::uint8_t {
  check,
  check_by_libsodium,  ///< SignatureCheck::libsodium
  skip,
};
[[nodiscard]] inline SignatureCheck check_of(Signatures signatures) {
  return signatures == Signatures::check_by_libsodium ? SignatureCheck::libsodium : SignatureCheck::known_signers;
}

struct CheckedRow {
  ScannedRow row;
  std::optional<Reject>
      reject;        ///< the first rule of form it breaks, content digest, id or signature; none for a malformed row
  OpId computed_id;  ///< of the row's own bytes; meaningful unless reject is a rule of form
  bool signature_checked = false;
};

struct ScanOptions {
  RowId after{};
  RowId upto{};
  Signatures signatures = Signatures::check;
  unsigned threads = 0;                       ///< workers; 0: as many as there are cores, 1: the caller's thread alone
  const std::atomic<bool>* cancel = nullptr;  ///< stops between batches when true
  KnownSignatures* known = nullptr;           ///< with one thread: as check_row
};

/// The sink gets every row once, in rowid order, on the caller's thread; false from it stops the scan.
/// Memory: a few batches of 256 rows.
/// @errors as LogReader::scan. A bad row is never an error: it is a CheckedRow with a reject.
[[nodiscard]] Result<void> checked_scan(LogReader& log, const ScanOptions& options,
                                        const std::function<bool(CheckedRow&&)>& sink);

/// The verdict on rows that were read some other way (scan_story, find), on the caller's thread. A signature that is
/// known counts as checked, and one that holds is known from then on.
void check_rows(const Verifier& verifier, std::span<CheckedRow> rows, Signatures signatures,
                KnownSignatures* known = nullptr);
[[nodiscard]] CheckedRow check_row(const Verifier& verifier, ScannedRow row, Signatures signatures,
                                   KnownSignatures* known = nullptr);

}  // namespace musher
