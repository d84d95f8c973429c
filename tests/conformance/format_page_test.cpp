// docs/format.md shows one op in hex: these are the bytes this program reads and writes.
#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <regex>

#include "crypto/hashing.hpp"
#include "crypto/verify.hpp"
#include "model/canonical_bytes.hpp"
#include "model/text.hpp"

using namespace musher;

namespace {

std::vector<std::string> page_lines() {
  std::ifstream in(MUSHER_SOURCE_DIR "/docs/format.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The lines "    canonical: hex", "    op id: hex" ... with the lines that go on with only hex.
std::map<std::string, std::string> example() {
  static const std::regex kFirst("    (canonical|op id|signature|salt|content): +(\\S+)");
  static const std::regex kMore(" {15,}([0-9a-f]+)");
  std::map<std::string, std::string> fields;
  std::string open;
  for (const std::string& line : page_lines()) {
    std::smatch match;
    if (std::regex_match(line, match, kFirst)) {
      open = match[1];
      fields[open] = match[2];
    } else if (!open.empty() && std::regex_match(line, match, kMore)) {
      fields[open] += match[1];
    } else {
      open.clear();
    }
  }
  return fields;
}

template <std::size_t N>
void read(const std::string& hex, std::array<std::uint8_t, N>& bytes) {
  REQUIRE(from_hex(hex, bytes));
}

SignedOp example_op() {
  auto fields = example();
  std::vector<std::uint8_t> canonical(fields["canonical"].size() / 2);
  REQUIRE(from_hex(fields["canonical"], canonical));
  const auto op = parse_canonical_bytes(canonical);
  REQUIRE(op);
  CHECK(canonical_bytes(*op) == canonical);
  SignedOp claim{*op, {}, fields["content"], {}};
  read(fields["signature"], claim.signature.bytes);
  read(fields["salt"], claim.salt.bytes);
  return claim;
}

}  // namespace

TEST_CASE("format.md: its op is valid and has the id it says", "[conformance]") {
  const SignedOp claim = example_op();
  const auto verified = Verifier(claim.op.document).verify(claim);
  REQUIRE(verified);
  CHECK(to_hex(verified->id().hash) == example()["op id"]);
  CHECK(claim.op.kind == OpKind::set);
  CHECK(claim.op.index == OpIndex{2});
  CHECK(claim.op.seq == Seq{1});
  CHECK(claim.op.time_ms == 1'790'000'000'000);
  CHECK(claim.op.name == "stage");
  CHECK(claim.op.actor == "alice");
  CHECK(claim.op.parents.size() == 1);
}

TEST_CASE("format.md: each row of its table is what the op has there, and the rows are the whole op", "[conformance]") {
  static const std::regex kRow("\\| ([0-9]+) \\| ([0-9]+) \\| `([0-9a-f]+)` \\| .*");
  const std::string canonical = example()["canonical"];
  std::size_t next_offset = 0;
  for (const std::string& line : page_lines()) {
    std::smatch match;
    if (!std::regex_match(line, match, kRow)) continue;
    const std::size_t offset = std::stoul(match[1]);
    const std::size_t size = std::stoul(match[2]);
    CAPTURE(line);
    CHECK(offset == next_offset);
    CHECK(canonical.substr(2 * offset, 2 * size) == match[3].str());
    next_offset = offset + size;
  }
  CHECK(2 * next_offset == canonical.size());
}

TEST_CASE("format.md: the table of the layout has the offsets and sizes of the code", "[conformance]") {
  static const std::regex kRow("\\| ([0-9]+) \\| ([0-9]+) \\| [a-z].*");
  std::size_t next_offset = 0;
  for (const std::string& line : page_lines()) {
    if (line.starts_with("## 2.")) break;
    std::smatch match;
    if (!std::regex_match(line, match, kRow)) continue;
    if (std::stoul(match[1]) == kFixedOpBytes) continue;  // the parents, each of 32 bytes
    CAPTURE(line);
    CHECK(std::stoul(match[1]) == next_offset);
    next_offset += std::stoul(match[2]);
  }
  CHECK(next_offset == kFixedOpBytes);
}
