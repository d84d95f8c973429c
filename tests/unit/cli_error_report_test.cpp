#include <catch2/catch.hpp>

#include "cli/error_report.hpp"
#include "support/fake_terminal.hpp"

using namespace musher;
using namespace musher::test;

namespace {

std::string text_of(const Error& error) {
  FakeTerminal fake;
  Terminal terminal = fake.terminal();
  terminal.set_quiet(true);
  report_error(error, terminal);
  CHECK(fake.out.str().empty());
  return fake.err.str();
}

std::string json_of(const Error& error) {
  std::ostringstream err;
  report_error_json(error, err);
  return err.str();
}

}  // namespace

TEST_CASE("error report: what failed, then what to run next, also when quiet", "[cli]") {
  CHECK(text_of({Errc::not_a_log, "cannot read pipeline.db: no such file", "musher init"}) ==
        "musher-put: cannot read pipeline.db: no such file\n  hint: musher init\n");
  CHECK(text_of({Errc::io, "the disk is full", ""}) == "musher-put: the disk is full\n");
}

TEST_CASE("error report: candidates are a question, those of an ambiguous prefix a list", "[cli]") {
  CHECK(text_of({Errc::not_found, "there is no story '478_y'", "", {"478_x"}}) ==
        "musher-put: there is no story '478_y'; did you mean '478_x'?\n");
  CHECK(text_of({Errc::ambiguous, "'0a1b2c' is not one op", "", {"0a1b2c1", "0a1b2c2", "0a1b2c3"}}) ==
        "musher-put: '0a1b2c' is not one op; it could be '0a1b2c1', '0a1b2c2' or '0a1b2c3'\n");
}

TEST_CASE("error report: hostile text is escaped", "[cli]") {
  CHECK(text_of({Errc::io, "a\x1b[2Jb", "c\nd", {"\u202e"}}) ==
        "musher-put: a\\x1b[2Jb; did you mean '\\u{202e}'?\n  hint: c\\x0ad\n");
}

TEST_CASE("error report: in one line, escaped, also when quiet", "[cli]") {
  FakeTerminal fake;
  Terminal terminal = fake.terminal();
  terminal.set_quiet(true);
  report_in_one_line({Errc::busy, "lo\ncked", "try again"}, terminal);
  report_in_one_line({Errc::io, "the disk is full", ""}, terminal);
  CHECK(fake.err.str() == "musher-put: lo\\x0acked (try again)\nmusher-put: the disk is full\n");
}

TEST_CASE("error report: as JSON it is one line with the shape of json.md", "[cli]") {
  CHECK(json_of({Errc::not_found, "no \"x\"", "musher inspect", {"478_x"}}) ==
        R"({"schema":"musher.error/1","exit_code":1,"code":"not_found","message":"no \"x\"","hint":"musher inspect",)"
        R"("candidates":["478_x"]})"
        "\n");
  CHECK(json_of({Errc::busy, "locked", ""}) ==
        R"({"schema":"musher.error/1","exit_code":6,"code":"busy","message":"locked","candidates":[]})"
        "\n");
  CHECK(json_of({Errc::io, "bad \xff byte", ""}).find("bad \xEF\xBF\xBD byte") != std::string::npos);
}

TEST_CASE("error report: a status line is taken away first", "[cli]") {
  FakeTerminal fake;
  Terminal terminal = fake.terminal(true, {{"NO_COLOR", "1"}});
  terminal.status("1/2");
  report_error({Errc::busy, "locked", ""}, terminal);
  CHECK(fake.err.str() == "1/2\r\x1b[Kmusher-put: locked\n");
}
