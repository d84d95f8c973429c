#include <catch2/catch.hpp>

#include "replica/checked_scan.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

OpRow row_of(const VerifiedOp& op) {
  OpRow row;
  row.row = RowId{1};
  row.id = op.id();
  row.op = op.claim();
  return row;
}

std::optional<Reject> verdict(const OpRow& row, KnownSignatures& known) {
  const CheckedRow checked = check_row(Verifier(test_document()), row, Signatures::check, &known);
  CHECK(checked.signature_checked);
  return checked.reject;
}

}  // namespace

TEST_CASE("known signatures: one that held is known, and another one of the same op is not", "[replica]") {
  KnownSignatures known(10);
  const OpRow good = row_of(plain_signed(OpKind::set));
  CHECK_FALSE(known.has(good.id, good.op.signature));
  CHECK(verdict(good, known) == std::nullopt);
  CHECK(known.has(good.id, good.op.signature));
  CHECK(verdict(good, known) == std::nullopt);

  OpRow changed = good;
  changed.op.signature.bytes[5] ^= 1U;
  CHECK(verdict(changed, known) == Reject::bad_signature);
  CHECK(verdict(changed, known) == Reject::bad_signature);
  CHECK(verdict(good, known) == std::nullopt);
}

TEST_CASE("known signatures: what is known is not checked again, and its content is all the same", "[replica]") {
  KnownSignatures known(10);
  OpRow forged = row_of(plain_signed(OpKind::set));
  forged.op.signature.bytes[5] ^= 1U;
  known.add(forged.id, forged.op.signature);
  CHECK(verdict(forged, known) == std::nullopt);
  forged.op.content = "\"another\"";
  const CheckedRow checked = check_row(Verifier(test_document()), forged, Signatures::check, &known);
  CHECK(checked.reject == Reject::digest_mismatch);
}

TEST_CASE("known signatures: there are never more than there is room for", "[replica]") {
  KnownSignatures known(2);
  const Signature signature{};
  for (std::uint8_t number = 1; number <= 3; ++number) known.add(op_id_of(number), signature);
  CHECK_FALSE(known.has(op_id_of(1), signature));
  CHECK_FALSE(known.has(op_id_of(2), signature));
  CHECK(known.has(op_id_of(3), signature));
}
