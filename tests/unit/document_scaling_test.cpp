// What the document costs as logs grow: work in basic blocks run (the document's own code is compiled for this test to
// count them, tests/CMakeLists.txt; nothing here looks at a clock), memory in bytes of heap.

#include <malloc.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <new>
#include <random>
#include <utility>

#include "document/registers.hpp"
#include "support/blocks_run.hpp"
#include "support/history.hpp"

namespace {

std::size_t heap_bytes = 0;
std::size_t heap_peak = 0;
constexpr std::size_t kMallocHeader = 8;

void* counted(void* memory) {
  if (memory != nullptr) heap_bytes += malloc_usable_size(memory) + kMallocHeader;
  heap_peak = std::max(heap_peak, heap_bytes);
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  void* memory = counted(std::malloc(size));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) heap_bytes -= malloc_usable_size(memory) + kMallocHeader;
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
// All forms, so that none is left to a sanitizer's own.
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(std::malloc(size)); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(std::malloc(size)); }
void operator delete[](void* memory) noexcept { operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { operator delete(memory); }

namespace musher {
namespace {

using namespace testing;

/// One op at a time, so that what is measured is the document and not the history.
class Growing {
 public:
  explicit Growing(Trust trust = {}) : node_(std::move(trust)) {}

  struct Fields {
    std::uint64_t author = 1;
    OpId target{};
    std::vector<OpId> parents{};
    std::string name{};
    std::string content{};
  };
  OpId add(OpKind kind, Fields fields) {
    Entry entry{.id = id_of(++ops_), .op = {}};
    entry.op.kind = kind;
    entry.op.author = author_of(fields.author);
    if (fields.author >= tips_.size()) tips_.resize(fields.author + 1);
    entry.op.prev = std::exchange(tips_[fields.author], entry.id);
    entry.op.seq = Seq{ops_};
    entry.op.target = fields.target;
    entry.op.parents = std::move(fields.parents);
    entry.op.name = std::move(fields.name);
    if (!fields.content.empty()) entry.content = std::move(fields.content);
    node_.apply(entry);
    return entry.id;
  }
  OpId insert(std::string story, OpId after = {}, std::string content = "{}") {
    return add(OpKind::insert, {.target = after, .name = std::move(story), .content = std::move(content)});
  }
  void set(const OpId& item, std::string field, std::string value = "1") {
    add(OpKind::set, {.target = item, .name = std::move(field), .content = std::move(value)});
  }
  [[nodiscard]] std::uint64_t ops() const { return ops_; }
  [[nodiscard]] const Document& document() const { return node_.document(); }
  [[nodiscard]] Node& node() { return node_; }

 private:
  Node node_;
  std::uint64_t ops_ = 0;
  std::vector<OpId> tips_;
};

/// The blocks the document runs while `shape` adds about n ops, and while the result is read once.
std::uint64_t work(const std::function<void(Growing&, unsigned)>& shape, unsigned n) {
  Growing growing({.erasers = {author_of(2)}});
  blocks_run = 0;
  shape(growing, n);
  static_cast<void>(growing.document().state_digest());
  static_cast<void>(growing.document().stories());
  return blocks_run;
}

/// n log n at most: twice the ops, little more than twice the work.
void check_scales(const std::function<void(Growing&, unsigned)>& shape) {
  const std::uint64_t half = work(shape, 50'000);
  const std::uint64_t whole = work(shape, 100'000);
  INFO(static_cast<double>(whole) / 100'000 << " basic blocks an op");
  REQUIRE(half > 50'000);  // the counting is compiled in
  CHECK(static_cast<double>(whole) < 2.5 * static_cast<double>(half));
}

TEST_CASE("document scaling: 100,000 items after one origin", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    const OpId origin = log.insert("0");
    for (unsigned at = 0; at < n; ++at) log.insert(std::to_string(at), origin);
  });
}

TEST_CASE("document scaling: an item's story costs the same to read however many fields it has", "[document]") {
  Growing log;
  const OpId item = log.insert("478_x");
  for (unsigned at = 0; at < 10'000; ++at) log.set(item, std::to_string(at));
  blocks_run = 0;
  CHECK(log.document().story_of(item) == "478_x");
  CHECK(blocks_run > 0);
  CHECK(blocks_run < 1'000);
  CHECK_FALSE(log.document().story_of(OpId{}));
}

TEST_CASE("document scaling: newest-first inserts", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    for (unsigned at = 0; at < n; ++at) log.insert(std::to_string(at));
  });
}

TEST_CASE("document scaling: a chain of items 100,000 deep", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    OpId last;
    for (unsigned at = 0; at < n; ++at) last = log.insert("one story", last);
  });
}

TEST_CASE("document scaling: 100,000 sets of one field", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    const OpId item = log.insert("478");
    for (unsigned at = 0; at < n; ++at) log.set(item, "stage");
  });
}

TEST_CASE("document scaling: 100,000 fields of one item", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    const OpId item = log.insert("478");
    for (unsigned at = 0; at < n; ++at) log.set(item, std::to_string(at));
  });
}

TEST_CASE("document scaling: 100,000 tombstones", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    std::vector<OpId> items;
    for (unsigned at = 0; at < n / 2; ++at) items.push_back(log.insert("478"));
    for (const OpId& item : items) log.add(OpKind::tombstone, {.target = item});
    for (const OpId& item : items) log.add(OpKind::tombstone, {.target = item});
  });
}

TEST_CASE("document scaling: 100,000 purges of one story with as many items", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    std::vector<OpId> items;
    for (unsigned at = 0; at < n; ++at) items.push_back(log.insert("478"));
    for (const OpId& item : items) log.add(OpKind::tombstone, {.target = item, .name = "478"});
  });
}

TEST_CASE("document scaling: a story purged and brought back 50,000 times", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    for (unsigned at = 0; at < n / 2; ++at) {
      log.add(OpKind::tombstone, {.target = log.insert("478"), .name = "478"});
    }
  });
}

TEST_CASE("document scaling: 100,000 erases", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    std::vector<OpId> sets;
    const OpId item = log.insert("478");
    for (unsigned at = 0; at < n; ++at) {
      sets.push_back(log.add(OpKind::set, {.target = item, .name = std::to_string(at % 100), .content = "1"}));
    }
    for (const OpId& set : sets) log.add(OpKind::erase, {.author = 2, .target = set, .parents = {sets.back()}});
  });
}

TEST_CASE("document scaling: 100 authors who read each other, and a purged story they bring back", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    const OpId item = log.insert("478");
    OpId last = log.add(OpKind::tombstone, {.target = item, .name = "478"});
    for (unsigned at = 0; at < n; ++at) {
      last = log.add(OpKind::insert, {.author = 1 + at % 100, .parents = {last}, .name = at % 7 == 0 ? "478" : "503"});
    }
  });
}

TEST_CASE("document scaling: a story purged by thousands, and inserts that know them all and not each other",
          "[document]") {
  check_scales([](Growing& log, unsigned n) {
    const OpId item = log.insert("478");
    std::vector<OpId> purges;
    for (unsigned at = 0; at < n / 50; ++at) {
      purges.push_back(log.add(OpKind::tombstone, {.author = 10 + at, .target = item, .name = "478"}));
    }
    OpId all;
    for (std::size_t at = 0; at < purges.size(); at += 50) {
      const auto end = purges.begin() + static_cast<std::ptrdiff_t>(std::min(at + 50, purges.size()));
      all =
          log.add(OpKind::insert, {.parents = {purges.begin() + static_cast<std::ptrdiff_t>(at), end}, .name = "503"});
    }
    for (unsigned at = 0; at < 50; ++at) {
      log.add(OpKind::insert, {.author = 10 + n + at, .parents = {all}, .name = "478"});
    }
    REQUIRE(log.document().story("478").front().visible);
  });
}

/// As many purges as ops of two chains that join them, one by one, in some order and in the opposite one; and half as
/// many inserts, each of which joins the chains where together they know all purges but one.
void all_but_one(Growing& log, unsigned n, const std::function<std::uint64_t(bool up, unsigned at)>& author_of_link) {
  const unsigned each = n / 35;
  const OpId item = log.insert("478");
  std::vector<OpId> purges, up, down;
  for (unsigned at = 0; at < each; ++at) {
    purges.push_back(log.add(OpKind::tombstone, {.author = 10 + at, .target = item, .name = "478"}));
  }
  std::ranges::shuffle(purges, std::mt19937(20'260'409));
  const auto link = [&](std::vector<OpId>& chain, const OpId& purge, std::uint64_t author) {
    std::vector<OpId> parents{purge};
    if (!chain.empty()) parents.push_back(chain.back());
    chain.push_back(log.add(OpKind::insert, {.author = author, .parents = std::move(parents), .name = "503"}));
  };
  for (unsigned at = 0; at < each; ++at) link(up, purges[at], author_of_link(true, at));
  for (unsigned at = 0; at < each; ++at) link(down, purges[each - 1 - at], author_of_link(false, at));
  for (unsigned missed = 1; missed + 1 < each; missed += 2) {
    log.add(OpKind::insert,
            {.author = 10 + 3 * n + missed, .parents = {up[missed - 1], down[each - 2 - missed]}, .name = "478"});
  }
  REQUIRE(log.document().counts().stories == 1);
}

TEST_CASE("document scaling: each insert knows all of a story's purges but another one", "[document]") {
  SECTION("joined by two authors") {
    check_scales([](Growing& log, unsigned n) { all_but_one(log, n, [](bool up, unsigned) { return up ? 2 : 3; }); });
  }
  SECTION("each op on a branch of its own") {
    check_scales([](Growing& log, unsigned n) {
      all_but_one(log, n, [&](bool up, unsigned at) { return 10 + n + 2 * at + (up ? 1 : 0); });
    });
  }
}

/// Whether a table that hashes without a key would look for it in one sixteenth of its slots.
bool falls_close(std::uint64_t number) { return ((number ^ number >> 32) * 0x9e3779b97f4a7c15) >> 60 == 0; }

TEST_CASE("document scaling: fields in an order that somebody chose cost no more than others", "[document]") {
  const auto blocks_of = [](const std::function<bool(EntryNumber)>& chosen) {
    Registers registers;
    blocks_run = 0;
    EntryNumber field = 0;
    for (unsigned count = 0; count < 10'000; ++field) {
      if (!chosen(field)) continue;
      registers.at(field).has_value = true;
      ++count;
    }
    return blocks_run.load();
  };
  const std::uint64_t any = blocks_of([](EntryNumber) { return true; });
  REQUIRE(any > 10'000);
  CHECK(blocks_of(falls_close) < 2 * any);
}

TEST_CASE("document scaling: branches merged in an order that somebody chose cost no more than others", "[document]") {
  const auto blocks_of = [](const std::function<bool(std::uint64_t)>& chosen) {
    constexpr unsigned kRoots = 1'600, kMerges = 300, kParents = 64;
    CausalIndex index;
    Op op;
    for (unsigned root = 0; root < kRoots; ++root) index.add(id_of(root), op);
    blocks_run = 0;
    for (unsigned at = 0; at < kMerges; ++at) {
      const std::uint64_t branch = kRoots + at;
      op.parents.clear();
      for (unsigned root = 0; root < kRoots && op.parents.size() < kParents; ++root) {
        if (chosen(branch << 32 | root)) op.parents.push_back(id_of(root));
      }
      REQUIRE(op.parents.size() == kParents);
      REQUIRE(index.add(id_of(branch), op));
    }
    return blocks_run.load();
  };
  const std::uint64_t any = blocks_of([](std::uint64_t) { return true; });
  CHECK(blocks_of(falls_close) < 2 * any);
}

TEST_CASE("document scaling: 100,000 branches of one key", "[document]") {
  check_scales([](Growing& log, unsigned n) {
    const OpId root = log.insert("478");
    Op op;
    op.author = author_of(1);
    op.prev = root;
    for (unsigned at = 0; at < n; ++at) log.node().index().add(id_of(1'000'000 + at), op);
  });
}

/// The typical log: stories with 7 fields and 19 sets each, or more sets.
void typical_log(Growing& log, unsigned stories, unsigned sets) {
  static constexpr const char* kContent =
      R"({"agent":"coder-1","blocked":false,"depends_on":[],"name":"a story","priority":3,"retry_count":0,"stage":"1_backlog"})";
  static const std::array<std::string, 4> kFields{"stage", "agent", "retry_count", "blocked"};
  for (unsigned story = 0; story < stories; ++story) {
    const OpId item = log.insert(std::to_string(story) + "_story", {}, kContent);
    for (unsigned set = 0; set < sets; ++set) log.set(item, kFields[set % 4], R"("2_current")");
  }
}

double bytes_an_op(const std::function<void(Growing&)>& more) {
  Growing log;
  typical_log(log, 1000, 19);
  const std::size_t before = heap_bytes;
  const std::uint64_t ops_before = log.ops();
  more(log);
  return static_cast<double>(heap_bytes - before) / static_cast<double>(log.ops() - ops_before);
}

TEST_CASE("document memory: one author's op costs at most 32 bytes beside live state, at every size and at the peak",
          "[document]") {
  const std::size_t before = heap_bytes;
  Growing log;
  const OpId item = log.insert("478");
  log.set(item, "stage");
  const std::size_t live = heap_bytes - before;
  double worst = 0;
  for (unsigned at = 0; at < 200'000; ++at) {
    heap_peak = heap_bytes;
    log.set(item, "stage");
    const double bytes = static_cast<double>(heap_peak - before - live) / static_cast<double>(log.ops());
    if (log.ops() > 1000) worst = std::max(worst, bytes);
  }
  WARN(worst << " bytes an op at the worst size");
  CHECK(worst <= 32);
}

TEST_CASE("document memory: twice the sets of the same stories cost at most 32 bytes each", "[document]") {
  const auto bytes_of = [](unsigned sets) {
    const std::size_t before = heap_bytes;
    Growing log;
    typical_log(log, 2000, sets);
    return heap_bytes - before;
  };
  const double live = static_cast<double>(bytes_of(19));
  const double each = (static_cast<double>(bytes_of(95)) - live) / (2000 * (95 - 19));
  WARN(live / (2000 * 20) << " bytes an op with live state; " << each << " for each set more");
  CHECK(each <= 32);
}

TEST_CASE("document memory: authors who read each other's every op cost at most 32 bytes an op", "[document]") {
  for (const unsigned authors : {2U, 5U}) {
    const double bytes = bytes_an_op([&](Growing& log) {
      const OpId item = log.insert("478");
      OpId last = item;
      for (unsigned at = 0; at < 100'000; ++at) {
        last =
            log.add(OpKind::set,
                    {.author = 1 + at % authors, .target = item, .parents = {last}, .name = "stage", .content = "1"});
      }
    });
    WARN(authors << " authors in turn: " << bytes << " bytes an op");
    CHECK(bytes <= 32);
  }
}

TEST_CASE("document memory: behind a purge an op costs at most 4.5 bytes more, and a purge 64", "[document]") {
  const auto bytes_of = [](OpKind kind, bool purged) {
    const std::size_t before = heap_bytes;
    CausalIndex index;
    Op op;
    op.name = "478";
    op.kind = purged ? OpKind::tombstone : OpKind::set;
    REQUIRE(index.add(id_of(0), op));
    op.kind = kind;
    for (unsigned at = 1; at <= 200'000; ++at) {
      op.prev = id_of(at - 1);
      REQUIRE(index.add(id_of(at), op));
    }
    return static_cast<double>(heap_bytes - before) / 200'000;
  };
  const double plain = bytes_of(OpKind::set, false);
  const double behind = bytes_of(OpKind::set, true);
  const double purge = bytes_of(OpKind::tombstone, true);
  WARN(plain << " bytes an op, " << behind << " behind a purge, " << purge << " a purge");
  CHECK(behind <= plain + 4.5);
  CHECK(purge <= plain + 64);
}

TEST_CASE("document memory: 100,000 sets of one field leave the document as large as one", "[document]") {
  Growing log;
  const OpId item = log.insert("478");
  CausalIndex unused;
  Document document(unused);
  Op op;
  op.name = "478";
  REQUIRE(document.apply({item, op, "{}"}).has_value());
  op = {};
  op.kind = OpKind::set;
  op.target = item;
  op.name = "stage";
  std::size_t after_one = 0;
  for (unsigned at = 1; at <= 100'000; ++at) {
    op.seq = Seq{at};
    REQUIRE(document.apply({id_of(at), op, "\"a value longer than a small string\""}).has_value());
    if (at == 1) after_one = heap_bytes;
  }
  CHECK(heap_bytes == after_one);
}

TEST_CASE("document memory: a purge gives the values back", "[document]") {
  Growing log;
  std::vector<OpId> items;
  const std::string kilobyte = "{\"name\":\"" + std::string(1000, 'x') + "\"}";
  const std::size_t before = heap_bytes;
  for (unsigned at = 0; at < 1000; ++at) items.push_back(log.insert("478", {}, kilobyte));
  for (const OpId& item : items) log.set(item, "stage", kilobyte);
  CHECK(heap_bytes - before > 2'000'000);
  log.add(OpKind::tombstone, {.target = items.front(), .name = "478"});
  CHECK(heap_bytes - before < 600'000);
  for (const OpId& item : items) log.set(item, "stage", kilobyte);
  CHECK(heap_bytes - before < 600'000);
}

TEST_CASE("document memory: a large value gives way to a small one", "[document]") {
  Growing log;
  const OpId item = log.insert("478");
  log.set(item, "stage");
  const std::size_t before = heap_bytes;
  log.set(item, "stage", std::string(1'000'000, '1'));
  CHECK(heap_bytes - before > 1'000'000);
  log.set(item, "stage");
  CHECK(heap_bytes - before < 1000);
}

}  // namespace
}  // namespace musher
