// A log with very many heads, as a node has it that hears many others at once.

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <sstream>

#include "support/test_node.hpp"
#include "support/workshop.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr int kHeads = 391;

/// here.db: an insert, and on top of it an op for each head.
void make_log(const Workshop& workshop) {
  const DocumentId document{{9}};
  TestNode here(workshop.folder(), "here", document);
  TestNode wide(workshop.folder(), "wide", document);
  here.trust(wide, "wide");
  const OpRow first = wide.insert("478_wide");
  here.receive(first);
  for (int n = 0; n < kHeads; ++n) here.receive(wide.fork(first, {OpKind::set, first.id, "stage", "\"x\"", {}}));
}

/// The results of these calls, one a line, from a server on standard input and output.
std::vector<std::string> results_of(Workshop& workshop, const std::vector<std::string>& calls) {
  std::string input =
      R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},)"
      R"("clientInfo":{"name":"test","version":"1"}}})"
      "\n"
      R"({"jsonrpc":"2.0","method":"notifications/initialized"})"
      "\n";
  for (std::size_t n = 0; n < calls.size(); ++n)
    input += fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{}}})", n + 1, calls[n]) + "\n";
  const Outcome done = workshop.run({"musher-serve", "--log", "here.db", "--read-only", "--stdio"}, input);
  INFO(done.err);
  REQUIRE(done.code == 0);
  std::vector<std::string> results(calls.size());
  std::istringstream lines(done.out);
  for (std::string line; std::getline(lines, line);) {
    for (std::size_t n = 0; n < calls.size(); ++n)
      if (line.find(fmt::format("\"id\":{},", n + 1)) != line.npos) results[n] = line;
  }
  return results;
}

}  // namespace

TEST_CASE("many heads: a result has some of them and how many more there are, a command's document all", "[server]") {
  Workshop workshop;
  make_log(workshop);
  const auto results =
      results_of(workshop, {R"({"name":"get_node","arguments":{}})", R"({"name":"list_agents","arguments":{}})"});
  const auto number = [&](const std::string& document, const std::string& path) {
    return std::stoi(workshop.json(document, path));
  };
  const std::string document = "['result']['structuredContent']";
  for (const std::string& result : results) {
    CHECK(result.size() < 100'000);
    CHECK(number(result, document + "['log']['heads'].__len__()") == 20);
    CHECK(number(result, document + "['log']['heads_left_out']") == kHeads - 20);
  }
  CHECK(number(results[0], document + "['heads'].__len__()") == 200);
  CHECK(number(results[0], document + "['heads_left_out']") == kHeads - 200);
  const std::string local = workshop.must({"musher-inspect", "--log", "here.db", "summary", "--json"});
  CHECK(number(local, "['log']['heads'].__len__()") == kHeads);
  CHECK(local.find("heads_left_out") == local.npos);
}
