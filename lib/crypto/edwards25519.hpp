#pragma once
// Points of edwards25519, the curve of Ed25519: -x^2 + y^2 = 1 + d x^2 y^2 modulo 2^255 - 19. For public points only:
// nothing here takes constant time. The formulas hold for any two points of the curve, equal or the identity as well.
// Source: Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited" (2008), sections 3.1 and 3.3.

#include <optional>

#include "crypto/field25519.hpp"

namespace musher {

inline constexpr Field25519 kEdwardsD = -Field25519(121665) * Field25519(121666).inverse();
inline constexpr Field25519 kTwiceEdwardsD = kEdwardsD + kEdwardsD;
inline constexpr Field25519 kRootOfMinusOne = Field25519(2).to_2_252_minus_3().squared() * Field25519(2);

/// What adding a point needs of it, once it is known by its two coordinates.
struct AddendPoint {
  Field25519 y_plus_x{1};
  Field25519 y_minus_x{1};
  Field25519 xy2d;

  static constexpr AddendPoint from(const Field25519& x, const Field25519& y) {
    return {y + x, y - x, x * y * kTwiceEdwardsD};
  }
};

/// x = X/Z, y = Y/Z, xy = T/Z. By default the identity, (0, 1).
struct CurvePoint {
  Field25519 x;
  Field25519 y{1};
  Field25519 z{1};
  Field25519 t;

  /// Nothing for bytes that encode no point of the curve. Takes encodings that are not canonical.
  static constexpr std::optional<CurvePoint> decode(const std::array<std::uint8_t, 32>& bytes) {
    const Field25519 y = Field25519::from_bytes(bytes);
    const Field25519 one(1);
    const Field25519 numerator = y.squared() - one;
    const Field25519 denominator = y.squared() * kEdwardsD + one;
    // x^2 = n/d; a root of it, if there is one, is n d^3 (n d^7)^((p-5)/8), or that times the root of -1.
    const Field25519 cubed = denominator.squared() * denominator;
    Field25519 x = numerator * cubed * (numerator * cubed.squared() * denominator).to_2_252_minus_3();
    const Field25519 found = x.squared() * denominator;
    if (found != numerator) {
      if (found != -numerator) return std::nullopt;
      x = x * kRootOfMinusOne;
    }
    if ((x.to_bytes().front() & 1) != bytes.back() >> 7) x = -x;
    return CurvePoint{x, y, one, x * y};
  }

  friend constexpr CurvePoint operator+(const CurvePoint& a, const AddendPoint& b) {
    return a.plus(b.y_plus_x, b.y_minus_x, a.t * b.xy2d);
  }
  friend constexpr CurvePoint operator-(const CurvePoint& a, const AddendPoint& b) {
    return a.plus(b.y_minus_x, b.y_plus_x, -(a.t * b.xy2d));
  }

  [[nodiscard]] constexpr CurvePoint doubled() const {
    const Field25519 xx = x.squared(), yy = y.squared(), zz = z.squared();
    const Field25519 h = xx + yy, g = yy - xx;
    const Field25519 e = (x + y).squared() - h, f = zz + zz - g;
    return {e * f, g * h, f * g, e * h};
  }

  /// With 1/z, which the caller has made for many at a time.
  [[nodiscard]] constexpr AddendPoint addend(const Field25519& inverse_z) const {
    return AddendPoint::from(x * inverse_z, y * inverse_z);
  }

  [[nodiscard]] constexpr std::array<std::uint8_t, 32> encode() const { return encode(z.inverse()); }
  /// With 1/z.
  [[nodiscard]] constexpr std::array<std::uint8_t, 32> encode(const Field25519& inverse_z) const {
    auto bytes = (y * inverse_z).to_bytes();
    bytes.back() = static_cast<std::uint8_t>(bytes.back() | ((x * inverse_z).to_bytes().front() & 1) << 7);
    return bytes;
  }

 private:
  [[nodiscard]] constexpr CurvePoint plus(const Field25519& y_plus_x, const Field25519& y_minus_x,
                                          const Field25519& xyxy2d) const {
    const Field25519 a = (y - x) * y_minus_x, b = (y + x) * y_plus_x, twice_z = z + z;
    const Field25519 e = b - a, f = twice_z - xyxy2d, g = twice_z + xyxy2d, h = b + a;
    return {e * f, g * h, f * g, e * h};
  }
};

/// 1/z of each.
inline std::vector<Field25519> inverse_zs(std::span<const CurvePoint> points) {
  std::vector<Field25519> zs;
  zs.reserve(points.size());
  for (const CurvePoint& point : points) zs.push_back(point.z);
  return inverses(zs);
}

}  // namespace musher
