#pragma once
// --crypto, which replay and verify-order have.

#include "cli/command_line.hpp"
#include "replica/checked_scan.hpp"

namespace musher {

inline void declare_crypto(Signatures& signatures, CommandLine& line) {
  line.choice(signatures, "--crypto",
              std::vector<std::pair<std::string, Signatures>>{{"musher", Signatures::check},
                                                              {"libsodium", Signatures::check_by_libsodium}},
              "WHO",
              "who checks signatures. musher: its own tables for authors of many ops, libsodium else (default). "
              "libsodium: that alone, and slower");
}

}  // namespace musher
