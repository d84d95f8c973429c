#include "sync/message.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/canonical_bytes.hpp"

namespace musher::sync {
namespace {

constexpr std::string_view kMagic = "musher-sync";

enum class Type : std::uint8_t {
  hello = 1,
  proof,
  position,
  resume,
  tips,
  reconcile,
  want,
  samples,
  ops,
  ack,
  ask,
  absent,
};

// --- writing

class Out {
 public:
  explicit Out(Type type) { u8(static_cast<std::uint8_t>(type)); }
  Out() = default;

  void u8(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void u32(std::uint64_t value) { number(value, 4); }
  void u64(std::uint64_t value) { number(value, 8); }
  void text(std::string_view text) { bytes_ += text; }
  template <std::size_t N>
  void raw_bytes(const std::array<std::uint8_t, N>& bytes) {
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), N);
  }
  void mark(const LogMark& mark) {
    u64(static_cast<std::uint64_t>(raw(mark.row)));
    raw_bytes(mark.chain.bytes);
  }
  void maybe_mark(const std::optional<LogMark>& given) {
    u8(given.has_value() ? 1 : 0);
    if (given) mark(*given);
  }
  void tip(const Tip& tip) {
    raw_bytes(tip.author.key);
    u64(raw(tip.index));
    raw_bytes(tip.id.hash);
  }
  void ids(const std::vector<OpId>& ids) {
    u32(ids.size());
    for (const OpId& id : ids) raw_bytes(id.hash);
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  void number(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) u8(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  std::string bytes_;
};

std::string write(const Hello& hello) {
  Out out(Type::hello);
  out.text(kMagic);
  out.u8(hello.version_min);
  out.u8(hello.version_max);
  out.raw_bytes(hello.document.bytes);
  out.raw_bytes(hello.log.bytes);
  out.raw_bytes(hello.author.key);
  out.raw_bytes(hello.exchange_key);
  out.u8(hello.bound ? 1 : 0);
  return out.take();
}

std::string write(const Proof& proof) {
  Out out(Type::proof);
  out.raw_bytes(proof.signature.bytes);
  return out.take();
}

std::string write(const Position& position) {
  Out out(Type::position);
  out.maybe_mark(position.heard);
  return out.take();
}

std::string write(const Resume&) { return Out(Type::resume).take(); }

std::string write(const Tips& tips) {
  Out out(Type::tips);
  out.u32(tips.round);
  out.mark(tips.upto);
  out.u8(tips.last ? 1 : 0);
  out.u32(tips.tips.size());
  for (const Tip& tip : tips.tips) out.tip(tip);
  return out.take();
}

std::string write(const Reconcile&) { return Out(Type::reconcile).take(); }

std::string write(const Want& want) {
  Out out(Type::want);
  out.u32(want.round);
  out.u8(want.last ? 1 : 0);
  out.u32(want.branches.size());
  for (const Want::Branch& branch : want.branches) {
    out.raw_bytes(branch.tip.hash);
    out.u8(static_cast<std::uint8_t>(branch.bases.size()));
    for (const Tip& base : branch.bases) out.tip(base);
  }
  return out.take();
}

std::string write(const Samples& samples) {
  Out out(Type::samples);
  out.u32(samples.round);
  out.raw_bytes(samples.tip.hash);
  out.u8(static_cast<std::uint8_t>(samples.ops.size()));
  for (const Tip& op : samples.ops) out.tip(op);
  return out.take();
}

std::string write(const Ops& ops) {
  std::string encoded;
  for (const SignedOp& op : ops.ops) encoded += encode_op(op);
  return encode_ops(ops.serial, ops.upto, ops.ops.size(), encoded);
}

std::string write(const Ack& ack) {
  Out out(Type::ack);
  out.u64(ack.serial);
  return out.take();
}

std::string write(const Ask& ask) {
  Out out(Type::ask);
  out.ids(ask.ids);
  return out.take();
}

std::string write(const Absent& absent) {
  Out out(Type::absent);
  out.ids(absent.ids);
  return out.take();
}

// --- reading

/// Reads from the front. What is short or out of bounds sets `bad` and gives zeros from then on.
class In {
 public:
  explicit In(std::string_view bytes) : left_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  /// A row number or index: at most 2^63 - 1.
  std::int64_t i63(const char* what) {
    const std::uint64_t value = u64();
    if (value > std::uint64_t{INT64_MAX}) fail(what, " is past 2^63-1");
    return bad() ? 0 : static_cast<std::int64_t>(value);
  }
  bool flag(const char* what) {
    const std::uint8_t value = u8();
    if (value > 1) fail(what, " is neither 0 nor 1");
    return value == 1;
  }
  std::string_view text(std::size_t size) {
    if (left_.size() < size) {
      fail("the message", " ends early");
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  template <std::size_t N>
  void raw_bytes(std::array<std::uint8_t, N>& out) {
    const std::string_view taken = text(N);
    if (taken.size() == N) std::copy(taken.begin(), taken.end(), reinterpret_cast<char*>(out.data()));
  }
  LogMark mark() {
    LogMark mark;
    mark.row = RowId{i63("a row")};
    raw_bytes(mark.chain.bytes);
    return mark;
  }
  std::optional<LogMark> maybe_mark() {
    if (!flag("whether there is a mark")) return std::nullopt;
    return mark();
  }
  Tip tip() {
    Tip tip;
    raw_bytes(tip.author.key);
    tip.index = OpIndex{static_cast<std::uint64_t>(i63("an index"))};
    raw_bytes(tip.id.hash);
    return tip;
  }
  /// How many of `bytes` each follow; no more than the message can hold.
  std::size_t count(const char* what, std::size_t most, std::size_t bytes, std::size_t given) {
    if (given > most) fail(what, fmt::format(": {} of them, and {} are the most", given, most).c_str());
    if (given * bytes > left_.size()) fail("the message", " ends early");
    return bad() ? 0 : given;
  }
  std::vector<OpId> ids() {
    std::vector<OpId> ids(count("ids", kMaxIds, sizeof(OpId), u32()));
    for (OpId& id : ids) raw_bytes(id.hash);
    return ids;
  }

  void fail(const char* what, const char* why) {
    if (problem_.empty()) problem_ = std::string(what) + why;
    left_ = {};
  }
  [[nodiscard]] bool bad() const { return !problem_.empty(); }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] bool at_end() const { return left_.empty(); }

 private:
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    const std::string_view taken = text(bytes);
    for (std::size_t i = 0; i < taken.size(); ++i) {
      value |= std::uint64_t{static_cast<std::uint8_t>(taken[i])} << (8 * i);
    }
    return value;
  }
  std::string_view left_;
  std::string problem_;
};

Hello read_hello(In& in) {
  Hello hello;
  if (in.text(kMagic.size()) != kMagic) in.fail("the greeting", " is not musher's");
  hello.version_min = in.u8();
  hello.version_max = in.u8();
  in.raw_bytes(hello.document.bytes);
  in.raw_bytes(hello.log.bytes);
  in.raw_bytes(hello.author.key);
  in.raw_bytes(hello.exchange_key);
  hello.bound = in.flag("whether the connection is bound");
  return hello;
}

Proof read_proof(In& in) {
  Proof proof;
  in.raw_bytes(proof.signature.bytes);
  return proof;
}

constexpr std::size_t kTipBytes = 32 + 8 + 32;

Tips read_tips(In& in) {
  Tips tips;
  tips.round = in.u32();
  tips.upto = in.mark();
  tips.last = in.flag("whether it is the last part");
  tips.tips.resize(in.count("tips", kMaxTips, kTipBytes, in.u32()));
  for (Tip& tip : tips.tips) tip = in.tip();
  return tips;
}

Want read_want(In& in) {
  Want want;
  want.round = in.u32();
  want.last = in.flag("whether it is the last part");
  want.branches.resize(in.count("branches", kMaxWants, sizeof(OpId) + 1, in.u32()));
  for (Want::Branch& branch : want.branches) {
    in.raw_bytes(branch.tip.hash);
    branch.bases.resize(in.count("bases", kMaxBases, kTipBytes, in.u8()));
    for (Tip& base : branch.bases) base = in.tip();
  }
  return want;
}

Samples read_samples(In& in) {
  Samples samples;
  samples.round = in.u32();
  in.raw_bytes(samples.tip.hash);
  samples.ops.resize(in.count("samples", kMaxSamples, kTipBytes, in.u8()));
  for (Tip& op : samples.ops) op = in.tip();
  return samples;
}

constexpr std::size_t kLeastOpBytes = 4 + kFixedOpBytes + sizeof(Signature) + 1;

SignedOp read_op(In& in) {
  SignedOp op;
  const std::string_view canonical = in.text(in.count("an op's bytes", kMaxOpBytes, 1, in.u32()));
  if (in.bad()) return op;
  auto parsed = parse_canonical_bytes({reinterpret_cast<const std::uint8_t*>(canonical.data()), canonical.size()});
  if (!parsed) {
    in.fail("an op", (": " + std::string(to_string(parsed.error()))).c_str());
    return op;
  }
  op.op = *std::move(parsed);
  in.raw_bytes(op.signature.bytes);
  if (in.flag("whether an op has content")) {
    in.raw_bytes(op.salt.bytes);
    op.content = in.text(in.count("an op's content", kMaxContentBytes, 1, in.u32()));
  }
  return op;
}

Ops read_ops(In& in) {
  Ops ops;
  ops.serial = in.u64();
  ops.upto = in.maybe_mark();
  const std::size_t count = in.count("ops", kMaxBatchOps, kLeastOpBytes, in.u32());
  ops.ops.reserve(count);
  for (std::size_t i = 0; i < count && !in.bad(); ++i) ops.ops.push_back(read_op(in));
  return ops;
}

std::expected<Message, std::string> read(Type type, In& in) {
  switch (type) {
    case Type::hello: return read_hello(in);
    case Type::proof: return read_proof(in);
    case Type::position: return Position{in.maybe_mark()};
    case Type::resume: return Resume{};
    case Type::tips: return read_tips(in);
    case Type::reconcile: return Reconcile{};
    case Type::want: return read_want(in);
    case Type::samples: return read_samples(in);
    case Type::ops: return read_ops(in);
    case Type::ack: return Ack{in.u64()};
    case Type::ask: return Ask{in.ids()};
    case Type::absent: return Absent{in.ids()};
  }
  return std::unexpected(fmt::format("there is no message of type {}", static_cast<unsigned>(type)));
}

}  // namespace

std::string encode(const Message& message) {
  return std::visit([](const auto& each) { return write(each); }, message);
}

std::string encode_op(const SignedOp& op) {
  Out out;
  const auto canonical = canonical_bytes(op.op);
  out.u32(canonical.size());
  out.text({reinterpret_cast<const char*>(canonical.data()), canonical.size()});
  out.raw_bytes(op.signature.bytes);
  out.u8(op.content ? 1 : 0);
  if (op.content) {
    out.raw_bytes(op.salt.bytes);
    out.u32(op.content->size());
    out.text(*op.content);
  }
  return out.take();
}

std::string encode_ops(std::uint64_t serial, const std::optional<LogMark>& upto, std::size_t count,
                       std::string_view encoded_ops) {
  Out out(Type::ops);
  out.u64(serial);
  out.maybe_mark(upto);
  out.u32(count);
  out.text(encoded_ops);
  return out.take();
}

std::expected<Message, std::string> decode(std::string_view bytes) {
  if (bytes.empty()) return std::unexpected("an empty message");
  if (bytes.size() > kMaxMessageBytes) return std::unexpected("a message of over 4 MiB");
  In in(bytes.substr(1));
  auto message = read(static_cast<Type>(bytes.front()), in);
  if (!message) return message;
  if (in.bad()) return std::unexpected(fmt::format("in a message \"{}\": {}", name_of(*message), in.problem()));
  if (!in.at_end()) return std::unexpected(fmt::format("a message \"{}\" is longer than it says", name_of(*message)));
  return message;
}

std::string_view name_of(const Message& message) {
  constexpr std::string_view kNames[] = {"hello", "proof",   "position", "resume", "tips", "reconcile",
                                         "want",  "samples", "ops",      "ack",    "ask",  "absent"};
  static_assert(std::size(kNames) == std::variant_size_v<Message>);
  return kNames[message.index()];
}

}  // namespace musher::sync
