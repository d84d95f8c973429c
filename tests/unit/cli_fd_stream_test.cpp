#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <cerrno>

#include "cli/fd_stream.hpp"
#include "support/temp_dir.hpp"

using namespace musher;
using namespace musher::test;

namespace {

struct File {
  explicit File(const std::filesystem::path& path) : fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(fd); }
  int fd;
};

}  // namespace

TEST_CASE("fd stream: writes everything, more than it holds, at flush", "[cli]") {
  const TempDir dir;
  const File file(dir / "out");
  FdStream out(file.fd);
  const std::string text(200'000, 'x');
  out << "begin " << text << " end\n";
  CHECK(read_file(dir / "out").size() < text.size() + 11);
  out.flush();
  CHECK(read_file(dir / "out") == "begin " + text + " end\n");
  CHECK(out.error() == 0);
}

TEST_CASE("fd stream: a full disk is remembered as such", "[cli]") {
  const File full("/dev/full");
  FdStream out(full.fd);
  out << "lost" << std::flush;
  CHECK(out.bad());
  CHECK(out.error() == ENOSPC);
}

TEST_CASE("fd stream: a reader that is gone is remembered as such, and throws where it is asked to", "[cli]") {
  signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  close(ends[0]);
  FdStream out(ends[1]);
  out.exceptions(std::ios::badbit);
  CHECK_THROWS_AS(out << "lost" << std::flush, std::ios::failure);
  CHECK(out.error() == EPIPE);
  close(ends[1]);
}

TEST_CASE("fd stream: a closed descriptor fails, but only when something is written", "[cli]") {
  FdStream unused(-1);
  unused.flush();
  CHECK(unused.error() == 0);
  FdStream used(-1);
  used << 'x' << std::flush;
  CHECK(used.error() == EBADF);
}
