// Logs of random histories, read by this program and by musher_format.py: the same ops, heads, chain and state.
#include <simdjson.h>
#include <catch2/catch.hpp>

#include <cstdio>
#include <filesystem>
#include <random>
#include <tuple>

#include "crypto/hashing.hpp"
#include "document/causal_index.hpp"
#include "document/document.hpp"
#include "model/text.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/trust_policy.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using namespace musher::testing;
namespace fs = std::filesystem;

namespace {

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().what);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// Six authors: 1 and 2 are allowed, 3 is an eraser, 4 is revoked on the way, 5 from an op that never came, 6 is
/// unknown. Authors 2 and 4 write on two branches now and then, as a copied key would.
class RandomLog {
 public:
  RandomLog(const fs::path& file, std::uint64_t seed)
      : random_(seed),
        log_(must(SqliteOpLog::create(file, {.document = test_document(), .group = {}, .created_ms = 0}))) {
    for (std::uint8_t author = 1; author <= 4; ++author) trust(author, Trust::allowed, {});
    trust(5, Trust::revoked, op_id_of(0x55));
  }

  void write(std::size_t count) {
    auto transaction = must(log_->begin_write(std::chrono::seconds(10)));
    for (std::size_t n = 0; n < count; ++n) append(*transaction);
    must(transaction->commit());
  }

  void revoke(std::uint8_t author) {
    std::vector<OpId> own;
    for (const Entry& entry : entries_) {
      if (entry.op.author == identity_of(author).author()) own.push_back(entry.id);
    }
    trust(author, Trust::revoked, own.empty() ? std::nullopt : std::optional(own[below(own.size())]));
  }

  [[nodiscard]] LogReader& reader() { return *log_; }

 private:
  struct Entry {
    OpId id;
    Op op;
    Depth depth{};
  };

  std::size_t below(std::size_t limit) { return random_() % limit; }

  void trust(std::uint8_t number, Trust trust, std::optional<OpId> from) {
    TrustChange change{0,
                       "root",
                       trust == Trust::allowed ? "add" : "revoke",
                       {identity_of(number).author(), "author " + std::to_string(number), trust, number == 3, from}};
    auto transaction = must(log_->begin_write(std::chrono::seconds(10)));
    must(transaction->set_author(change));
    must(transaction->commit());
  }

  [[nodiscard]] const Entry* pick(std::initializer_list<OpKind> kinds) {
    std::vector<const Entry*> found;
    for (const Entry& entry : entries_) {
      if (std::ranges::find(kinds, entry.op.kind) != kinds.end()) found.push_back(&entry);
    }
    return found.empty() ? nullptr : found[below(found.size())];
  }

  void append(WriteTransaction& transaction) {
    const Identity identity = identity_of(static_cast<std::uint8_t>(1 + below(6)));
    Op op;
    op.document = test_document();
    op.time_ms = static_cast<std::int64_t>(random_());
    op.actor = below(2) == 0 ? "" : "\xc3\xa9";
    choose_kind(op);
    choose_prev(op, identity.author());
    for (std::size_t n = below(5); n > 0 && !entries_.empty(); --n)
      op.parents.push_back(entries_[below(entries_.size())].id);
    std::ranges::sort(op.parents);
    op.parents.erase(std::ranges::unique(op.parents).begin(), op.parents.end());

    std::vector<DependencyFacts> facts;
    std::uint64_t deepest = 0;
    for (const OpId& id : dependencies(op)) {
      const Entry& entry = *std::ranges::find(entries_, id, &Entry::id);
      facts.push_back({id, entry.op.kind, entry.op.author, entry.op.index, entry.depth, entry.op.name});
      deepest = std::max(deepest, raw(entry.depth));
    }
    op.seq = op.kind == OpKind::erase ? Seq{0} : Seq{1 + below(std::min<std::uint64_t>(deepest + 1, 3))};

    const VerifiedOp made = must(sign_op(identity, op, content_of(op.kind)));
    const auto depth = check_dependencies(made.op(), facts);
    REQUIRE(depth);
    const TrustPolicy policy = must(TrustPolicy::read(transaction));
    bool erases = false;
    if (op.kind == OpKind::erase) {
      const Entry& target = *std::ranges::find(entries_, op.target, &Entry::id);
      erases = policy.would_hear(made.op().author) &&
               (target.op.author == made.op().author || policy.is_eraser(made.op().author));
    }
    must(transaction.append(made, *depth, below(2) == 0 ? "local" : "client", static_cast<std::int64_t>(below(1000)),
                            erases));
    entries_.push_back({made.id(), made.op(), *depth});
  }

  void choose_kind(Op& op) {
    const std::size_t dice = below(10);
    const Entry* item = pick({OpKind::insert});
    op.kind = item == nullptr || dice < 3 ? OpKind::insert
              : dice < 7                  ? OpKind::set
              : dice < 9                  ? OpKind::tombstone
                                          : OpKind::erase;
    const Entry* target = op.kind == OpKind::erase ? pick({OpKind::insert, OpKind::set, OpKind::tombstone}) : item;
    if (target != nullptr && (op.kind != OpKind::insert || below(2) == 0)) op.target = target->id;
    if (op.kind == OpKind::insert) op.name = "story " + std::to_string(below(4));
    if (op.kind == OpKind::set) {
      op.name = std::array{"stage", "name", "\xc3\xa9", "a"}[below(4)];
      if (below(2) == 0) std::tie(op.target, op.name) = std::pair{entries_.front().id, "stage"};  // one that many write
    }
    if (op.kind == OpKind::tombstone && below(2) == 0) op.name = target->op.name;
  }

  void choose_prev(Op& op, const AuthorId& author) {
    std::vector<const Entry*> own;
    for (const Entry& entry : entries_) {
      if (entry.op.author == author) own.push_back(&entry);
    }
    if (own.empty()) return;
    const bool forks = (author == identity_of(2).author() || author == identity_of(4).author()) && below(4) == 0;
    const Entry* prev = forks ? own[below(own.size())] : own.back();
    op.prev = prev->id;
    op.index = next(prev->op.index);
  }

  std::optional<std::string> content_of(OpKind kind) {
    switch (kind) {
      case OpKind::insert:
        return std::array{R"({})", R"({"name":"n","stage":"1"})", R"({"a":1e+21,"é":[null]})"}[below(3)];
      case OpKind::set: return std::array{"null", "\"2_current\"", "[0.5]"}[below(3)];
      case OpKind::tombstone:
      case OpKind::erase: break;
    }
    return below(2) == 0 ? std::optional<std::string>(R"({"reason":"x"})") : std::nullopt;
  }

  std::mt19937_64 random_;
  std::unique_ptr<SqliteOpLog> log_;
  std::vector<Entry> entries_;
};

std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, got);
  INFO(text);
  CHECK(::pclose(pipe) == 0);
  return text;
}

}  // namespace

TEST_CASE("log: both readers find the same ops, heads, chain, stories and state", "[conformance]") {
  const fs::path folder = fs::temp_directory_path() / ("musher-conformance-" + to_hex(random_id<Salt>().bytes));
  fs::create_directory(folder);
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    const fs::path file = folder / (std::to_string(seed) + ".db");
    RandomLog log(file, seed);
    log.write(60);
    log.revoke(4);
    log.write(60);

    LogReader& reader = log.reader();
    const TrustPolicy policy = must(TrustPolicy::read(reader));
    CausalIndex index;
    Document document(index);
    must(reader.scan(RowId{0}, must(reader.last_row()), [&](ScannedRow&& scanned) {
      const OpRow& row = std::get<OpRow>(scanned);
      REQUIRE(index.add(row.id, row.op.op));
      const bool heard = policy.effective(row.id, row.op.op);
      must(document.apply({row.id, row.op.op, row.op.content, heard, policy.is_eraser(row.op.op.author)}));
      return true;
    }));

    simdjson::dom::parser parser;
    const std::string json =
        output_of("/usr/bin/python3 " MUSHER_SOURCE_DIR "/tests/conformance/musher_format.py log " + file.string());
    auto theirs = parser.parse(json);
    CHECK(theirs["ops"].get_uint64().value() == 120);
    CHECK(theirs["valid"].get_uint64().value() == 120);
    CHECK(theirs["state_digest"].get_string().value() == to_hex(document.state_digest().bytes));
    CHECK(theirs["chain"].get_string().value() == to_hex(must(reader.last_mark()).chain.bytes));
    CHECK(theirs["items"].get_uint64().value() == document.counts().items);
    std::vector<std::string> heads, stories;
    for (const auto head : theirs["heads"].get_array()) heads.emplace_back(head.get_string().value());
    for (const auto story : theirs["stories"].get_array()) stories.emplace_back(story.get_string().value());
    std::vector<std::string> own_heads;
    for (const Head& head : must(reader.heads())) own_heads.push_back(to_hex(head.id.hash));
    std::ranges::sort(own_heads);
    std::vector<std::string> own_stories = document.stories();
    std::ranges::sort(own_stories);
    CHECK(heads == own_heads);
    CHECK(stories == own_stories);
  }
  fs::remove_all(folder);
}
