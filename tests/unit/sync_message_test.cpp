// The messages of the sync protocol: each comes back as it went, and whatever else comes is refused or is exactly what
// it says.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "model/canonical_bytes.hpp"
#include "support/property.hpp"
#include "support/signed_ops.hpp"
#include "sync/message.hpp"

namespace musher::sync {
namespace {

using testing::random_claim;

template <class Bytes>
void fill(Bytes& bytes, std::mt19937_64& random) {
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
}

Tip random_tip(std::mt19937_64& random) {
  Tip tip;
  fill(tip.author.key, random);
  fill(tip.id.hash, random);
  tip.index = OpIndex{random() >> (1 + random() % 60)};
  return tip;
}

std::vector<Tip> random_tips(std::mt19937_64& random, std::size_t most) {
  std::vector<Tip> tips(random() % (most + 1));
  for (Tip& tip : tips) tip = random_tip(random);
  return tips;
}

std::vector<OpId> random_ids(std::mt19937_64& random, std::size_t most) {
  std::vector<OpId> ids(random() % (most + 1));
  for (OpId& id : ids) fill(id.hash, random);
  return ids;
}

LogMark random_mark(std::mt19937_64& random) {
  LogMark mark;
  mark.row = RowId{static_cast<std::int64_t>(random() >> 1U)};
  fill(mark.chain.bytes, random);
  return mark;
}

std::optional<LogMark> maybe_mark(std::mt19937_64& random) {
  return random() % 2 == 0 ? std::nullopt : std::optional(random_mark(random));
}

constexpr std::size_t kTypes = std::variant_size_v<Message>;

Message random_message(std::size_t type, std::mt19937_64& random) {
  const auto round = static_cast<std::uint32_t>(random());
  const bool last = random() % 2 == 0;
  switch (type) {
    case 0: {
      Hello hello{.version_min = static_cast<std::uint8_t>(random()),
                  .version_max = static_cast<std::uint8_t>(random()),
                  .document = {},
                  .log = {},
                  .author = {}};
      fill(hello.document.bytes, random);
      fill(hello.log.bytes, random);
      fill(hello.author.key, random);
      fill(hello.exchange_key, random);
      hello.bound = last;
      return hello;
    }
    case 1: {
      Proof proof;
      fill(proof.signature.bytes, random);
      return proof;
    }
    case 2: return Position{maybe_mark(random)};
    case 3: return Resume{};
    case 4: return Tips{round, random_mark(random), random_tips(random, 5), last};
    case 5: return Reconcile{};
    case 6: {
      Want want{.round = round, .branches = {}, .last = last};
      for (std::uint64_t i = random() % 4; i > 0; --i) {
        Want::Branch branch{{}, random_tips(random, kMaxBases)};
        fill(branch.tip.hash, random);
        want.branches.push_back(std::move(branch));
      }
      return want;
    }
    case 7: {
      Samples samples{round, {}, random_tips(random, kMaxSamples)};
      fill(samples.tip.hash, random);
      return samples;
    }
    case 8: {
      Ops ops{random(), maybe_mark(random), {}};
      for (std::uint64_t i = random() % 4; i > 0; --i) ops.ops.push_back(random_claim(random));
      return ops;
    }
    case 9: return Ack{random()};
    case 10: return Ask{random_ids(random, 6)};
    default: return Absent{random_ids(random, 6)};
  }
}

TEST_CASE("sync messages: each kind comes back as it went", "[sync]") {
  CHECK(testing::holds("decode(encode(m)) encodes to the same bytes, under the same name", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (std::size_t type = 0; type < kTypes; ++type) {
      const Message message = random_message(type, random);
      const std::string bytes = encode(message);
      const auto back = decode(bytes);
      RC_ASSERT(back.has_value());
      RC_ASSERT(back->index() == type);
      RC_ASSERT(name_of(*back) == name_of(message));
      RC_ASSERT(encode(*back) == bytes);
    }
  }));
}

TEST_CASE("sync messages: what they say comes back", "[sync]") {
  std::mt19937_64 random(1);
  const auto tip = random_tip(random);
  const auto mark = random_mark(random);
  const Want::Branch branch{tip.id, {tip, random_tip(random)}};
  const auto back = [](const Message& message) { return *decode(encode(message)); };
  CHECK(std::get<Tips>(back(Tips{7, mark, {tip}, false})).tips == std::vector{tip});
  CHECK(std::get<Tips>(back(Tips{7, mark, {tip}, false})).upto == mark);
  CHECK(std::get<Tips>(back(Tips{7, mark, {tip}, false})).round == 7);
  CHECK_FALSE(std::get<Tips>(back(Tips{7, mark, {tip}, false})).last);
  CHECK(std::get<Want>(back(Want{3, {branch}, true})).branches == std::vector{branch});
  CHECK(std::get<Samples>(back(Samples{3, tip.id, {tip}})).ops == std::vector{tip});
  CHECK(std::get<Position>(back(Position{mark})).heard == mark);
  CHECK_FALSE(std::get<Position>(back(Position{})).heard);
  CHECK(std::get<Ack>(back(Ack{UINT64_MAX})).serial == UINT64_MAX);
  CHECK(std::get<Ask>(back(Ask{{tip.id}})).ids == std::vector{tip.id});
  const SignedOp claim = random_claim(random);
  const auto ops = std::get<Ops>(back(Ops{5, mark, {claim, claim}}));
  CHECK(ops.ops == std::vector{claim, claim});
  CHECK(ops.serial == 5);
  CHECK(ops.upto == mark);
  CHECK(encode_ops(5, mark, 1, encode_op(claim)) == encode(Ops{5, mark, {claim}}));
}

TEST_CASE("sync messages: every truncation is refused, and so is anything behind the end", "[sync]") {
  std::mt19937_64 random(2);
  for (std::size_t type = 0; type < kTypes; ++type) {
    const std::string bytes = encode(random_message(type, random));
    INFO(name_of(*decode(bytes)));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      if (decode(std::string_view(bytes).substr(0, size))) FAIL("the first " << size << " bytes of it are taken");
    }
    CHECK_FALSE(decode(bytes + '\0'));
  }
}

TEST_CASE("sync messages: a mutated message is refused, or is what its bytes say", "[sync]") {
  std::mt19937_64 random(3);
  std::size_t taken = 0;
  for (int i = 0; i < 5'000; ++i) {
    std::string bytes = encode(random_message(random() % kTypes, random));
    for (std::uint64_t times = 1 + random() % 3; times > 0; --times) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0: bytes[at] ^= static_cast<char>(1U << (random() % 8)); break;
        case 1: bytes[at] = static_cast<char>(random()); break;
        case 2: bytes.insert(at, 1 + random() % 8, static_cast<char>(random())); break;
        default: bytes.erase(at, 1 + random() % 8); break;
      }
      if (bytes.empty()) break;
    }
    const auto message = decode(bytes);
    if (message) ++taken;
    if (message && encode(*message) != bytes) FAIL("mutation " << i << " is taken for something else");
    if (!message) CHECK_FALSE(message.error().empty());
  }
  CHECK(taken > 100);  // of ids, keys and marks every bit is as good as another
  CHECK(taken < 4'900);
}

TEST_CASE("sync messages: counts and sizes are bounded before anything is made of them", "[sync]") {
  const auto count = [](std::string bytes, std::size_t at, std::uint32_t given) {
    for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(given >> (8 * i));
    const auto message = decode(bytes);
    return message ? std::string("taken") : message.error();
  };
  const auto contains = [](const std::string& words) { return Catch::Matchers::Contains(words); };
  const std::string tips = encode(Tips{1, {}, {}, true});
  CHECK_THAT(count(tips, tips.size() - 4, 32'769), contains("32769 of them, and 32768 are the most"));
  CHECK_THAT(count(tips, tips.size() - 4, 1), contains("the message ends early"));
  const std::string want = encode(Want{1, {}, true});
  CHECK_THAT(count(want, want.size() - 4, 8'193), contains("8193 of them, and 8192 are the most"));
  const std::string ask = encode(Ask{});
  CHECK_THAT(count(ask, 1, 1'025), contains("1025 of them, and 1024 are the most"));
  const std::string ops = encode(Ops{});
  CHECK_THAT(count(ops, ops.size() - 4, 257), contains("257 of them, and 256 are the most"));
  CHECK(decode("").error() == "an empty message");
  CHECK(decode(std::string(kMaxMessageBytes + 1, '\x0a')).error() == "a message of over 4 MiB");
  CHECK(decode("\x0d").error() == "there is no message of type 13");
  CHECK(decode(std::string(1, '\0')).error() == "there is no message of type 0");
}

TEST_CASE("sync messages: rows and indexes are at most 2^63-1, flags are 0 or 1, a greeting is musher's", "[sync]") {
  std::string position = encode(Position{LogMark{RowId{1}, {}}});
  position[9] = static_cast<char>(0x80);
  CHECK_THAT(decode(position).error(), Catch::Matchers::Contains("past 2^63-1"));
  std::string flag = encode(Position{});
  flag[1] = 2;
  CHECK_THAT(decode(flag).error(), Catch::Matchers::Contains("neither 0 nor 1"));
  std::string hello = encode(Hello{.document = {}, .log = {}, .author = {}});
  hello[1] = 'M';
  CHECK_THAT(decode(hello).error(), Catch::Matchers::Contains("not musher's"));
}

TEST_CASE("sync messages: an op that is not canonical says which rule it breaks", "[sync]") {
  std::mt19937_64 random(4);
  std::string bytes = encode(Ops{1, std::nullopt, {random_claim(random)}});
  bytes[1 + 8 + 1 + 4 + 4] = 9;  // the format version, first of the op's canonical bytes
  CHECK_THAT(decode(bytes).error(), Catch::Matchers::Contains("an op: unknown_version"));
}

}  // namespace
}  // namespace musher::sync
