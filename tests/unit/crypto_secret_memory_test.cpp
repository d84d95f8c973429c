// Where the bytes of a secret key are in memory: a child process loads a key, its parent reads the child's memory.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "crypto/hashing.hpp"
#include "crypto/identity.hpp"
#include "model/text.hpp"
#include "support/signed_ops.hpp"
#include "support/skip.hpp"

using namespace musher;
using namespace musher::testing;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLargestRegion = std::size_t{256}
                                       << 20;  // a sanitizer's shadow is larger, and holds no program's bytes

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLocks = false;  // the sanitizers make mlock do nothing
#else
constexpr bool kLocks = true;
#endif

/// A child process that does some work, says so, and waits to be read.
class StoppedChild {
 public:
  explicit StoppedChild(const std::function<void(const std::function<void()>& pause)>& work) {
    int ready[2], go[2];
    REQUIRE(::pipe(ready) == 0);
    REQUIRE(::pipe(go) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::close(go[1]);
      work([&] {
        char byte = 'r';
        if (::write(ready[1], &byte, 1) != 1 || ::read(go[0], &byte, 1) != 1) ::_exit(2);
      });
      ::_exit(0);
    }
    ::close(go[0]);
    ::close(ready[1]);
    ready_ = ready[0];
    go_ = go[1];
  }
  StoppedChild(const StoppedChild&) = delete;
  StoppedChild& operator=(const StoppedChild&) = delete;
  ~StoppedChild() {
    ::close(go_);
    ::close(ready_);
    ::waitpid(pid_, nullptr, 0);
  }

  void wait_for_pause() {
    char byte = 0;
    REQUIRE(::read(ready_, &byte, 1) == 1);
  }
  void go_on() { REQUIRE(::write(go_, "g", 1) == 1); }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int ready_ = -1;
  int go_ = -1;
};

struct Found {
  int dumped = 0;   ///< where a core dump would show it
  int guarded = 0;  ///< in memory that is locked and left out of core dumps
};

Found search(pid_t pid, const std::vector<std::string>& needles) {
  Found found;
  const int memory = ::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(memory >= 0);
  std::ifstream maps("/proc/" + std::to_string(pid) + "/smaps");
  std::string line, bytes;
  std::uint64_t begin = 0, end = 0;
  bool readable = false;
  while (std::getline(maps, line)) {
    if (std::istringstream head(line); line.find('-') < line.find(' ') && line.find(':') > line.find(' ')) {
      char dash = 0;
      std::string mode;
      head >> std::hex >> begin >> dash >> end >> mode;
      readable = mode.starts_with("r");
    }
    if (!line.starts_with("VmFlags:") || !readable || end - begin > kLargestRegion) continue;
    bytes.resize(end - begin);
    const ssize_t got = ::pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(begin));
    if (got <= 0) continue;
    const std::string_view seen(bytes.data(), static_cast<std::size_t>(got));
    const bool guarded = line.find(" dd") != line.npos && (!kLocks || line.find(" lo") != line.npos);
    for (const std::string& needle : needles) {
      for (std::size_t at = seen.find(needle); at != seen.npos; at = seen.find(needle, at + 1)) {
        ++(guarded ? found.guarded : found.dumped);
      }
    }
  }
  ::close(memory);
  return found;
}

/// The key's seed as bytes, in hex and in halves of each: what a copy that was partly overwritten would still show.
std::vector<std::string> needles_of(const fs::path& key_file) {
  std::ifstream in(key_file);
  std::string word, hex;
  while (in >> word && word != "secret") continue;
  in >> hex;
  std::array<std::uint8_t, 32> seed{};
  REQUIRE(from_hex(hex, seed));
  const std::string bytes(seed.begin(), seed.end());
  return {bytes.substr(0, 16), bytes.substr(16), hex.substr(0, 32), hex.substr(32)};
}

}  // namespace

TEST_CASE("secret: a loaded key is only in guarded memory, and nowhere once it is dropped", "[crypto]") {
  const fs::path folder = fs::temp_directory_path() / ("musher-secret-" + to_hex(random_id<Salt>().bytes));
  fs::create_directory(folder);
  const fs::path file = folder / "key";
  {
    // Neither this process nor its later child ever has this key in memory, but for the needles.
    StoppedChild maker([&](const auto& pause) {
      const bool saved = Identity::generate().save_new(file).has_value();
      pause();
      (void)saved;
    });
    maker.wait_for_pause();
    maker.go_on();
  }
  REQUIRE(fs::exists(file));

  StoppedChild child([&](const auto& pause) {
    {
      auto identity = Identity::load(file);
      if (!identity) ::_exit(3);
      (void)identity->sign(op_id_of(1));
      Identity moved = *std::move(identity);
      (void)moved.sign_statement("musher test 1", Digest{});
      pause();
    }
    pause();
  });
  child.wait_for_pause();
  const std::vector<std::string> needles = needles_of(file);
  const Found loaded = search(child.pid(), needles);
  child.go_on();
  child.wait_for_pause();
  const Found dropped = search(child.pid(), needles);
  child.go_on();
  fs::remove_all(folder);

  CHECK(loaded.dumped == 0);
  CHECK(loaded.guarded == 2);  // the two halves of the seed, once
  CHECK(dropped.dumped == 0);
  CHECK(dropped.guarded == 0);
}

TEST_CASE("secret: a key that was saved is nowhere once it is dropped", "[crypto]") {
  const fs::path folder = fs::temp_directory_path() / ("musher-secret-" + to_hex(random_id<Salt>().bytes));
  fs::create_directory(folder);
  const fs::path file = folder / "key";
  StoppedChild child([&](const auto& pause) {
    if (!Identity::generate().save_new(file)) ::_exit(3);
    pause();
  });
  child.wait_for_pause();
  const Found dropped = search(child.pid(), needles_of(file));
  child.go_on();
  fs::remove_all(folder);
  CHECK(dropped.dumped == 0);
  CHECK(dropped.guarded == 0);
}
