#pragma once
// The messages of the sync protocol, one to a binary frame: docs/sync.md, "Messages". Layouts are little-endian.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "crypto/key_exchange.hpp"
#include "oplog/rows.hpp"

namespace musher::sync {

inline constexpr std::string_view kSubprotocol = "musher-sync.1";
inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kMaxGreetingBytes = 1'024;  ///< a message of one whose handshake is not done
inline constexpr std::size_t kMaxMessageBytes = 4U << 20U;
inline constexpr std::size_t kMaxBatchOps = 256;
inline constexpr std::size_t kMaxBatchBytes = 256U << 10U;  ///< one op may be larger; it goes alone
inline constexpr std::size_t kMaxTips = 32'768;             ///< in one message; more follow
inline constexpr std::size_t kMaxWants = 8'192;
inline constexpr std::size_t kMaxIds = 1'024;
inline constexpr std::size_t kMaxSamples = 72;  ///< 1, 2, 4 ... back through 2^63 ops, and the first
inline constexpr std::size_t kMaxBases = 64;

/// Both sides, the dialing one first: who I am and what I hold. Not proven yet.
struct Hello {
  std::uint8_t version_min = kVersion;
  std::uint8_t version_max = kVersion;
  DocumentId document;
  LogId log;
  AuthorId author;
  ExchangeKey exchange_key{};  ///< made for this connection
  bool bound = false;          ///< this end has TLS: the proofs are over its channel binding when both ends say so
};

/// Both sides, the dialing one first: that I have the key I named (handshake.hpp).
struct Proof {
  Signature signature;
};

/// Both sides: how far I got in your log; absent when I never read it, or do not know any more.
struct Position {
  std::optional<LogMark> heard{};
};

/// An answer to Position: your mark is one of my log's, and I go on from there.
struct Resume {};

/// My tips as of this row. Unasked as an answer to Position: your mark means nothing here. The last part ends it.
struct Tips {
  std::uint32_t round = 0;  ///< 1, 2, 3 ... of this connection and direction; what answers it names it
  LogMark upto;
  std::vector<Tip> tips;
  bool last = true;
};

/// Send me your Tips: my quarantine gave something up, or whom I trust has changed.
struct Reconcile {};

/// An answer to Tips: of these branches I lack what comes after the base. The last part ends it.
struct Want {
  struct Branch {
    OpId tip;                ///< one of your Tips
    std::vector<Tip> bases;  ///< ops of that author that I have, and that the branch may come from; none: from index 1
    bool operator==(const Branch&) const = default;
  };
  std::uint32_t round = 0;
  std::vector<Branch> branches;
  bool last = true;
};

/// An answer to a Want none of whose bases is on that branch: ops of the branch, from the tip back; which have you?
struct Samples {
  std::uint32_t round = 0;
  OpId tip;
  std::vector<Tip> ops;
};

/// One op as it travels. Nothing is checked but the layout.
struct Ops {
  std::uint64_t serial = 0;       ///< 1, 2, 3 ... of this connection and direction
  std::optional<LogMark> upto{};  ///< with these ops you have all of my log up to here
  std::vector<SignedOp> ops;
};

/// What came with this serial, and all before it, is durable here.
struct Ack {
  std::uint64_t serial = 0;
};

/// Send me these ops: others that you sent depend on them.
struct Ask {
  std::vector<OpId> ids;
};

/// An answer to Ask: these are not in my log. Those that are come as Ops.
struct Absent {
  std::vector<OpId> ids;
};

using Message = std::variant<Hello, Proof, Position, Resume, Tips, Reconcile, Want, Samples, Ops, Ack, Ask, Absent>;

[[nodiscard]] std::string encode(const Message& message);

/// One op as it stands in Ops.
[[nodiscard]] std::string encode_op(const SignedOp& op);
/// Ops from ops that are encoded already.
[[nodiscard]] std::string encode_ops(std::uint64_t serial, const std::optional<LogMark>& upto, std::size_t count,
                                     std::string_view encoded_ops);

/// The exact inverse: encode(*decode(b)) == b for every b it accepts. An error says what is wrong, for a log line.
[[nodiscard]] std::expected<Message, std::string> decode(std::string_view bytes);

/// "ops", for a log line.
[[nodiscard]] std::string_view name_of(const Message& message);

}  // namespace musher::sync
