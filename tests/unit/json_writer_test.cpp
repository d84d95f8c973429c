#include <catch2/catch.hpp>

#include <limits>
#include <sstream>

#include "json/json_writer.hpp"

using namespace musher;

namespace {

/// The line that write() writes.
template <class Write>
std::string line(Write write) {
  std::ostringstream out;
  JsonWriter json(out);
  write(json);
  json.end_line();
  return out.str();
}

}  // namespace

TEST_CASE("json writer: each kind of value has the form of json.md", "[json]") {
  CHECK(
      line([](JsonWriter& json) {
        OpId id;
        id.hash.fill(0xAB);
        json.begin_object().key("op_id").id(id).key("prev").id_or_null(OpId{}).key("rowid").decimal(RowId{7});
        json.key("seq").decimal(Seq{std::numeric_limits<std::uint64_t>::max()}).key("count").number(std::int64_t{-3});
        json.key("time").time(1'775'736'000'123).key("value").raw_json(R"({"a":[1,"x"]})").key("ok").boolean(true);
        json.key("empty").begin_array().end_array().end_object();
      }) ==
      "{\"op_id\":\"abababababababababababababababababababababababababababababababab\",\"prev\":null,\"rowid\":\"7\","
      "\"seq\":\"18446744073709551615\",\"count\":-3,\"time\":\"2026-04-09T12:00:00.123Z\",\"value\":{\"a\":[1,\"x\"]},"
      "\"ok\":true,\"empty\":[]}\n");
}

TEST_CASE("json writer: a document id has 32 digits, an author 64", "[json]") {
  CHECK(line([](JsonWriter& json) { json.id(DocumentId{}); }) == '"' + std::string(32, '0') + "\"\n");
  CHECK(line([](JsonWriter& json) { json.id(AuthorId{}); }) == '"' + std::string(64, '0') + "\"\n");
}

TEST_CASE("json writer: text is escaped, and bytes that are not UTF-8 are replaced", "[json]") {
  CHECK(line([](JsonWriter& json) { json.string("a\"\\\n\x1b é日"); }) == "\"a\\\"\\\\\\n\\u001B é日\"\n");
  CHECK(line([](JsonWriter& json) { json.string("a\xff\xc3\xa9\xc3"); }) == "\"a\uFFFDé\uFFFD\"\n");
  CHECK(line([](JsonWriter& json) { json.string(std::string_view("\0", 1)); }) == "\"\\u0000\"\n");
}

TEST_CASE("json writer: content of a damaged row cannot break the document or its line", "[json]") {
  CHECK(line([](JsonWriter& json) { json.raw_json("{"); }) == "\"{\"\n");
  CHECK(line([](JsonWriter& json) { json.raw_json("1,\"effective\":true"); }) == "\"1,\\\"effective\\\":true\"\n");
  CHECK(line([](JsonWriter& json) { json.raw_json("[1,\n 2]"); }) == "[1,2]\n");
}

TEST_CASE("json writer: a second line begins afresh", "[json]") {
  std::ostringstream out;
  JsonWriter json(out);
  json.begin_object().key("a").number(std::uint64_t{1}).end_object().end_line();
  json.begin_object().key("b").null().end_object().end_line();
  CHECK(out.str() == "{\"a\":1}\n{\"b\":null}\n");
}

TEST_CASE("json writer: a long list goes to the stream as it is written, and comes out whole", "[json]") {
  std::ostringstream out;
  JsonWriter json(out);
  json.begin_array();
  for (int i = 0; i < 20'000; ++i) json.begin_object().key("n").number(std::int64_t{i}).end_object();
  CHECK(out.str().size() > 100'000);
  json.end_array().end_line();
  CHECK(out.str().starts_with("[{\"n\":0},{\"n\":1},"));
  CHECK(out.str().ends_with(",{\"n\":19999}]\n"));
}

TEST_CASE("json writer: a string has the document without a newline", "[json]") {
  std::string text = "before ";
  JsonWriter json(text);
  json.begin_array().number(0.5).number(100.0).number(-3.0).verbatim("{\"a\":[]}").verbatim("1").end_array().end();
  CHECK(text == "before [0.5,100,-3,{\"a\":[]},1]");
}
