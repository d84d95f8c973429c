// Who is told of as an author whose ops wait, when strangers come by the thousand.
#include "server/waiting_authors.hpp"

#include <catch2/catch.hpp>

using namespace musher;

namespace {

AuthorId author(std::size_t number) {
  AuthorId id;
  id.key = {static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8)};
  return id;
}

struct Scene {
  Standing standing = Standing::unknown;
  std::vector<AuthorId> told;
  WaitingAuthors authors{[this](const AuthorId&) { return standing; },
                         [this](const AuthorId& author, Standing) { told.push_back(author); }};
};

}  // namespace

TEST_CASE("waiting authors: each that is not trusted is told of once, and nobody who is trusted", "[server]") {
  Scene scene;
  scene.standing = Standing::allowed;
  scene.authors.waits(author(1));
  CHECK(scene.told.empty());
  scene.standing = Standing::revoked;
  for (int times = 0; times < 3; ++times) scene.authors.waits(author(1));
  scene.standing = Standing::unknown;
  for (int times = 0; times < 3; ++times) scene.authors.waits(author(2));
  scene.authors.waits(author(1));
  CHECK(scene.told == std::vector{author(1), author(2)});
}

TEST_CASE("waiting authors: a flood of strangers is not remembered without end", "[server]") {
  Scene scene;
  for (std::size_t number = 0; number < 2 * WaitingAuthors::kMostTold; ++number) scene.authors.waits(author(number));
  CHECK(scene.told.size() == WaitingAuthors::kMostTold);
}
