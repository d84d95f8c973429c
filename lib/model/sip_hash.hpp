#pragma once
// SipHash-1-3: a keyed hash for tables whose keys strangers choose.

#include <cstdint>
#include <string_view>

namespace musher {

struct SipKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

/// One compression round a word, three at the end. Nobody who does not know the key can make texts of one hash.
/// @source Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; the variant of Rust's and Python's tables
[[nodiscard]] std::uint64_t sip_hash(const SipKey& key, std::string_view text);
/// The same of the eight bytes of a word, least significant first.
[[nodiscard]] std::uint64_t sip_hash(const SipKey& key, std::uint64_t word);

/// Random, one for each process: hashes never leave it, and nothing depends on their order.
[[nodiscard]] const SipKey& process_sip_key();

}  // namespace musher
