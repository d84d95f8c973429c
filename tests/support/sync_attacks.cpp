#include "support/sync_attacks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "support/signed_ops.hpp"

namespace musher::testing {
namespace {

using std::chrono::milliseconds;

OpId id_of(const SignedOp& op) { return op_id(canonical_bytes(op.op)); }

OpId no_op() {
  OpId id;
  random_bytes(id.hash);
  return id;
}

std::string random_text(SyncWorld& world, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(world.random()());
  return bytes;
}

/// An item of the victim's, and its story.
std::optional<OpRow> an_insert(SimNode& node) {
  std::optional<OpRow> found;
  const auto last = node.log().last_row();
  REQUIRE(last);
  REQUIRE(node.log().scan(RowId{0}, *last, [&](ScannedRow&& row) {
    auto* op = std::get_if<OpRow>(&row);
    if (op != nullptr && op->op.op.kind == OpKind::insert) found = std::move(*op);
    return !found;
  }));
  return found;
}

std::vector<OpRow> some_ops(SimNode& node) {
  std::vector<OpRow> found;
  const auto last = node.log().last_row();
  REQUIRE(last);
  REQUIRE(node.log().scan(RowId{0}, *last, [&](ScannedRow&& row) {
    found.push_back(std::get<OpRow>(std::move(row)));
    return found.size() < 50;
  }));
  return found;
}

}  // namespace

// --- one connection

HostileLink::HostileLink(HostileNode& node, std::shared_ptr<SimLink> link, sync::Role role, SimNode* victim)
    : node_(node),
      link_(std::move(link)),
      victim_(victim),
      handshake_(role, node.self(), std::nullopt, random_id<Digest>().bytes,
                 [](const AuthorId&) { return Standing::allowed; }) {
  link_->allow(sync::kMaxMessageBytes);
}

void HostileLink::begin() {
  if (auto opening = handshake_.opening()) send_bytes(*std::move(opening));
}

void HostileLink::send_ops(std::vector<SignedOp> ops, const std::optional<LogMark>& upto) {
  send(sync::Ops{++serial_, upto, std::move(ops)});
}

void HostileLink::received(std::string_view bytes) {
  if (seal_) {
    const auto opened = seal_->open(bytes);
    REQUIRE(opened);
    bytes = *opened;
  }
  auto message = sync::decode(bytes);
  REQUIRE(message);  // honest nodes send nothing else
  if (!proven_) {
    auto outcome = handshake_.take(*message);
    auto* reply = std::get_if<sync::Handshake::Reply>(&outcome);
    if (reply == nullptr) return;  // not an honest node's greeting: another hostile one
    if (!reply->message.empty()) send_bytes(std::move(reply->message));
    if (!reply->peer) return;
    proven_ = true;
    seal_ = reply->seal;
    if (!silent) send(sync::Position{position});
    return;
  }
  if (!silent && std::holds_alternative<sync::Position>(*message)) {
    send(sync::Tips{.round = 1, .upto = {}, .tips = {}, .last = true});
  }
  open_ |= std::holds_alternative<sync::Tips>(*message) || std::holds_alternative<sync::Resume>(*message);
  if (const auto* ops = std::get_if<sync::Ops>(&*message); ops != nullptr && acknowledges) {
    send(sync::Ack{ops->serial});
  }
  if (on_message) on_message(*message);
  got_.push_back(*std::move(message));
}

void HostileLink::closed(std::uint16_t code, std::string_view reason, bool) {
  ended_ = sync::Ending{static_cast<sync::CloseCode>(code), std::string(reason)};
}

// --- the node

HostileNode::HostileNode(SyncWorld& world, std::string name, std::uint8_t number)
    : world_(world), name_(std::move(name)), identity_(identity_of(number)), log_(random_id<LogId>()) {}

HostileNode::~HostileNode() { leave(); }

void HostileNode::be_trusted() {
  for (const auto& node : world_.nodes()) node->trust(author(), name_);
}

std::shared_ptr<HostileLink> HostileNode::dial(SimNode& victim, bool greets) {
  if (!victim.running() || !world_.connected(name_, victim.name())) return nullptr;
  auto [mine, theirs] = world_.connect(name_, victim.name());
  auto link = std::make_shared<HostileLink>(*this, mine, sync::Role::dialer, &victim);
  links_.push_back(link);
  mine->start(link);
  victim.accept(theirs);
  if (greets) link->begin();
  return link;
}

std::shared_ptr<HostileLink> HostileNode::connect(SimNode& victim) {
  auto link = dial(victim);
  REQUIRE(link != nullptr);
  REQUIRE(world_.run_until([&] { return link->open() || link->closed(); }, milliseconds(10'000)));
  REQUIRE_FALSE(link->closed());
  return link;
}

void HostileNode::listen() {
  world_.listen(name_, [this](const std::shared_ptr<SimLink>& end) {
    auto link = std::make_shared<HostileLink>(*this, end, sync::Role::listener, nullptr);
    links_.push_back(link);
    end->start(link);
  });
}

void HostileNode::leave() {
  world_.hang_up(name_);
  for (const auto& link : std::exchange(links_, {})) link->on_message = {};
}

// --- what it writes

SignedOp HostileNode::signed_op(Op op, std::optional<std::string> content) const {
  auto made = sign_op(identity_, std::move(op), std::move(content));
  INFO((made ? "" : made.error().what));
  REQUIRE(made);
  return made->claim();
}

Op HostileNode::next_op(OpKind kind) const {
  Op op;
  op.kind = kind;
  op.document = world_.document();
  op.author = author();
  op.index = next(index_);
  op.prev = tip_;
  op.seq = kind == OpKind::erase ? Seq{0} : Seq{1};
  op.time_ms = 1'700'000'000'000;
  op.actor = "mallory";
  return op;
}

SignedOp HostileNode::write(OpKind kind, const OpId& target, const std::string& name, std::vector<OpId> parents,
                            std::optional<Seq> seq) {
  Op op = next_op(kind);
  op.target = target;
  op.name = name;
  op.parents = std::move(parents);
  if (seq) op.seq = *seq;
  SignedOp made = signed_op(std::move(op), kind == OpKind::insert ? "{}" : "\"x\"");
  index_ = made.op.index;
  tip_ = id_of(made);
  return made;
}

SignedOp HostileNode::fork(const std::string& story) {
  Op op = next_op(OpKind::insert);
  op.name = story;
  return signed_op(std::move(op), "{}");
}

std::vector<SignedOp> HostileNode::orphans(std::size_t count) {
  std::vector<SignedOp> ops;
  for (std::size_t i = 0; i < count; ++i) {
    Op op = next_op(OpKind::insert);
    op.index = OpIndex{1'000'000 + ++made_};
    op.prev = no_op();
    op.name = fmt::format("orphan_{}", made_);
    ops.push_back(signed_op(std::move(op), "{}"));
  }
  return ops;
}

std::vector<SignedOp> HostileNode::of_strangers(std::size_t count) {
  std::vector<SignedOp> ops;
  for (std::size_t i = 0; i < count; ++i) {
    Op op = next_op(OpKind::insert);
    op.index = OpIndex{1};
    op.prev = {};
    op.name = fmt::format("stranger_{}", ++made_);
    auto made = sign_op(Identity::generate(), std::move(op), "{}");
    REQUIRE(made);
    ops.push_back(made->claim());
  }
  return ops;
}

// --- what it does

void HostileNode::attack(Attack attack, HostileLink& link) {
  const auto number = [&](std::uint64_t least, std::uint64_t most) { return world_.pick(least, most); };
  const auto one = [&](SignedOp op) { link.send_ops({std::move(op)}); };
  const std::string story = fmt::format("{}_{}", name_, ++made_);
  switch (attack) {
    case Attack::random_bytes: return link.send_bytes(random_text(world_, number(0, 2'000)));
    case Attack::truncated_frame: {
      const std::string frame = sync::encode(sync::Ops{1, std::nullopt, {fork(story)}});
      return link.send_bytes(frame.substr(0, number(1, frame.size() - 1)));
    }
    case Attack::flipped_frame: {
      std::string frame = sync::encode(sync::Ops{1, std::nullopt, {fork(story)}});
      frame[number(0, frame.size() - 1)] ^= static_cast<char>(1U << number(0, 7));
      return link.send_bytes(std::move(frame));
    }
    case Attack::giant_count: {
      std::string frame = sync::encode(sync::Ask{{no_op()}});
      for (std::size_t i = 1; i < 5; ++i) frame[i] = static_cast<char>(0xff);
      return link.send_bytes(std::move(frame));
    }
    case Attack::too_deep_json: {
      SignedOp op = fork(story);
      op.content = "{\"a\":" + std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']') + "}";
      return one(resigned(identity_, std::move(op)));
    }
    case Attack::seq_above_depth: {
      SignedOp op = fork(story);
      op.op.seq = Seq{INT64_MAX};
      return one(resigned(identity_, std::move(op)));
    }
    case Attack::story_mismatch: {
      const auto insert = link.victim() != nullptr ? an_insert(*link.victim()) : std::nullopt;
      if (!insert) return one(resigned(identity_of(99), fork(story)));
      Op op = next_op(OpKind::tombstone);
      op.target = insert->id;
      op.name = "another story";
      return one(signed_op(std::move(op), std::nullopt));
    }
    case Attack::wrong_prev: {
      const auto insert = link.victim() != nullptr ? an_insert(*link.victim()) : std::nullopt;
      Op op = next_op(OpKind::insert);
      op.name = story;
      op.index = OpIndex{2};
      op.prev = insert ? insert->id : no_op();
      return one(signed_op(std::move(op), "{}"));
    }
    case Attack::bad_signature: {
      SignedOp op = fork(story);
      op.signature.bytes[number(0, 63)] ^= 1;
      return one(std::move(op));
    }
    case Attack::foreign_document: {
      SignedOp op = fork(story);
      op.op.document = random_id<DocumentId>();
      return one(resigned(identity_, std::move(op)));
    }
    case Attack::missing_dependencies: return link.send_ops(orphans(number(1, 100)));
    case Attack::equivocation: {
      one(fork(story));  // to this one alone
      if (number(0, 3) == 0) one(write(OpKind::insert, {}, story + "_on", {}));
      return;
    }
    case Attack::unknown_authors: return link.send_ops(of_strangers(number(1, 50)));
    case Attack::clock_ahead: {
      SignedOp op = write(OpKind::insert, {}, story, {});
      op.op.time_ms = INT64_MAX;
      op = resigned(identity_, std::move(op));
      tip_ = id_of(op);
      return one(std::move(op));
    }
    case Attack::lying_position: return link.send(sync::Position{LogMark{RowId{INT64_MAX}, {}}});
    case Attack::lying_tips: {
      sync::Tips tips{.round = static_cast<std::uint32_t>(number(0, 9)), .upto = {RowId{1'000'000}, {}}, .tips = {}};
      for (std::uint64_t i = 0; i < 20; ++i) tips.tips.push_back({author(), OpIndex{1 + number(0, 1'000)}, no_op()});
      return link.send(tips);
    }
    case Attack::own_op_claimed: {
      const AuthorId victim = link.victim() != nullptr ? link.victim()->author() : author();
      return link.send(sync::Tips{.round = static_cast<std::uint32_t>(number(0, 9)),
                                  .upto = {},
                                  .tips = {{victim, OpIndex{1ULL << 62U}, no_op()}}});
    }
    case Attack::false_ack: return link.send(sync::Ack{number(1, 1'000'000) << 20U});
    case Attack::want_flood: {
      sync::Want want{.round = 1, .branches = {}, .last = false};
      const auto tips = link.victim() != nullptr ? link.victim()->log().tips() : Result<std::vector<Tip>>{};
      for (const Tip& tip : tips.value_or(std::vector<Tip>{})) want.branches.push_back({tip.id, {}});
      for (std::uint64_t i = 0; i < 200; ++i) link.send(want);
      return;
    }
    case Attack::ask_flood: {
      sync::Ask ask;
      if (link.victim() != nullptr) {
        for (const OpRow& row : some_ops(*link.victim())) ask.ids.push_back(row.id);
      }
      while (ask.ids.size() < sync::kMaxIds) ask.ids.push_back(ask.ids.empty() ? no_op() : ask.ids.front());
      for (std::uint64_t i = 0; i < 100; ++i) link.send(ask);
      return;
    }
    case Attack::tips_flood: {
      sync::Tips tips{.round = 7, .upto = {}, .tips = {}, .last = false};
      tips.tips.resize(1'000, {author(), OpIndex{1}, no_op()});
      for (std::uint64_t i = 0; i < 100; ++i) link.send(tips);
      return;
    }
    case Attack::reconcile_flood:
      for (std::uint64_t i = 0; i < 1'000; ++i) link.send(sync::Reconcile{});
      return;
    case Attack::samples_flood:
      for (std::uint64_t i = 0; i < 1'000; ++i) link.send(sync::Samples{1, no_op(), {{author(), OpIndex{1}, no_op()}}});
      return;
    case Attack::lying_samples: {
      sync::Samples samples{1, no_op(), {}};
      if (link.victim() != nullptr) {
        for (const OpRow& row : some_ops(*link.victim())) samples.ops.push_back({author(), OpIndex{1}, row.id});
      }
      return link.send(samples);
    }
    case Attack::beyond_window:
      for (std::uint64_t i = 0; i < 100; ++i) link.send_ops(std::vector<SignedOp>(sync::kMaxBatchOps, fork(story)));
      return;
    case Attack::duplicates: {
      std::vector<SignedOp> ops;
      if (link.victim() != nullptr) {
        for (OpRow& row : some_ops(*link.victim())) ops.push_back(std::move(row.op));
      }
      for (std::uint64_t i = 0; i < 10 && !ops.empty(); ++i) link.send_ops(ops);
      return;
    }
    case Attack::greeting_again: {
      const sync::Self mine = self();
      return link.send(sync::Hello{.document = mine.document, .log = mine.log, .author = author()});
    }
    case Attack::serial_gap: return link.send(sync::Ops{1'000'000, std::nullopt, {}});
    case Attack::false_absent: {
      link.on_message = [&link](const sync::Message& message) {
        if (const auto* ask = std::get_if<sync::Ask>(&message)) link.send(sync::Absent{ask->ids});
      };
      return link.send_ops(orphans(3));
    }
  }
}

std::string_view to_string(Attack attack) {
  switch (attack) {
    case Attack::random_bytes: return "random bytes";
    case Attack::truncated_frame: return "a truncated frame";
    case Attack::flipped_frame: return "a frame with one bit flipped";
    case Attack::giant_count: return "a giant count";
    case Attack::too_deep_json: return "too deep JSON";
    case Attack::seq_above_depth: return "a seq above the depth";
    case Attack::story_mismatch: return "a purge under another story";
    case Attack::wrong_prev: return "another author's op as prev";
    case Attack::bad_signature: return "a bad signature";
    case Attack::foreign_document: return "an op of another document";
    case Attack::missing_dependencies: return "dependencies that never come";
    case Attack::equivocation: return "equivocation";
    case Attack::unknown_authors: return "unknown authors";
    case Attack::clock_ahead: return "a clock years ahead";
    case Attack::lying_position: return "a lying position";
    case Attack::lying_tips: return "lying tips";
    case Attack::own_op_claimed: return "tips that name an op of the victim's";
    case Attack::false_ack: return "an acknowledgement of what was not sent";
    case Attack::want_flood: return "a flood of Want";
    case Attack::ask_flood: return "a flood of Ask";
    case Attack::tips_flood: return "a flood of Tips";
    case Attack::reconcile_flood: return "a flood of Reconcile";
    case Attack::samples_flood: return "a flood of Samples";
    case Attack::lying_samples: return "samples of another branch";
    case Attack::beyond_window: return "more than the window";
    case Attack::duplicates: return "the same ops again and again";
    case Attack::greeting_again: return "a second greeting";
    case Attack::serial_gap: return "a gap in the serials";
    case Attack::false_absent: return "Absent for what it built on";
  }
  return "";
}

}  // namespace musher::testing
