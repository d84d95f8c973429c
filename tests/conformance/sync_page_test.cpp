// docs/sync.md shows a handshake and a message in hex, and says where each field stands: these are the bytes this
// program reads and writes.
#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <regex>

#include "crypto/hashing.hpp"
#include "crypto/verify.hpp"
#include "model/text.hpp"
#include "sync/close_code.hpp"
#include "sync/handshake.hpp"
#include "sync/message.hpp"
#include "sync/outbound.hpp"
#include "sync/reconcile.hpp"

using namespace musher;
using namespace musher::sync;

namespace {

std::vector<std::string> page_lines() {
  std::ifstream in(MUSHER_SOURCE_DIR "/docs/sync.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The lines "    dialer hello: hex" with the lines that go on with only hex, as bytes.
std::map<std::string, std::string> examples() {
  static const std::regex kFirst("    ((?:dialer|listener) (?:seed|hello|digest|proof)|ops): +([0-9a-f]+)");
  static const std::regex kMore(" {15,}([0-9a-f]+)");
  std::map<std::string, std::string> found;
  std::string open;
  for (const std::string& line : page_lines()) {
    std::smatch match;
    if (std::regex_match(line, match, kFirst)) {
      open = match[1];
      found[open] = match[2];
    } else if (!open.empty() && std::regex_match(line, match, kMore)) {
      found[open] += match[1];
    } else {
      open.clear();
    }
  }
  for (auto& [name, hex] : found) {
    std::vector<std::uint8_t> bytes(hex.size() / 2);
    REQUIRE(from_hex(hex, bytes));
    hex.assign(bytes.begin(), bytes.end());
  }
  return found;
}

template <class Kind>
Kind read(const std::string& bytes) {
  const auto message = decode(bytes);
  REQUIRE(message);
  CHECK(encode(*message) == bytes);
  REQUIRE(std::holds_alternative<Kind>(*message));
  return std::get<Kind>(*message);
}

Digest digest_of(const std::string& bytes) {
  Digest digest;
  REQUIRE(bytes.size() == digest.bytes.size());
  std::ranges::copy(bytes, digest.bytes.begin());
  return digest;
}

struct Row {
  std::size_t offset = 0;
  std::size_t size = 0;
  std::string bytes;
};

/// The rows of the table of bytes that follows a line.
std::vector<Row> table_after(std::string_view line) {
  static const std::regex kRow("\\| ([0-9]+) \\| ([0-9]+) \\| `([0-9a-f]+)` \\| .*");
  std::vector<Row> rows;
  bool is_after = false;
  for (const std::string& each : page_lines()) {
    std::smatch match;
    if (each.starts_with(line)) is_after = true;
    if (is_after && std::regex_match(each, match, kRow)) {
      rows.push_back({std::stoul(match[1]), std::stoul(match[2]), match[3]});
    } else if (!rows.empty()) {
      break;
    }
  }
  return rows;
}

void check_table(std::string_view line, const std::string& message) {
  const std::string hex = to_hex(std::span(reinterpret_cast<const std::uint8_t*>(message.data()), message.size()));
  std::size_t next = 0;
  for (const Row& row : table_after(line)) {
    CAPTURE(row.offset, row.bytes);
    CHECK(row.offset == next);
    CHECK(row.bytes == hex.substr(2 * row.offset, 2 * row.size));
    next = row.offset + row.size;
  }
  CHECK(next == message.size());
}

/// "262,144", as the page writes numbers.
std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; text.insert(at, ",")) at -= 3;
  return text;
}

/// The size in "### proof, 65 bytes" or "### tips, 50 + 72 *n* bytes".
std::size_t size_on_page(const std::string& name) {
  const std::regex heading("### (?:[a-z]+[,;] )*" + name + "(?:, absent)?, ([0-9]+).*");
  for (const std::string& line : page_lines()) {
    std::smatch match;
    if (std::regex_match(line, match, heading)) return std::stoul(match[1]);
  }
  FAIL("no heading for " << name);
  return 0;
}

}  // namespace

TEST_CASE("sync.md: its handshake holds, both ways", "[conformance]") {
  auto page = examples();
  const auto dialer = read<Hello>(page["dialer hello"]);
  const auto listener = read<Hello>(page["listener hello"]);
  for (const auto& [name, hello] : {std::pair("dialer", dialer), std::pair("listener", listener)}) {
    std::array<std::uint8_t, 32> seed{};
    REQUIRE(page[std::string(name) + " seed"].size() == seed.size());
    std::ranges::copy(page[std::string(name) + " seed"], seed.begin());
    CHECK(Identity::from_seed(seed).author() == hello.author);
    const char role = name == std::string("dialer") ? '\1' : '\2';
    const Digest digest = handshake_digest(std::string(1, role) + page["dialer hello"] + page["listener hello"]);
    CHECK(digest == digest_of(page[std::string(name) + " digest"]));
    const auto proof = read<Proof>(page[std::string(name) + " proof"]);
    CHECK(statement_holds(hello.author, "musher sync 1", digest, proof.signature));
  }
  CHECK(dialer.exchange_key != listener.exchange_key);
}

TEST_CASE("sync.md: its ops message has a valid op", "[conformance]") {
  const auto ops = read<Ops>(examples()["ops"]);
  CHECK(ops.serial == 1);
  REQUIRE(ops.upto);
  CHECK(ops.upto->row == RowId{2});
  REQUIRE(ops.ops.size() == 1);
  const auto verified = Verifier(ops.ops.front().op.document).verify(ops.ops.front());
  REQUIRE(verified);
  CHECK(verified->op().name == "stage");
}

TEST_CASE("sync.md: each row of its tables of bytes is what the message has there", "[conformance]") {
  auto page = examples();
  check_table("The dialer's hello:", page["dialer hello"]);
  check_table("The op of docs/format.md", page["ops"]);
}

TEST_CASE("sync.md: the sizes of its headings are those of the code", "[conformance]") {
  CHECK(size_on_page("hello") == encode(Hello{}).size());
  CHECK(size_on_page("proof") == encode(Proof{}).size());
  CHECK(size_on_page("position") == encode(Position{}).size());
  CHECK(size_on_page("resume") == encode(Resume{}).size());
  CHECK(size_on_page("tips") == encode(Tips{}).size());
  CHECK(size_on_page("want") == encode(Want{}).size());
  CHECK(size_on_page("samples") == encode(Samples{}).size());
  CHECK(size_on_page("ops") == encode(Ops{}).size());
  CHECK(size_on_page("ack") == encode(Ack{}).size());
  CHECK(size_on_page("ask") == encode(Ask{}).size());
}

TEST_CASE("sync.md: its table of close codes is that of the code", "[conformance]") {
  static const std::regex kRow("\\| ([0-9]{4}) \\| ([a-z-]+) \\| .*");
  std::size_t rows = 0;
  for (const std::string& line : page_lines()) {
    std::smatch match;
    if (!std::regex_match(line, match, kRow)) continue;
    CHECK(to_string(static_cast<CloseCode>(std::stoul(match[1]))) == match[2].str());
    ++rows;
  }
  std::size_t codes = 0;
  for (unsigned code = 1'000; code < 5'000; ++code) {
    if (!to_string(static_cast<CloseCode>(code)).empty()) ++codes;
  }
  CHECK(rows == codes);
}

TEST_CASE("sync.md: its limits are those of the code", "[conformance]") {
  const Limits limits;
  const QuarantineLimits quarantine;
  const auto mib = [](std::uint64_t bytes) { return with_commas(bytes >> 20U) + " MiB"; };
  const auto seconds = [](std::chrono::milliseconds time) {
    return std::to_string(time / std::chrono::seconds(1)) + " s";
  };
  const std::map<std::string, std::string> begins = {
      {"a message", mib(kMaxMessageBytes) + "; " + with_commas(kMaxGreetingBytes) + " bytes until both have proven"},
      {"ops in a message",
       with_commas(kMaxBatchOps) + "; a sender stops at " + with_commas(kMaxBatchBytes >> 10U) + " KiB of them"},
      {"ops, bytes under way", with_commas(limits.window_ops) + "; " + mib(limits.window_bytes)},
      {"tips of one round", with_commas(kMostTips) + ";"},
      {"ids that are asked for", with_commas(kMaxIds) + " at a time"},
      {"tips, samples and ops given to a connection and not sent", mib(kQueuedBytes) + ";"},
      {"quarantine", with_commas(quarantine.ops) + " ops and " + mib(quarantine.bytes) + " of canonical bytes"},
      {"connections", with_commas(limits.peers) + ", of them " + with_commas(limits.unproven) + " that others began"},
      {"time", "handshake " + seconds(limits.handshake) + "; position " + seconds(limits.stall) + " more; " +
                   seconds(limits.stall) + " without an acknowledgement"}};
  static const std::regex kRow("\\| ([^|]+) \\| ([^|]+) \\|");
  std::size_t found = 0;
  bool is_there = false;
  for (const std::string& line : page_lines()) {
    if (line.starts_with("## ")) is_there = line == "## 10. Limits";
    std::smatch match;
    if (!is_there || !std::regex_match(line, match, kRow)) continue;
    const auto row = begins.find(match[1]);
    if (row == begins.end()) continue;
    CAPTURE(line);
    CHECK(match[2].str().starts_with(row->second));
    ++found;
  }
  CHECK(found == begins.size());
}
