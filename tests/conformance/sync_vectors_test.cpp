// The vectors of docs/sync.md, section 12. tests/npm/sync_client.mjs reads the same files.
#include <simdjson.h>
#include <catch2/catch.hpp>

#include <fstream>

#include "model/canonical_bytes.hpp"
#include "model/text.hpp"
#include "sync/handshake.hpp"
#include "sync/message.hpp"

using namespace musher;
using namespace musher::sync;
using simdjson::dom::array;
using simdjson::dom::element;

namespace {

std::string unhex(std::string_view hex) {
  std::vector<std::uint8_t> bytes(hex.size() / 2);
  REQUIRE(from_hex(std::string(hex), bytes));
  return {bytes.begin(), bytes.end()};
}

std::string hex(std::string_view bytes) {
  return to_hex(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

std::string_view text_of(const element& value) { return value.get_string().value(); }

std::string message_of(const element& value) {
  if (value.is_string()) return unhex(text_of(value));
  const auto parts = value["repeat"].get_array().value();
  std::string text = unhex(text_of(parts.at(0).value()));
  const std::string unit = unhex(text_of(parts.at(1).value()));
  for (std::int64_t n = parts.at(2).get_int64(); n > 0; --n) text += unit;
  return text + unhex(text_of(parts.at(3).value()));
}

template <class Check>
std::size_t for_each_vector(const std::string& file, const Check& check) {
  std::ifstream in(MUSHER_SOURCE_DIR "/tests/data/sync/" + file);
  simdjson::dom::parser parser;
  std::size_t count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    const element vector = parser.parse(line);
    CAPTURE(text_of(vector["name"].value()));
    check(vector);
  }
  return count;
}

// --- what a message says, as good.jsonl has it

std::string in_quotes(std::string_view text) { return fmt::format("\"{}\"", text); }
std::string json(const OpId& id) { return in_quotes(to_hex(id.hash)); }
std::string json(const LogMark& mark) {
  return fmt::format(R"({{"row":{},"chain":"{}"}})", raw(mark.row), to_hex(mark.chain.bytes));
}
std::string json(const std::optional<LogMark>& mark) { return mark ? json(*mark) : "null"; }
std::string json(const Tip& tip) {
  return fmt::format(R"({{"author":"{}","index":{},"id":{}}})", to_hex(tip.author.key), raw(tip.index), json(tip.id));
}
std::string json(const SignedOp& op) {
  std::string content = "null";
  if (op.content) {
    content = "\"";
    for (const char each : *op.content) content += each == '"' ? "\\\"" : std::string(1, each);
    content += '"';
  }
  return fmt::format(R"({{"canonical":"{}","signature":"{}","salt":{},"content":{}}})", to_hex(canonical_bytes(op.op)),
                     to_hex(op.signature.bytes), op.content ? in_quotes(to_hex(op.salt.bytes)) : std::string("null"),
                     content);
}
template <class Value>
std::string json(const std::vector<Value>& list);
std::string json(const Want::Branch& branch) {
  return fmt::format(R"({{"tip":{},"bases":{}}})", json(branch.tip), json(branch.bases));
}
template <class Value>
std::string json(const std::vector<Value>& list) {
  std::string text;
  for (const Value& each : list) text += (text.empty() ? "" : ",") + json(each);
  return "[" + text + "]";
}

std::string fields(const Hello& hello) {
  return fmt::format(
      R"({{"version_min":{},"version_max":{},"document":"{}","log":"{}","author":"{}","exchange_key":"{}","bound":{}}})",
      hello.version_min, hello.version_max, to_hex(hello.document.bytes), to_hex(hello.log.bytes),
      to_hex(hello.author.key), to_hex(hello.exchange_key), hello.bound);
}
std::string fields(const Proof& proof) { return fmt::format(R"({{"signature":"{}"}})", to_hex(proof.signature.bytes)); }
std::string fields(const Position& position) { return fmt::format(R"({{"heard":{}}})", json(position.heard)); }
std::string fields(const Resume&) { return "{}"; }
std::string fields(const Reconcile&) { return "{}"; }
std::string fields(const Tips& tips) {
  return fmt::format(R"({{"round":{},"upto":{},"last":{},"tips":{}}})", tips.round, json(tips.upto), tips.last,
                     json(tips.tips));
}
std::string fields(const Want& want) {
  return fmt::format(R"({{"round":{},"last":{},"branches":{}}})", want.round, want.last, json(want.branches));
}
std::string fields(const Samples& samples) {
  return fmt::format(R"({{"round":{},"tip":{},"ops":{}}})", samples.round, json(samples.tip), json(samples.ops));
}
std::string fields(const Ops& ops) {
  return fmt::format(R"({{"serial":{},"upto":{},"ops":{}}})", ops.serial, json(ops.upto), json(ops.ops));
}
std::string fields(const Ack& ack) { return fmt::format(R"({{"serial":{}}})", ack.serial); }
std::string fields(const Ask& ask) { return fmt::format(R"({{"ids":{}}})", json(ask.ids)); }
std::string fields(const Absent& absent) { return fmt::format(R"({{"ids":{}}})", json(absent.ids)); }

/// What the reader says of each kind of bad message.
std::string_view words_of(std::string_view expect) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"empty", "an empty message"},
      {"oversized", "over 4 MiB"},
      {"unknown_type", "there is no message of type"},
      {"bad_magic", "is not musher's"},
      {"ends_early", "ends early"},
      {"longer", "is longer than it says"},
      {"bad_flag", "is neither 0 nor 1"},
      {"past_limit", "are the most"},
      {"past_2^63-1", "is past 2^63-1"},
      {"bad_op", "an op: "},
  };
  const auto found = std::ranges::find(kWords, expect, [](const auto& pair) { return std::get<0>(pair); });
  REQUIRE(found != std::end(kWords));
  return found->second;
}

// --- handshakes

struct End {
  Identity identity;
  std::array<std::uint8_t, 32> secret;
  Hello hello;
};

End end_of(const element& vector, std::string_view name) {
  std::array<std::uint8_t, 32> seed{};
  REQUIRE(from_hex(text_of(vector[name]["seed"].value()), seed));
  std::array<std::uint8_t, 32> secret{};
  REQUIRE(from_hex(text_of(vector[name]["secret"].value()), secret));
  const auto hello = decode(unhex(text_of(vector[name]["hello"].value())));
  REQUIRE(hello);
  return {Identity::from_seed(seed), secret, std::get<Hello>(*hello)};
}

Handshake handshake_of(Role role, const End& end, const std::optional<ChannelBinding>& binding) {
  return {role, Self{&end.identity, end.hello.document, end.hello.log}, end.hello.bound ? binding : std::nullopt,
          end.secret, [](const AuthorId&) { return Standing::allowed; }};
}

Handshake::Reply step(Handshake& handshake, std::string_view bytes) {
  const auto message = decode(bytes);
  REQUIRE(message);
  auto outcome = handshake.take(*message);
  if (const auto* ending = std::get_if<Ending>(&outcome)) FAIL(ending->reason);
  return std::get<Handshake::Reply>(std::move(outcome));
}

}  // namespace

TEST_CASE("sync vectors: each good message is read, says what the vector says, and is written back byte for byte",
          "[conformance]") {
  const std::size_t count = for_each_vector("good.jsonl", [](const element& vector) {
    const std::string bytes = message_of(vector["message"].value());
    const auto message = decode(bytes);
    REQUIRE(message);
    CHECK(name_of(*message) == text_of(vector["type"].value()));
    CHECK(std::visit([](const auto& each) { return fields(each); }, *message) ==
          simdjson::minify(vector["fields"].value()));
    CHECK(encode(*message) == bytes);
  });
  CHECK(count >= 20);
}

TEST_CASE("sync vectors: each bad message is refused for the reason the vector gives", "[conformance]") {
  const std::size_t count = for_each_vector("bad.jsonl", [](const element& vector) {
    const auto message = decode(message_of(vector["message"].value()));
    REQUIRE_FALSE(message);
    CHECK_THAT(message.error(), Catch::Matchers::Contains(std::string(words_of(text_of(vector["expect"].value())))));
  });
  CHECK(count >= 70);
}

TEST_CASE("sync vectors: both ends of each handshake send what the vector has", "[conformance]") {
  const std::size_t count = for_each_vector("handshake.jsonl", [](const element& vector) {
    std::optional<ChannelBinding> binding;
    if (!vector["binding"].is_null()) REQUIRE(from_hex(text_of(vector["binding"].value()), binding.emplace()));
    const End dialer = end_of(vector, "dialer");
    const End listener = end_of(vector, "listener");
    Handshake dialing = handshake_of(Role::dialer, dialer, binding);
    Handshake listening = handshake_of(Role::listener, listener, binding);

    const auto opening = dialing.opening();
    REQUIRE(opening);
    CHECK(hex(*opening) == text_of(vector["dialer"]["hello"].value()));
    const auto answer = step(listening, *opening);
    CHECK(hex(answer.message) == text_of(vector["listener"]["hello"].value()));
    const auto proof = step(dialing, answer.message);
    CHECK(hex(proof.message) == text_of(vector["dialer"]["proof"].value()));
    const auto counterproof = step(listening, proof.message);
    CHECK(hex(counterproof.message) == text_of(vector["listener"]["proof"].value()));
    REQUIRE(counterproof.peer);
    CHECK(counterproof.peer->author == dialer.identity.author());
    const auto done = step(dialing, counterproof.message);
    CHECK(done.message.empty());
    REQUIRE(done.peer);
    CHECK(done.peer->log == listener.hello.log);

    REQUIRE((done.seal && counterproof.seal));
    Seal ends[] = {*done.seal, *counterproof.seal};
    for (const std::size_t from : {0U, 1U}) {
      const array said = vector[from == 0 ? "dialer" : "listener"]["sealed"].get_array().value();
      std::size_t number = 0;
      for (const Message& message : {Message(Position{}), Message(Resume{})}) {
        const std::string sealed = ends[from].close(encode(message));
        CHECK(hex(sealed) == text_of(said.at(number++)));
        CHECK(ends[1 - from].open(sealed) == encode(message));
      }
      CHECK(said.size() == number);
    }
  });
  CHECK(count == 3);
}
