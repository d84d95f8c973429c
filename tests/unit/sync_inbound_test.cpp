// What of a peer's ops goes into one write.
#include "sync/inbound.hpp"

#include <catch2/catch.hpp>

#include "support/signed_ops.hpp"

namespace musher::sync {
namespace {

/// Verifies at once; nothing is read or written.
class Instant final : public Services {
 public:
  std::chrono::milliseconds now() override { return {}; }
  std::int64_t clock_ms() override { return 0; }
  void random(std::span<std::uint8_t>) override {}
  void read(std::function<Result<void>(LogReader&)>, std::function<void(Result<void>)>) override {}
  void write(std::function<Result<void>(Replica&)>, std::function<void(Result<void>)>) override {}
  void verify(std::vector<SignedOp> ops, std::function<void(Verified)> done) override {
    done(Verified(ops.size(), testing::plain_signed(OpKind::insert)));
  }
  std::function<void()> dial(const std::string&, std::function<void(Result<OpenLink>)>) override { return {}; }
};

TEST_CASE("sync inbound: who floods the quarantine gets small transactions, whatever it sends in between", "[sync]") {
  Instant services;
  const Limits limits;
  const auto ignore = [](const auto&...) {};
  const auto inbound =
      std::make_shared<Inbound>(services, limits, AuthorId{},
                                Inbound::Hooks{ignore, ignore, ignore, [] {}, [](const Tip&) { return false; }, ignore,
                                               ignore, [] { return std::size_t{0}; }});
  std::uint64_t serial = 0;
  const auto send = [&](std::size_t ops) {
    std::vector<SignedOp> some(ops, testing::plain_signed(OpKind::insert).claim());
    REQUIRE(inbound->take(Ops{++serial, std::nullopt, std::move(some)}, 100 * ops));
  };
  send(256);
  send(256);
  auto work = inbound->take_ready();
  CHECK(work.ops.size() == 512);
  BatchReport report;
  report.waiting = 512;
  inbound->admitted(work, report);

  send(0);
  work = inbound->take_ready();
  CHECK(work.ops.empty());
  CHECK(work.last_serial == 3);
  inbound->admitted(work, {});

  send(256);
  send(256);
  work = inbound->take_ready();
  CHECK(work.ops.size() == 256);
  report.waiting = 10;
  report.admitted = 246;
  inbound->admitted(work, report);
  send(256);
  CHECK(inbound->take_ready().ops.size() == 512);
}

}  // namespace
}  // namespace musher::sync
