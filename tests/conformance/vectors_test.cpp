// The vectors of docs/format.md, section 12: musher_format.py judges the same files.
#include <simdjson.h>
#include <catch2/catch.hpp>

#include <fstream>

#include "crypto/hashing.hpp"
#include "crypto/signature.hpp"
#include "crypto/verify.hpp"
#include "model/canonical_bytes.hpp"
#include "model/text.hpp"
#include "model/validity.hpp"

using namespace musher;
using simdjson::dom::element;

namespace {

std::string text_of(const element& value) { return std::string(value.get_string().value()); }

std::vector<std::uint8_t> bytes_of(const std::string& hex) {
  std::vector<std::uint8_t> bytes(hex.size() / 2);
  REQUIRE(from_hex(hex, bytes));
  return bytes;
}

template <class Id>
Id id_of(const element& hex, std::array<std::uint8_t, sizeof(Id)> Id::*bytes) {
  Id id{};
  REQUIRE(from_hex(text_of(hex), id.*bytes));
  return id;
}

std::optional<std::string> content_of(const element& value) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return text_of(value);
  if (element hex; value["hex"].get(hex) == simdjson::SUCCESS) {
    const auto bytes = bytes_of(text_of(hex));
    return std::string(bytes.begin(), bytes.end());
  }
  const auto parts = value["repeat"].get_array().value();
  std::string text = text_of(parts.at(0).value());
  for (std::int64_t n = parts.at(2).get_int64(); n > 0; --n) text += text_of(parts.at(1).value());
  return text + text_of(parts.at(3).value());
}

OpKind kind_of(std::string_view name) {
  for (const OpKind kind : {OpKind::insert, OpKind::set, OpKind::tombstone, OpKind::erase}) {
    if (to_string(kind) == name) return kind;
  }
  FAIL("no kind " << name);
  return OpKind::insert;
}

std::vector<DependencyFacts> facts_of(const element& list) {
  std::vector<DependencyFacts> facts;
  for (const element each : list.get_array()) {
    facts.push_back({id_of(each["id"].value(), &OpId::hash), kind_of(text_of(each["kind"].value())),
                     id_of(each["author"].value(), &AuthorId::key), OpIndex{each["index"].get_uint64().value()},
                     Depth{each["depth"].get_uint64().value()}, text_of(each["name"].value())});
  }
  return facts;
}

/// The verdict of section 5, with the op id where there is one.
struct Judged {
  std::string verdict;
  std::optional<OpId> id;
};

Judged judge(const element& vector) {
  const auto refused = [](Reject reject) { return Judged{std::string(to_string(reject)), {}}; };
  const auto canonical = bytes_of(text_of(vector["canonical"].value()));
  auto op = parse_canonical_bytes(canonical);
  if (!op) return refused(op.error());
  REQUIRE(canonical_bytes(*op) == canonical);

  SignedOp claim;
  claim.op = *std::move(op);
  claim.signature = id_of(vector["signature"].value(), &Signature::bytes);
  claim.content = content_of(vector["content"].value());
  if (!vector["salt"].is_null()) claim.salt = id_of(vector["salt"].value(), &Salt::bytes);

  const Verifier verifier(id_of(vector["document"].value(), &DocumentId::bytes));
  const auto unsigned_id = verifier.check_unsigned(claim);
  if (!unsigned_id) return refused(unsigned_id.error());
  if (!vector["claimed"].is_null() && id_of(vector["claimed"].value(), &OpId::hash) != *unsigned_id)
    return refused(Reject::id_mismatch);
  const auto verified = verifier.verify(claim);
  REQUIRE(verified.has_value() == verifier.check_signature(claim.op.author, *unsigned_id, claim.signature));
  if (!verified) return refused(verified.error());

  const auto facts = facts_of(vector["dependencies"].value());
  for (const OpId& needed : dependencies(verified->op())) {
    if (std::ranges::find(facts, needed, &DependencyFacts::id) == facts.end()) return {"waiting", {}};
  }
  const auto depth = check_dependencies(verified->op(), facts);
  if (!depth) return refused(depth.error());
  if (!verified->op().content_digest.is_zero() && !verified->content() && !vector["erased"].get_bool().value()) {
    return refused(Reject::content_missing);
  }
  return {"ok", verified->id()};
}

template <class Check>
std::size_t for_each_vector(const std::string& file, const Check& check) {
  std::ifstream in(MUSHER_SOURCE_DIR "/tests/data/vectors/" + file);
  simdjson::dom::parser parser;
  std::size_t count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    const element vector = parser.parse(simdjson::padded_string(line)).value();
    INFO(file << ": " << text_of(vector["name"].value()));
    check(vector);
  }
  return count;
}

}  // namespace

TEST_CASE("vectors: each good op is taken, under its id", "[conformance]") {
  REQUIRE(verification_self_test());
  const std::size_t count = for_each_vector("good.jsonl", [](const element& vector) {
    const Judged judged = judge(vector);
    CHECK(judged.verdict == "ok");
    CHECK(judged.id == id_of(vector["id"].value(), &OpId::hash));
  });
  CHECK(count > 50);
}

TEST_CASE("vectors: each bad op is refused for its reason", "[conformance]") {
  const std::size_t count = for_each_vector(
      "bad.jsonl", [](const element& vector) { CHECK(judge(vector).verdict == text_of(vector["expect"].value())); });
  CHECK(count > 300);
}

TEST_CASE("vectors: there is one at least for every verdict", "[conformance]") {
  std::vector<std::string> seen;
  for_each_vector("bad.jsonl", [&](const element& vector) { seen.push_back(text_of(vector["expect"].value())); });
  for (int i = 0; i <= static_cast<int>(Reject::seq_out_of_bounds); ++i) {
    const auto verdict = to_string(static_cast<Reject>(i));
    CAPTURE(verdict);
    CHECK(std::ranges::find(seen, verdict) != seen.end());
  }
  CHECK(std::ranges::find(seen, "waiting") != seen.end());
}
