// Invariant 5: the memory of a process that follows a log equals a fresh replay of its file, at every quiet moment.

#include <catch2/catch.hpp>
#include <random>

#include "replica/purge.hpp"
#include "replica/trust.hpp"
#include "support/test_node.hpp"
#include "support/workshop.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

const DocumentId kDocument{{5}};

void purge_story(TestNode& node, const std::string& story) {
  const auto plan = plan_purge(node.log(), {{story}, std::nullopt, std::nullopt}, "test");
  if (!plan) return;  // never inserted here
  REQUIRE(execute(node.replica(), *plan));
}

/// One random act of a writer on a story that may or may not be there.
void act(TestNode& node, std::mt19937& random) {
  const std::string story = std::to_string(random() % 4) + "_story";
  const std::string value = "\"" + std::to_string(random()) + "\"";
  switch (random() % 6) {
    case 0:
    case 1: (void)put(node.replica(), {story, {{"stage", value}}, true, random() % 2 == 0, false}); break;
    case 2:
    case 3: (void)put(node.replica(), {story, {{"stage", value}, {"agent", value}}, false, false, false}); break;
    case 4: purge_story(node, story); break;
    default: node.insert(story); break;  // a second item of the same story, maybe of a purged one
  }
}

void check_equal(const LiveDocument& memory, const LiveDocument& fresh) {
  CHECK(memory.document().items(true) == fresh.document().items(true));
  CHECK(memory.document().stories() == fresh.document().stories());
  CHECK(memory.document().register_seqs() == fresh.document().register_seqs());
  CHECK(memory.document().state_digest() == fresh.document().state_digest());
  CHECK(memory.last_row() == fresh.last_row());
}

}  // namespace

TEST_CASE("memory that follows a log equals a fresh replay after any writes, purges, admissions and changes of trust") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
  std::mt19937 random(seed);
  INFO("seed " << seed);
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  there.trust(here, "here");
  LiveDocument memory = here.document();
  for (int step = 0; step < 60; ++step) {
    act(random() % 3 == 0 ? there : here, random);
    if (random() % 8 == 0) here.receive_all(there);
    if (random() % 8 == 0) there.receive_all(here);
    if (random() % 16 == 0) REQUIRE(trust_revoke(here.replica(), there.author(), std::nullopt));
    if (random() % 8 == 0) here.trust(there, "there");
    if (random() % 3 != 0) continue;
    REQUIRE(memory.catch_up(here.log()));
    check_equal(memory, here.document());
  }
  here.trust(there, "there");
  here.receive_all(there);
  there.receive_all(here);
  REQUIRE(memory.catch_up(here.log()));
  check_equal(memory, here.document());
  CHECK(memory.document().state_digest() == there.document().document().state_digest());
}
