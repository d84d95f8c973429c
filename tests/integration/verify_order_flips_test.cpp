// One bit flipped anywhere in what a row holds, through SQL and in the file's own pages: found, each time.

#include <sqlite3.h>
#include <catch2/catch.hpp>

#include <fstream>
#include <iostream>
#include <memory>
#include <random>

#include "model/text.hpp"
#include "support/audited_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr int kFlipsThroughSql = 1'000;
constexpr int kFlipsInPages = 500;
constexpr std::uint64_t kSeed = 20260409;

constexpr std::array kColumns = {"op_id",  "author",  "idx",       "prev",  "kind",   "seq",
                                 "target", "parents", "name",      "actor", "digest", "content",
                                 "salt",   "time_ms", "signature", "depth", "source", "received_ms"};

std::string text_literal(const std::string& bytes) {
  return "CAST(x'" + to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}) + "' AS TEXT)";
}

std::string blob_literal(const std::string& bytes) {
  return "x'" + to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}) + "'";
}

/// An SQL literal of the value with one bit changed; empty when the value has no bits.
std::string flipped(const std::string& type, std::string value, std::mt19937_64& random) {
  if (type == "integer") {
    const auto number = static_cast<std::uint64_t>(std::stoll(value)) ^ (std::uint64_t{1} << (random() % 63));
    return std::to_string(static_cast<std::int64_t>(number));
  }
  if (type == "null" || value.empty()) return "";
  value[random() % value.size()] ^= static_cast<char>(1U << (random() % 8));
  return type == "text" ? text_literal(value) : blob_literal(value);
}

/// Every row of the log as SQL sees it; nothing when SQLite cannot read it.
std::optional<std::vector<std::string>> dump(const std::filesystem::path& file) {
  std::string row = "rowid";
  for (const char* column : kColumns) row += std::string(" || ',' || quote(") + column + ")";
  try {
    return RawDatabase(file).column("SELECT " + row + " FROM crdt_ops NOT INDEXED");
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

/// An error finding, or an error of its own: anything but silence.
bool is_found(const std::filesystem::path& file) {
  const auto log = SqliteOpLog::open(file, OpenMode::read);
  if (!log) return true;
  AuditRequest request;
  request.now_ms = kAuditNowMs;
  const auto report = verify_order(**log, request);
  return !report || report->verdict == AuditVerdict::findings;
}

}  // namespace

TEST_CASE("flips: 1,000 flipped bits in stored values are all found", "[audit]") {
  const AuditedLog log;
  RawDatabase raw(log.path());
  raw.drop_triggers();  // the check `file` is left out below, so that it is not what finds the flip
  const auto open = log.scratch().open(OpenMode::read);
  AuditRequest request;
  request.now_ms = kAuditNowMs;
  request.checks.reset(static_cast<std::size_t>(Check::file));
  std::mt19937_64 random(kSeed);
  std::cout << "seed " << kSeed << '\n';
  int missed = 0;
  for (int done = 0; done < kFlipsThroughSql;) {
    const std::string where = " WHERE rowid = " + std::to_string(random() % 46 + 1);
    const std::string column = kColumns[random() % kColumns.size()];
    const std::string type = raw.value("SELECT typeof(" + column + ") FROM crdt_ops" + where);
    const std::string before = raw.value("SELECT quote(" + column + ") FROM crdt_ops" + where);
    const std::string value = flipped(type, raw.value("SELECT " + column + " FROM crdt_ops" + where), random);
    if (value.empty() || !raw.refusal("UPDATE crdt_ops SET " + column + " = " + value + where).empty()) continue;
    const AuditReport report = must(verify_order(*open, request));
    if (report.verdict != AuditVerdict::findings) {
      ++missed;
      UNSCOPED_INFO("missed: " << column << " = " << value << where);
    }
    raw.exec("UPDATE crdt_ops SET " + column + " = " + (type == "text" ? "CAST(" + before + " AS TEXT)" : before) +
             where);
    ++done;
  }
  CHECK(missed == 0);
  CHECK(must(verify_order(*open, request)).verdict == AuditVerdict::ok);
}

TEST_CASE("flips: 500 flipped bits in the file's pages that change or hide a row are all found", "[audit]") {
  const AuditedLog log;
  std::vector<std::uint64_t> pages;
  {
    RawDatabase raw(log.path());
    raw.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    for (const std::string& page : raw.column("SELECT pageno FROM dbstat WHERE name = 'crdt_ops'"))
      pages.push_back(std::stoull(page));
  }
  const std::string whole = read_file(log.path());
  const TempFolder folder;
  const auto before = dump(log.path());
  REQUIRE(before);
  std::mt19937_64 random(kSeed);
  std::cout << "seed " << kSeed << '\n';
  int missed = 0;
  for (int done = 0, tried = 0; done < kFlipsInPages; ++tried) {
    REQUIRE(tried < 20 * kFlipsInPages);
    const std::uint64_t at = (pages[random() % pages.size()] - 1) * 4096 + random() % 4096;
    std::string bytes = whole;
    bytes[at] ^= static_cast<char>(1U << (random() % 8));
    const auto file = folder / (std::to_string(tried) + ".db");
    write_file(file, bytes);
    if (dump(file) == before) continue;  // unused space, or a byte that SQLite does not read
    ++done;
    if (is_found(file)) continue;
    ++missed;
    UNSCOPED_INFO("missed: byte " << at << ", try " << tried);
  }
  CHECK(missed == 0);
}
