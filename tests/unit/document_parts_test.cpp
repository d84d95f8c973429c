#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "document/interner.hpp"
#include "document/registers.hpp"
#include "document/slot_table.hpp"
#include "document/steps.hpp"
#include "model/sip_hash.hpp"
#include "support/property.hpp"

namespace musher {
namespace {

using testing::holds;

TEST_CASE("slot table: finds each of 100,000 entries and nothing else", "[document]") {
  SlotTable table;
  const auto hash_of = [](EntryNumber number) { return std::uint64_t{number} * 7; };
  for (EntryNumber number = 0; number < 100'000; ++number) REQUIRE(table.add(hash_of(number), hash_of) == number);
  for (EntryNumber number = 0; number < 100'000; ++number) {
    REQUIRE(table.find(hash_of(number), [&](EntryNumber found) { return found == number; }) == number);
    REQUIRE(table.find(hash_of(number) + 1, [&](EntryNumber found) { return hash_of(found) == hash_of(number) + 1; }) ==
            kNoEntry);
  }
}

TEST_CASE("slot table: entries with one hash are told apart by their owner", "[document]") {
  SlotTable table;
  const auto hash_of = [](EntryNumber) { return std::uint64_t{42}; };
  for (EntryNumber number = 0; number < 500; ++number) table.add(42, hash_of);
  for (EntryNumber number = 0; number < 500; ++number) {
    CHECK(table.find(42, [&](EntryNumber found) { return found == number; }) == number);
  }
  CHECK(table.find(42, [](EntryNumber) { return false; }) == kNoEntry);
}

TEST_CASE("slot table: an empty one finds nothing", "[document]") {
  CHECK(SlotTable().find(0, [](EntryNumber) { return true; }) == kNoEntry);
}

TEST_CASE("interner: a value has one number, and the number gives it back", "[document]") {
  CHECK(holds("numbers are dense and stable", [](const std::vector<std::string>& texts) {
    TextInterner interner;
    std::map<std::string, EntryNumber> numbers;
    for (const std::string& text : texts) {
      RC_ASSERT(interner.find(text) == (numbers.contains(text) ? numbers[text] : kNoEntry));
      const EntryNumber number = interner.number_of(text);
      const bool fresh = numbers.emplace(text, number).second;
      RC_ASSERT(number == (fresh ? interner.size() - 1 : numbers[text]));
      RC_ASSERT(interner[number] == text);
    }
  }));
}

TEST_CASE("sip hash: is what CPython 3.11 makes of the same bytes, whose hash of text it is", "[document]") {
  // PYTHONHASHSEED=0, 1 and 12345: zeros, and what its linear congruential generator makes of the others.
  const std::string texts[] = {"a", "1234567", "12345678", "478_story_sync", std::string(128, 'x')};
  struct Vector {
    SipKey key;
    std::uint64_t hashes[5];
  };
  const Vector vectors[] = {
      {{0, 0}, {0x407448d2b89b1813, 0xa33d651594fdae81, 0x3489982430560a87, 0xa9580392c1b13b91, 0x5dd32fcd7853c7aa}},
      {{0xaed66ce184be2329, 0xebe9bbf1f1499052},
       {0xd6300bc9f7cc0e73, 0x84a31031575efe31, 0x06f07c60efe2bad9, 0x2e49e61ef3d86d0b, 0xb6dc37973b408a67}},
      {{0x25556dc46dc3dca0, 0xfc3ee4dbd06f6c90},
       {0x83a33d688c5cf68f, 0xfda467e8153083e1, 0x158d1acebf100fd3, 0xb661af329800a93f, 0xa94aa661560aacef}}};
  for (const Vector& vector : vectors) {
    for (std::size_t i = 0; i < std::size(texts); ++i) CHECK(sip_hash(vector.key, texts[i]) == vector.hashes[i]);
  }
}

TEST_CASE("interner: names are hashed with a key of this process, so that nobody can choose names of one hash",
          "[document]") {
  CHECK(intern_hash("478_story_sync") == sip_hash(process_sip_key(), "478_story_sync"));
  CHECK(process_sip_key().low != 0);
  CHECK(process_sip_key().high != process_sip_key().low);
}

TEST_CASE("steps: at any number the last step at or before it holds", "[document]") {
  CHECK(holds("agrees with a std::map", [](const std::vector<std::pair<std::uint32_t, std::uint32_t>>& gaps) {
    Steps steps;
    std::map<std::uint32_t, std::uint32_t> model;
    std::uint32_t from = 0;
    std::uint32_t value = 0;
    for (int round = 0; round < 3; ++round) {  // over several marks
      for (const auto& [from_gap, value_gap] : gaps) {
        from += 1 + from_gap % (round == 1 ? 100'000 : 3);
        value += 1 + value_gap % (round == 2 ? 100'000 : 3);
        steps.add(from, value);
        model[from] = value;
        RC_ASSERT(steps.last_value() == value);
      }
    }
    for (const auto& [known, expected] : model) {
      for (const std::uint32_t number : {known - 1, known, known + 1}) {
        const auto after = model.upper_bound(number);
        RC_ASSERT(steps.at(number) == (after == model.begin() ? Steps::kNothing : std::prev(after)->second));
      }
    }
  }));
}

TEST_CASE("steps: without steps nothing is known", "[document]") { CHECK(Steps().at(7) == Steps::kNothing); }

TEST_CASE("registers: few or many, a field has one register that keeps its place", "[document]") {
  Registers registers;
  for (EntryNumber field = 0; field < 1000; ++field) {
    CHECK(registers.find(field * 3) == nullptr);
    registers.at(field * 3).seq = Seq{field};
    CHECK(registers.find(field * 3 + 1) == nullptr);
    for (EntryNumber earlier = 0; earlier <= field; earlier += 1 + field / 7) {
      REQUIRE(registers.at(earlier * 3).seq == Seq{earlier});
      REQUIRE(registers.all()[earlier].field == earlier * 3);
    }
  }
  CHECK(registers.all().size() == 1000);
}

}  // namespace
}  // namespace musher
