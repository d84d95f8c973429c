// Tags of messages: what is changed, left out, said again, put elsewhere or sent back is not taken.
#include "sync/seal.hpp"

#include <catch2/catch.hpp>

namespace musher::sync {
namespace {

MessageKey key_of(std::uint8_t number) {
  MessageKey key;
  key.fill(number);
  return key;
}

struct Ends {
  Seal left{key_of(1), key_of(2)}, right{key_of(2), key_of(1)};
};

TEST_CASE("sync seal: each end takes what the other one said, in order", "[sync]") {
  Ends ends;
  for (const char* message : {"a", "a", "", "something longer"}) {
    const std::string sealed = ends.left.close(message);
    CHECK(sealed.size() == std::string_view(message).size() + Seal::kTagBytes);
    CHECK(ends.right.open(sealed) == message);
    CHECK(ends.left.open(ends.right.close(message)) == message);
  }
}

TEST_CASE("sync seal: whatever is done to a message on its way shows", "[sync]") {
  Ends ends;
  const std::string first = ends.left.close("first"), second = ends.left.close("second");
  SECTION("a bit of it is changed") {
    for (std::size_t bit = 0; bit < first.size() * 8; ++bit) {
      Ends fresh;
      std::string changed = first;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      CHECK_FALSE(fresh.right.open(changed));
    }
  }
  SECTION("it is left out") { CHECK_FALSE(ends.right.open(second)); }
  SECTION("it is said again") {
    CHECK(ends.right.open(first));
    CHECK_FALSE(ends.right.open(first));
  }
  SECTION("it is sent back") { CHECK_FALSE(ends.left.open(first)); }
  SECTION("it is cut short") {
    for (std::size_t size = 0; size < first.size(); ++size) {
      Ends fresh;
      CHECK_FALSE(fresh.right.open(std::string_view(first).substr(0, size)));
    }
  }
  SECTION("it is of another connection") {
    Seal other(key_of(2), key_of(3));
    CHECK_FALSE(other.open(first));
  }
}

}  // namespace
}  // namespace musher::sync
