// How many questions of ancestry it takes to judge a counter: few, however many authors count in one register.

#include <catch2/catch.hpp>

#include <random>

#include "audit/register_lines.hpp"

using namespace musher;

namespace {

constexpr EntryNumber kLines = 1'000;

}  // namespace

TEST_CASE("register lines: authors who saw each other cost no question", "[audit]") {
  RegisterLines lines;
  int asked = 0;
  for (EntryNumber op = 0; op < 5 * kLines; ++op) {
    const Seq seq{op + 1};
    const auto are_ancestors = [&](std::span<const EntryNumber> ops) {
      ++asked;
      return std::vector<bool>(ops.size(), true);
    };
    CHECK(lines.highest_from(seq, are_ancestors) == Seq{0});
    lines.note(op % kLines, op, seq);
  }
  CHECK(asked == 0);
}

TEST_CASE("register lines: all lines that counted further are asked about at once, where the op descends from none",
          "[audit]") {
  RegisterLines lines;
  for (EntryNumber line = 0; line < kLines; ++line) {
    for (EntryNumber step = 0; step < 10; ++step) lines.note(line, line * 10 + step, Seq{step + 1});
  }
  int asked = 0;
  const auto are_ancestors = [&](std::span<const EntryNumber> ops) {
    ++asked;
    CHECK(ops.size() == kLines);
    return std::vector<bool>(ops.size());
  };
  CHECK(lines.highest_from(Seq{5}, are_ancestors) == Seq{0});
  CHECK(asked == 1);
  asked = 0;
  CHECK(lines.highest_from(Seq{11}, are_ancestors) == Seq{0});
  CHECK(asked == 0);
}

TEST_CASE("register lines: the highest ancestor is the one that asking every op would find", "[audit]") {
  std::mt19937_64 random(20260409);
  for (int round = 0; round < 300; ++round) {
    RegisterLines lines;
    std::vector<std::vector<Seq>> seqs(1 + random() % 5);
    for (std::size_t line = 0; line < seqs.size(); ++line) {
      for (std::size_t step = 0; step < random() % 20; ++step) {
        seqs[line].push_back(Seq{1 + random() % 12});
        lines.note(static_cast<EntryNumber>(line), static_cast<EntryNumber>(line * 100 + step), seqs[line].back());
      }
    }
    std::vector<std::size_t> known;  // how many of each line's ops are ancestors
    Seq highest{0};
    for (const auto& line : seqs) {
      known.push_back(random() % (line.size() + 1));
      for (std::size_t step = 0; step < known.back(); ++step) highest = std::max(highest, line[step]);
    }
    const Seq seq{1 + random() % 12};
    const auto are_ancestors = [&](std::span<const EntryNumber> ops) {
      std::vector<bool> answers;
      for (const EntryNumber op : ops) answers.push_back(op % 100 < known[op / 100]);
      return answers;
    };
    CHECK(lines.highest_from(seq, are_ancestors) == (highest >= seq ? highest : Seq{0}));
  }
}
