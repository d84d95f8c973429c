#pragma once
// Numbers modulo p = 2^255 - 19, in five limbs of 51 bits. For public numbers only: nothing here takes constant time.
// Source: Bernstein, Duif, Lange, Schwabe, Yang, "High-speed high-security signatures" (2011), section 3.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace musher {

/// What a limb may have: the result of `*` and `-` is below 2^52 a limb, that of `+` below the sum; both sides of `*`
/// and the right side of `-` must be below 2^54. So at most two sums in a row may stand before either.
class Field25519 {
 public:
  constexpr Field25519() = default;
  constexpr explicit Field25519(std::uint64_t small) : limbs_{small & kMask, small >> kBits} {}

  /// Little-endian; the highest bit is not looked at. Takes numbers of p and above, as what they are modulo p.
  static constexpr Field25519 from_bytes(const std::array<std::uint8_t, 32>& bytes) {
    Field25519 number;
    for (unsigned limb = 0; limb < 5; ++limb) {
      for (unsigned bit = 0; bit < kBits; ++bit) {
        const unsigned at = limb * kBits + bit;
        number.limbs_[limb] |= (std::uint64_t{bytes[at / 8]} >> at % 8 & 1) << bit;
      }
    }
    return number;
  }

  /// Little-endian, below p.
  [[nodiscard]] constexpr std::array<std::uint8_t, 32> to_bytes() const {
    Field25519 number = carried(limbs_[0], limbs_[1], limbs_[2], limbs_[3], limbs_[4]);
    // Is it p or above? Then 19 more carry into bit 255.
    std::uint64_t carry = 19;
    for (const std::uint64_t limb : number.limbs_) carry = (limb + carry) >> kBits;
    carry *= 19;
    std::array<std::uint8_t, 32> bytes{};
    unsigned at = 0;
    for (std::uint64_t& limb : number.limbs_) {
      limb += carry;
      carry = limb >> kBits;
      limb &= kMask;
      for (unsigned bit = 0; bit < kBits;) {
        const unsigned room = 8 - at % 8;
        bytes[at / 8] = static_cast<std::uint8_t>(bytes[at / 8] | limb >> bit << at % 8);
        const unsigned taken = room < kBits - bit ? room : kBits - bit;
        bit += taken;
        at += taken;
      }
    }
    return bytes;
  }

  friend constexpr Field25519 operator+(const Field25519& a, const Field25519& b) {
    Field25519 sum;
    for (unsigned limb = 0; limb < 5; ++limb) sum.limbs_[limb] = a.limbs_[limb] + b.limbs_[limb];
    return sum;
  }

  friend constexpr Field25519 operator-(const Field25519& a, const Field25519& b) {
    constexpr std::uint64_t kSixteenTimes = 16 * kMask;  // 16 p has 16 (2^51 - 19) as its lowest limb, and this above
    return carried(a.limbs_[0] + kSixteenTimes - 16 * 18 - b.limbs_[0], a.limbs_[1] + kSixteenTimes - b.limbs_[1],
                   a.limbs_[2] + kSixteenTimes - b.limbs_[2], a.limbs_[3] + kSixteenTimes - b.limbs_[3],
                   a.limbs_[4] + kSixteenTimes - b.limbs_[4]);
  }

  friend constexpr Field25519 operator-(const Field25519& a) { return Field25519() - a; }

  [[gnu::always_inline]] friend constexpr Field25519 operator*(const Field25519& a, const Field25519& b) {
    const auto& [a0, a1, a2, a3, a4] = a.limbs_;
    const auto& [b0, b1, b2, b3, b4] = b.limbs_;
    // 2^255 is 19: what lands above the fifth limb comes back in below, 19 times.
    const std::uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;
    return carried_wide(wide(a0, b0) + wide(a4, c1) + wide(a3, c2) + wide(a2, c3) + wide(a1, c4),
                        wide(a1, b0) + wide(a0, b1) + wide(a4, c2) + wide(a3, c3) + wide(a2, c4),
                        wide(a2, b0) + wide(a1, b1) + wide(a0, b2) + wide(a4, c3) + wide(a3, c4),
                        wide(a3, b0) + wide(a2, b1) + wide(a1, b2) + wide(a0, b3) + wide(a4, c4),
                        wide(a4, b0) + wide(a3, b1) + wide(a2, b2) + wide(a1, b3) + wide(a0, b4));
  }

  [[nodiscard, gnu::always_inline]] constexpr Field25519 squared() const {
    const auto& [a0, a1, a2, a3, a4] = limbs_;
    const std::uint64_t c3 = 19 * a3, c4 = 19 * a4;
    return carried_wide(
        wide(a0, a0) + 2 * (wide(a1, c4) + wide(a2, c3)), wide(a3, c3) + 2 * (wide(a0, a1) + wide(a2, c4)),
        wide(a1, a1) + 2 * (wide(a0, a2) + wide(a4, c3)), wide(a4, c4) + 2 * (wide(a0, a3) + wide(a1, a2)),
        wide(a2, a2) + 2 * (wide(a0, a4) + wide(a1, a3)));
  }
  [[nodiscard]] constexpr Field25519 squared(unsigned times) const {
    Field25519 number = *this;
    for (unsigned time = 0; time < times; ++time) number = number.squared();
    return number;
  }

  /// To the power of p - 2, which is 1 / the number. That of 0 is 0.
  [[nodiscard]] constexpr Field25519 inverse() const {
    return to_2_252_minus_3().squared(3) * squared() * *this;  // p - 2 = 8 (2^252 - 3) + 3
  }

  /// To the power of (p - 5) / 8, from which square roots are made.
  [[nodiscard]] constexpr Field25519 to_2_252_minus_3() const {
    const Field25519 ones2 = squared() * *this;  // to the power of 2^2 - 1; ones5: of 2^5 - 1; and so on
    const Field25519 ones4 = ones2.squared(2) * ones2;
    const Field25519 ones5 = ones4.squared() * *this;
    const Field25519 ones10 = ones5.squared(5) * ones5;
    const Field25519 ones20 = ones10.squared(10) * ones10;
    const Field25519 ones40 = ones20.squared(20) * ones20;
    const Field25519 ones50 = ones40.squared(10) * ones10;
    const Field25519 ones100 = ones50.squared(50) * ones50;
    const Field25519 ones200 = ones100.squared(100) * ones100;
    const Field25519 ones250 = ones200.squared(50) * ones50;
    return ones250.squared(2) * *this;
  }

  friend constexpr bool operator==(const Field25519& a, const Field25519& b) { return a.to_bytes() == b.to_bytes(); }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr unsigned kBits = 51;
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << kBits) - 1;

  [[gnu::always_inline]] static constexpr Wide wide(std::uint64_t a, std::uint64_t b) { return Wide{a} * b; }

  [[gnu::always_inline]] static constexpr Field25519 carried(std::uint64_t r0, std::uint64_t r1, std::uint64_t r2,
                                                             std::uint64_t r3, std::uint64_t r4) {
    Field25519 number;
    number.limbs_ = {(r0 & kMask) + (r4 >> kBits) * 19, (r1 & kMask) + (r0 >> kBits), (r2 & kMask) + (r1 >> kBits),
                     (r3 & kMask) + (r2 >> kBits), (r4 & kMask) + (r3 >> kBits)};
    return number;
  }

  // Sums of at most 77 products of 54 bits each (5 of them 19 times): below 2^115, so that what is carried has 64 bits.
  [[gnu::always_inline]] static constexpr Field25519 carried_wide(Wide r0, Wide r1, Wide r2, Wide r3, Wide r4) {
    r1 += static_cast<std::uint64_t>(r0 >> kBits);
    r2 += static_cast<std::uint64_t>(r1 >> kBits);
    r3 += static_cast<std::uint64_t>(r2 >> kBits);
    r4 += static_cast<std::uint64_t>(r3 >> kBits);
    const std::uint64_t low = (static_cast<std::uint64_t>(r0) & kMask);
    const Wide around = Wide{static_cast<std::uint64_t>(r4 >> kBits)} * 19 + low;
    Field25519 number;
    number.limbs_ = {static_cast<std::uint64_t>(around) & kMask,
                     (static_cast<std::uint64_t>(r1) & kMask) + static_cast<std::uint64_t>(around >> kBits),
                     static_cast<std::uint64_t>(r2) & kMask, static_cast<std::uint64_t>(r3) & kMask,
                     static_cast<std::uint64_t>(r4) & kMask};
    return number;
  }

  std::array<std::uint64_t, 5> limbs_{};
};

/// 1 / each, for little more than the price of one. Precondition: none is 0.
inline std::vector<Field25519> inverses(std::span<const Field25519> numbers) {
  if (numbers.empty()) return {};
  std::vector<Field25519> products;  // of those before each; then, from the last one back, what each is to be
  Field25519 product(1);
  for (const Field25519& number : numbers) {
    products.push_back(product);
    product = product * number;
  }
  Field25519 inverse = product.inverse();
  for (std::size_t at = numbers.size(); at-- > 0;) {
    products[at] = products[at] * inverse;
    inverse = inverse * numbers[at];
  }
  return products;
}

}  // namespace musher
