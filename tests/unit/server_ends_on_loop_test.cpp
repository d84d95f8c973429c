#include "server/ends_on_loop.hpp"

#include <mutex>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace musher;

namespace {

struct Resident {
  explicit Resident(std::thread::id& gone_on) : ended_on(gone_on) {}
  ~Resident() { ended_on = std::this_thread::get_id(); }
  std::thread::id& ended_on;
};

}  // namespace

TEST_CASE("server: what another thread lets go of last ends on the loop", "[server]") {
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  const auto post = [&](std::function<void()> work) {
    const std::lock_guard lock(mutex);
    posted.push_back(std::move(work));
  };
  std::thread::id ended_on;
  auto resident = ends_on_loop<Resident>(post, std::make_shared<Resident>(ended_on));
  CHECK(&resident->ended_on == &ended_on);
  std::thread other([job = std::move(resident)]() mutable { job.reset(); });
  other.join();
  CHECK(ended_on == std::thread::id());
  REQUIRE(posted.size() == 1);
  posted.clear();
  CHECK(ended_on == std::this_thread::get_id());
}
