// A server that learns that its own key has written what its log has not got: until when it says so.

#include <catch2/catch.hpp>

#include "model/text.hpp"
#include "server/own_ops.hpp"
#include "support/log_builder.hpp"
#include "support/signed_ops.hpp"
#include "support/temp_folder.hpp"
#include "support/test_node.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;

namespace {

struct Scene {
  Scene() : node(folder.path(), "node", test_document()), peer(folder.path(), "peer", test_document()) {
    node.insert("first");
    live = must(LiveLog::open({.path = node.log().info().path, .announce = false}));
    live->catch_up();
    own.emplace(*live, node.author(), folder.path() / "state",
                OwnOps::Hooks{[this](const Tip& tip, std::function<void(Result<void>)> done) {
                                notes.push_back(tip);
                                done(note);
                              },
                              [this](bool, std::string_view event, const std::string&) { told.emplace_back(event); },
                              [this] { ++changes; }});
    own->opened();
  }
  /// What this node's key wrote before its file went back.
  [[nodiscard]] Tip lost() {
    const OpRow row = node.fork(node.rows().back(), {OpKind::insert, OpId{}, "second", "{}", {}}, Seq{2});
    return {node.author(), row.op.op.index, row.id};
  }

  TempFolder folder;
  TestNode node, peer;
  std::unique_ptr<LiveLog> live;
  std::optional<OwnOps> own;
  Result<void> note;
  std::vector<Tip> notes;
  std::vector<std::string> told;
  int changes = 0;
};

}  // namespace

TEST_CASE("own ops: one that a peer has holds writes, and says who has it, until it is here", "[server]") {
  Scene scene;
  CHECK_FALSE(scene.own->problem());
  const OpRow row = scene.node.insert("second");  // by another process, and not followed yet
  scene.own->shown({scene.node.author(), row.op.op.index, row.id}, scene.peer.author());
  CHECK_FALSE(scene.own->problem());  // it is in the file
  const Tip lost = scene.lost();
  scene.own->shown(lost, scene.peer.author());
  REQUIRE(scene.own->problem());
  CHECK_THAT(*scene.own->problem(), Catch::Matchers::Contains(to_hex(scene.peer.author().key)) &&
                                        Catch::Matchers::Contains(to_hex(lost.id.hash)));
  CHECK(scene.notes == std::vector{lost});
  CHECK(scene.changes == 1);
  scene.own->tick(60s);
  CHECK(scene.own->problem());
}

TEST_CASE("own ops: a note that cannot be written is tried again", "[server]") {
  Scene scene;
  scene.note = fail(Errc::io, "no space");
  scene.own->tick(1s);
  scene.own->shown(scene.lost(), scene.peer.author());
  CHECK(scene.told == std::vector<std::string>{"own ops elsewhere"});
  CHECK(scene.changes == 0);
  scene.own->tick(5s);
  CHECK(scene.notes.size() == 1);
  scene.note = {};
  scene.own->tick(6s);
  CHECK(scene.notes.size() == 2);
  CHECK(scene.changes == 1);
  CHECK(scene.own->problem());
}

TEST_CASE("own ops: a log of another document in the place of this one has lost nothing", "[server]") {
  Scene scene;
  scene.own->shown(scene.lost(), scene.peer.author());
  REQUIRE(scene.own->problem());
  const std::filesystem::path path = scene.node.log().info().path;
  SECTION("the same log opened anew: it is still missing") {
    REQUIRE(scene.live->reopen());
    scene.own->opened();
    CHECK(scene.own->problem());
  }
  SECTION("another document") {
    TestNode other(scene.folder.path(), "other", DocumentId{{9}});
    other.insert("of another document");
    std::filesystem::rename(path, path.native() + ".before");
    for (const char* file : {"-wal", "-shm"}) std::filesystem::remove(path.native() + file);
    std::filesystem::create_symlink(other.log().info().path, path);
    REQUIRE(scene.live->reopen());
    scene.own->opened();
    CHECK_FALSE(scene.own->problem());
    scene.own->tick(60s);
    CHECK_FALSE(scene.own->problem());
    CHECK(scene.notes.size() == 1);
    CHECK(scene.told.empty());  // nothing is back
  }
}
