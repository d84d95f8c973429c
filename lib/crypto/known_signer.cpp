#include "crypto/known_signer.hpp"

#include <algorithm>
#include <cstdlib>
#include <ranges>

#include "crypto/signature.hpp"
#include "crypto/signature_scalars.hpp"
#include "crypto/signature_self_test.hpp"

namespace musher {
namespace {

const Multiples& multiples_of_base() {
  static const Multiples base(*CurvePoint::decode({0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                                   0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                                   0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66}));
  return base;
}

}  // namespace

Multiples::Multiples(CurvePoint point) {
  AddendPoint once = point.addend(point.z.inverse());
  for (auto& window : windows_) {
    // points[j - 1] = j P, and behind them 64 P for the next window.
    std::array<CurvePoint, kMost + 1> points;
    points.front() = point;
    for (std::size_t j = 1; j < kMost; ++j) points[j] = points[j - 1] + once;
    points.back() = points[kMost - 1].doubled();
    const std::vector<Field25519> inverse = inverse_zs(points);
    for (std::size_t j = 0; j < kMost; ++j) window[j] = points[j].addend(inverse[j]);
    point = points.back();
    once = point.addend(inverse.back());
  }
}

CurvePoint Multiples::add(CurvePoint sum, const Scalar& scalar, bool negative) const {
  // Digits of 6 bits from -31 to 32, so that half a window is enough: one above 32 is 64 too large, and the next one
  // more.
  int carry = 0;
  for (unsigned window = 0; window < kDigits; ++window) {
    const unsigned bit = window * kBits;
    const unsigned low = scalar[bit / 8], high = bit / 8 + 1 < scalar.size() ? scalar[bit / 8 + 1] : 0U;
    int digit = static_cast<int>((low | high << 8) >> bit % 8 & ((1U << kBits) - 1)) + carry;
    carry = digit > kMost ? 1 : 0;
    digit -= carry << kBits;
    if (digit == 0) continue;
    const AddendPoint& multiple = windows_[window][static_cast<std::size_t>(std::abs(digit) - 1)];
    sum = (digit < 0) == negative ? sum + multiple : sum - multiple;
  }
  return sum;
}

KnownSigner::KnownSigner(const AuthorId& author)
    : author_(author), key_(std::make_unique<const Multiples>(CurvePoint::decode(author.key).value())) {}

std::optional<CurvePoint> KnownSigner::expected_r(const OpId& id, const Signature& signature) const {
  std::array<std::uint8_t, 32> r;
  Scalar s;
  std::ranges::copy(signature.bytes | std::views::take(32), r.begin());
  std::ranges::copy(signature.bytes | std::views::drop(32), s.begin());
  const std::array<std::uint8_t, 32> identity{1};
  if (!is_below_order(s) || r == identity) return std::nullopt;
  const CurvePoint sb = multiples_of_base().add({}, s);
  return key_->add(sb, challenge(r, author_.key, id), true);
}

bool KnownSigner::holds(const OpId& id, const Signature& signature) const {
  const auto expected = expected_r(id, signature);
  return expected && has_r(signature, expected->encode());
}

KnownSigners& KnownSigners::of_process() {
  static KnownSigners signers;
  return signers;
}

KnownSigners::Author& KnownSigners::count(const AuthorId& author) {
  if (authors_.size() >= kMostCounted && !authors_.contains(author)) {
    std::erase_if(authors_, [](const auto& entry) { return entry.second.signer == nullptr; });
  }
  Author& counted = authors_[author];
  counted.last = ++asked_;
  ++counted.asked;
  return counted;
}

bool KnownSigners::has_room() {
  if (tables_ < kMostTables) return true;
  Author* oldest = nullptr;
  for (auto& [key, author] : authors_) {
    if (author.signer && (oldest == nullptr || author.last < oldest->last)) oldest = &author;
  }
  if (oldest == nullptr || asked_ - oldest->last < kUnused) return false;
  *oldest = Author{};
  --tables_;
  return true;
}

std::shared_ptr<const KnownSigner> KnownSigners::find(const AuthorId& author) {
  {
    const std::lock_guard lock(mutex_);
    Author& counted = count(author);
    if (counted.signer || counted.asked % kWorthATable != 0 || !has_room()) return counted.signer;
    ++tables_;
  }
  // Others go on without it meanwhile, and one of them may make it too.
  auto made = known_signer_self_test() ? std::make_shared<const KnownSigner>(author) : nullptr;
  const std::lock_guard lock(mutex_);
  auto& signer = authors_[author].signer;
  if (signer || !made) {
    --tables_;
  } else {
    signer = std::move(made);
  }
  return signer;
}

Result<void> known_signer_self_test() {
  static const Result<void> tested =
      check_signature_rule({is_author_key, [](const AuthorId& author, const OpId& id, const Signature& signature) {
                              return KnownSigner(author).holds(id, signature);
                            }});
  return tested;
}

}  // namespace musher
