#include <catch2/catch.hpp>

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <vector>

#include "crypto/edwards25519.hpp"
#include "support/property.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

using Number = boost::multiprecision::cpp_int;
using Bytes32 = std::array<std::uint8_t, 32>;

const Number kPrime = (Number(1) << 255) - 19;

Number number_of(const Bytes32& bytes) {
  Number number;
  boost::multiprecision::import_bits(number, bytes.begin(), bytes.end(), 8, false);
  return number;
}

Number modulo_p(const Number& number) { return ((number % kPrime) + kPrime) % kPrime; }

Number value_of(const Field25519& number) { return number_of(number.to_bytes()); }

// Random, or with runs of ones and zeros that fill limbs and make carries go far.
Bytes32 any_bytes(std::mt19937_64& random) {
  Bytes32 bytes;
  const auto kind = random() % 4;
  std::ranges::generate(bytes, [&] {
    const std::uint64_t any = random();
    if (kind == 0) return static_cast<std::uint8_t>(any);
    if (kind == 1) return static_cast<std::uint8_t>(any % 8 == 0 ? any >> 8 : 0xff);
    if (kind == 2) return static_cast<std::uint8_t>(any % 8 == 0 ? any >> 8 : 0);
    return static_cast<std::uint8_t>(any % 2 == 0 ? 0 : 0xff);
  });
  bytes.back() &= 0x7f;
  return bytes;
}

Bytes32 bytes_of(const Number& number) {
  std::vector<std::uint8_t> exported;
  boost::multiprecision::export_bits(number, std::back_inserter(exported), 8, false);
  Bytes32 bytes{};
  std::ranges::copy(exported, bytes.begin());
  return bytes;
}

/// Around every number where something carries: 0, p, 2^255 and the borders of limbs.
std::vector<Bytes32> edges() {
  std::vector<Bytes32> bytes;
  const auto around = [&](const Number& number, int distance) {
    for (int off = -distance; off <= distance; ++off) {
      const Number near = number + off;
      if (near >= 0 && near >> 255 == 0) bytes.push_back(bytes_of(near));
    }
  };
  around(0, 20);
  around(kPrime, 20);
  for (unsigned limb = 1; limb < 5; ++limb) around(Number(1) << (51 * limb), 2);
  return bytes;
}

/// Everything that Field25519 does with two numbers, beside the same in integers.
bool arithmetic_holds(const Bytes32& left, const Bytes32& right) {
  const Field25519 a = Field25519::from_bytes(left), b = Field25519::from_bytes(right);
  const Number x = number_of(left), y = number_of(right);
  // As large as limbs may become before a product or a difference.
  const Field25519 most = (a + b) + (a + b);
  const Number sum = 2 * (x + y);
  return value_of(a) == modulo_p(x) && value_of(a + b) == modulo_p(x + y) && value_of(a - b) == modulo_p(x - y) &&
         value_of(-a) == modulo_p(-x) && value_of(a * b) == modulo_p(x * y) &&
         value_of(a.squared()) == modulo_p(x * x) && value_of(most * most) == modulo_p(sum * sum) &&
         value_of(most.squared()) == modulo_p(sum * sum) && value_of(a - most) == modulo_p(x - sum) &&
         value_of((a - most) * (b - most)) == modulo_p((x - sum) * (y - sum)) &&
         (a == b) == (modulo_p(x) == modulo_p(y));
}

bool powers_hold(const Bytes32& bytes) {
  const Field25519 a = Field25519::from_bytes(bytes);
  const Number x = modulo_p(number_of(bytes));
  return value_of(a.inverse()) == powm(x, Number(kPrime - 2), kPrime) &&
         value_of(a.to_2_252_minus_3()) == powm(x, Number((Number(1) << 252) - 3), kPrime) &&
         value_of(a.squared(7)) == powm(x, Number(128), kPrime);
}

}  // namespace

TEST_CASE("field: sums, differences, products and squares are those of integers modulo 2^255 - 19", "[crypto]") {
  CHECK(holds("arithmetic(any two)", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const Bytes32 left = any_bytes(random);
    RC_ASSERT(arithmetic_holds(left, any_bytes(random)));
  }));
}

TEST_CASE("field: the same around every number where something carries", "[crypto]") {
  const auto all = edges();
  for (const Bytes32& left : all) {
    for (const Bytes32& right : all) {
      if (!arithmetic_holds(left, right)) FAIL(number_of(left).str() + " and " + number_of(right).str());
    }
    if (!powers_hold(left)) FAIL("powers of " + number_of(left).str());
  }
}

TEST_CASE("field: inverses and roots are powers modulo 2^255 - 19", "[crypto]") {
  CHECK(holds("powers(any)", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    RC_ASSERT(powers_hold(any_bytes(random)));
  }));
  CHECK(Field25519().inverse() == Field25519());
}

TEST_CASE("curve: its constants are those of RFC 8032", "[crypto]") {
  CHECK(value_of(kEdwardsD) == Number("37095705934669439343138083508754565189542113879843219016388785533085940283555"));
  CHECK(value_of(kRootOfMinusOne.squared()) == kPrime - 1);
  CHECK(value_of(kTwiceEdwardsD) == modulo_p(2 * value_of(kEdwardsD)));
}
