#pragma once
// What is read from and written to an op log.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/op.hpp"
#include "model/result.hpp"

namespace musher {

/// One row of crdt_ops as it is stored: the id and depth are claims of the file, nothing is checked but the columns'
/// shapes.
struct OpRow {
  RowId row{};
  OpId id;  ///< column op_id; equals the digest of the canonical bytes unless the file was damaged
  SignedOp op;
  Depth depth{};
  std::string source;            ///< who brought it to this log: "local", "client", "peer:<hex>", "import"
  std::int64_t received_ms = 0;  ///< this node's clock at admission, ms since 1970 UTC
};

/// A row whose columns cannot be an op: a wrong type or length, a kind that does not exist.
struct MalformedRow {
  RowId row{};
  std::optional<OpId> id;  ///< when that column can be read
  std::string column;
  std::string why;
};

using ScannedRow = std::variant<OpRow, MalformedRow>;

/// An op's place in the DAG.
struct OpLinks {
  RowId row{};
  AuthorId author;
  OpIndex index{};
  Depth depth{};
  std::vector<OpId> dependencies;  ///< prev, target and parents, those there are
};

/// How much of a story is read.
enum class StoryPart : std::uint8_t { all, presence };

struct LogInfo {
  std::string path;  ///< absolute, symbolic links resolved
  LogId log;
  DocumentId document;
  std::uint32_t format = 0;
  std::int64_t created_ms = 0;
  std::optional<std::int64_t> copied_ms;  ///< set when this is a private copy: when it was made
};

struct Head {
  OpId id;
  Depth depth{};
  auto operator<=>(const Head&) const = default;
};

/// The last op of one branch of one author.
struct Tip {
  AuthorId author;
  OpIndex index{};
  OpId id;
  auto operator<=>(const Tip&) const = default;
};

/// What the log says about its prefix up to a row: one every 256 rows and one for the last row.
struct Mark {
  RowId row{};
  Digest chain;           ///< docs/format.md, "Chain digest"
  Seq list_seq{};         ///< the highest seq of an insert or delete up to here
  std::uint64_t ops = 0;  ///< rows up to here
  bool operator==(const Mark&) const = default;
};

/// How far a reader got in one log: a row and the chain digest there. Means something only with that log's id.
struct LogMark {
  RowId row{};
  Digest chain;
  bool operator==(const LogMark&) const = default;
};

/// What this node keeps of another node it has synced with (docs/sync.md): local, not signed, not part of the document.
struct PeerRecord {
  AuthorId peer;
  LogId log;                       ///< of its log
  std::optional<LogMark> heard{};  ///< how far its log was taken in here; absent or of a round: by tips the next time
  /// To be written only over `heard_before`; whatever else is stored stays. Somebody may have forgotten that one, or
  /// know better.
  bool heard_goes_on = false;
  std::optional<LogMark> heard_before{};
  RowId acknowledged{};       ///< the last row of this log that it has said is durable there
  std::string state{};        ///< "connected", "closed" ...
  std::int64_t since_ms = 0;  ///< of that state, ms since 1970 UTC
  std::string address{};      ///< where it was last seen
  std::string last_error{};   ///< why the last connection ended, when that was no ordinary end
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  bool operator==(const PeerRecord&) const = default;
};

enum class Trust : std::uint8_t { allowed, revoked };

/// Local policy about one author. An author without a record is unknown.
struct AuthorRecord {
  AuthorId author;
  std::string name;
  Trust trust = Trust::allowed;
  bool eraser = false;
  std::optional<OpId> revoked_from;  ///< revoked: only what this op descends from by prev is heard; absent: no op is
  bool operator==(const AuthorRecord&) const = default;
};

/// One change of local policy.
struct TrustChange {
  std::int64_t at_ms = 0;
  std::string who;     ///< login name
  std::string action;  ///< "add", "revoke"
  AuthorRecord after;
};

/// An op that may not enter the log (yet).
struct QuarantinedOp {
  std::int64_t id = 0;  ///< row number in the quarantine
  std::string reason;   ///< a Reject's name, or what it waits for (replica/admission.hpp)
  std::string source;
  std::int64_t received_ms = 0;
  std::vector<std::uint8_t> canonical;
  Signature signature;
  std::optional<std::string> content;
  Salt salt;
};

/// Two looks at a quarantine with the same extent saw the same rows: nobody has put anything there or taken it out, nor
/// put the file back to an older one.
struct QuarantineExtent {
  std::int64_t last = 0;  ///< row number, the highest that was ever given out; numbers are never given twice
  OpId newest;            ///< of the rows that are there; zero: the quarantine is empty
  std::uint64_t rows = 0;
  bool operator==(const QuarantineExtent&) const = default;
};

/// What may wait in the quarantine at most. An op may have to wait for one far behind it (docs/decisions/0010), so this
/// is a log's worth of ops, and not what one peer sends in a minute.
struct QuarantineLimits {
  std::uint64_t ops = 100'000;
  std::uint64_t bytes = std::uint64_t{32} * 1024 * 1024;  ///< of canonical bytes and contents
};

/// A quarantined op without what is large: enough to see what waits for what.
struct QuarantineEntry {
  std::int64_t id = 0;  ///< row number in the quarantine
  std::string reason;
  std::vector<std::uint8_t> canonical;
  bool has_content = false;
};

}  // namespace musher
