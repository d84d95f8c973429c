// The server's thread that writes: what becomes of the jobs that wait when it ends.
#include <catch2/catch.hpp>
#include <future>
#include <limits>
#include <thread>

#include "server/writer.hpp"
#include "support/signed_ops.hpp"
#include "support/temp_folder.hpp"
#include "support/test_node.hpp"

using namespace musher;
using namespace musher::testing;

TEST_CASE("writer: the job under way is done, and those that had not begun are not", "[server]") {
  const TempFolder folder;
  const std::string path = TestNode(folder.path(), "node", test_document()).log().info().path;
  // Jobs are refused only when it ends.
  constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
  Writer writer({.log = path, .identity = Identity::generate(), .host = {}, .max_waiting = kAny});
  std::promise<void> begun, go_on;
  int first = 0, later = 0;
  REQUIRE(writer.submit(
      "",
      [&](Replica&) {
        begun.set_value();
        go_on.get_future().wait();
        ++first;
      },
      [](const Error&) {}));
  const auto waits = std::make_shared<int>();
  REQUIRE(writer.submit(
      "", [&, waits](Replica&) { ++later; }, [](const Error&) {}));
  begun.get_future().wait();
  std::thread ends([&] { writer.stop(); });
  while (writer.submit(
      "", [&](Replica&) { ++later; }, [](const Error&) {}))
    std::this_thread::yield();
  go_on.set_value();
  ends.join();
  CHECK(first == 1);
  CHECK(later == 0);
  CHECK(waits.use_count() == 1);
}
