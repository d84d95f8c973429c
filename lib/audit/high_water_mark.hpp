#pragma once
// What a run of verify-order notes of a log it found good, outside the log: so that a cut tail or an old copy shows.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oplog/rows.hpp"

namespace musher {

struct HighWaterMark {
  static constexpr std::size_t kMaxSamples = 64;

  LogId log;
  DocumentId document;
  std::int64_t made_ms = 0;
  std::uint64_t runs = 0;  ///< complete runs without an error, this one included
  std::uint64_t ops = 0;
  RowId row{};   ///< the last one
  OpId last_op;  ///< the op in it
  Digest chain;  ///< docs/format.md, "Chain digest", of that row
  std::uint64_t trust_changes = 0;
  Digest trust;  ///< of those first changes of the trust log
  std::vector<Head> heads;
  std::vector<Tip> tips;
  struct Sample {
    RowId row{};
    Digest chain;
    bool operator==(const Sample&) const = default;
  };
  std::vector<Sample> samples;  ///< some rows' chain digests, evenly spread: where a difference begins

  bool operator==(const HighWaterMark&) const = default;
};

/// How far apart the samples of a log of this many rows are: a power of two.
[[nodiscard]] std::int64_t sample_distance(RowId last);

/// Of the first `count` changes. Precondition: there are as many.
[[nodiscard]] Digest trust_digest(const std::vector<TrustChange>& changes, std::uint64_t count);

/// Lines of a word and its values, for people too; ends with "key" and "signature" added by whoever signs.
[[nodiscard]] std::string to_text(const HighWaterMark& mark);
/// The exact inverse; nothing for any other text.
[[nodiscard]] std::optional<HighWaterMark> parse_high_water_mark(std::string_view text);

}  // namespace musher
