// How many branches are looked at to judge a counter: those that the op knows, however many count in the register.

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "audit/register_lines.hpp"
#include "support/history.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr std::uint64_t kBranches = 1'000;

/// An index with the lines of one register.
class Register {
 public:
  /// An op that follows prev, if that is not none, and knows the parents.
  CausalIndex::Place add(const OpId& prev, std::vector<OpId> parents) {
    Op op;
    op.prev = prev;
    op.parents = std::move(parents);
    last_ = id_of(index_.size());
    REQUIRE(index_.add(last_, op));
    return index_.place_of(last_);
  }
  void note(CausalIndex::Place op, Seq seq) { lines_.note(op, seq); }
  Seq highest_from(Seq seq, CausalIndex::Place op) {
    const auto highest = lines_.highest_from(seq, op, index_, [&] {
      ++looked_at_;
      return true;
    });
    REQUIRE(highest);
    return *highest;
  }

  [[nodiscard]] const OpId& last() const { return last_; }
  [[nodiscard]] const CausalIndex& index() const { return index_; }
  [[nodiscard]] const RegisterLines& lines() const { return lines_; }
  [[nodiscard]] std::uint64_t looked_at() const { return looked_at_; }

 private:
  CausalIndex index_;
  RegisterLines lines_;
  OpId last_;
  std::uint64_t looked_at_ = 0;
};

}  // namespace

TEST_CASE("register lines: authors who saw each other cost no look", "[audit]") {
  Register reg;
  std::vector<OpId> tips(kBranches);
  for (std::uint64_t n = 0; n < 5 * kBranches; ++n) {
    OpId& tip = tips[n % kBranches];
    const CausalIndex::Place op = reg.add(tip, n == 0 ? std::vector<OpId>{} : std::vector{reg.last()});
    tip = reg.last();
    CHECK(reg.highest_from(Seq{n + 1}, op) == Seq{0});
    reg.note(op, Seq{n + 1});
  }
  CHECK(reg.looked_at() == 0);
}

TEST_CASE("register lines: of branches that counted as far only those the op knows are looked at", "[audit]") {
  Register reg;
  reg.add({}, {});
  const OpId item = reg.last();
  for (std::uint64_t n = 0; n < kBranches; ++n) {
    const CausalIndex::Place op = reg.add(item, {});
    CHECK(reg.highest_from(Seq{1}, op) == Seq{0});
    reg.note(op, Seq{1});
  }
  CHECK(reg.looked_at() <= 2 * kBranches);
}

TEST_CASE("register lines: an op that knows many branches looks at each once, and at none from before anybody counted",
          "[audit]") {
  Register reg;
  std::vector<OpId> parents;
  const auto add_branches = [&] {
    for (std::uint64_t n = 0; n < kBranches; ++n) {
      reg.add({}, {});
      parents.push_back(reg.last());
    }
  };
  add_branches();
  const CausalIndex::Place unknown = reg.add({}, {});
  reg.note(unknown, Seq{1});
  add_branches();
  const CausalIndex::Place op = reg.add({}, parents);
  CHECK(reg.highest_from(Seq{1}, op) == Seq{0});
  CHECK(reg.looked_at() == kBranches + 1);
}

TEST_CASE("register lines: what was told to stop has no answer", "[audit]") {
  Register reg;
  reg.note(reg.add({}, {}), Seq{1});
  const CausalIndex::Place op = reg.add(reg.last(), {});
  CHECK_FALSE(reg.lines().highest_from(Seq{1}, op, reg.index(), [] { return false; }));
  CHECK(reg.highest_from(Seq{1}, op) == Seq{1});
  CHECK(reg.looked_at() == 1);
}

TEST_CASE("register lines: the highest ancestor is the one that asking every op would find", "[audit]") {
  std::mt19937 random(20260409);
  int found = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<Gene> genes(random() % 60);
    for (Gene& gene : genes) std::ranges::generate(gene, [&] { return static_cast<std::uint16_t>(random()); });
    const History history = random_history(genes);
    const Ancestors ancestors = ancestors_of(history);
    CausalIndex index;
    RegisterLines lines;
    std::vector<Seq> seqs;  // 0: does not count in this register
    for (std::size_t op = 0; op < history.size(); ++op) {
      REQUIRE(index.add(history[op].id, history[op].op));
      const CausalIndex::Place place = index.place_of(history[op].id);
      Seq highest{0};
      for (std::size_t of = 0; of < op; ++of) {
        if (ancestors[op][of]) highest = std::max(highest, seqs[of]);
      }
      const Seq seq{1 + random() % 12};
      const Seq expected = highest >= seq ? highest : Seq{0};
      CHECK(lines.highest_from(seq, place, index, [] { return true; }) == expected);
      found += expected == Seq{0} ? 0 : 1;
      seqs.push_back(random() % 3 == 0 ? Seq{0} : seq);
      if (seqs.back() != Seq{0}) lines.note(place, seq);
    }
  }
  CHECK(found > 1'000);
}
