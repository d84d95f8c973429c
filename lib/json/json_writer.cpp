#include "json/json_writer.hpp"

#include <cassert>
#include <cmath>
#include <ostream>
#include <string>

// RapidJSON's own assertions are for its misuse; ours say where.
#define RAPIDJSON_ASSERT(x) assert(x)
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "model/canonical_json.hpp"
#include "model/text.hpp"
#include "model/utc.hpp"

namespace musher {
namespace {

constexpr std::size_t kHeldBackBytes = 64 * 1024;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

rapidjson::SizeType size_of(std::string_view text) { return static_cast<rapidjson::SizeType>(text.size()); }

/// The longest run of whole characters that text starts with, at most 4 bytes; 0 when it starts with a bad byte.
std::size_t first_character(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (is_utf8(text.substr(0, length))) return length;
  }
  return 0;
}

std::string replace_bad_bytes(std::string_view text) {
  std::string good;
  while (!text.empty()) {
    const std::size_t length = first_character(text);
    good += length > 0 ? text.substr(0, length) : kReplacement;
    text.remove_prefix(length > 0 ? length : 1);
  }
  return good;
}

}  // namespace

struct JsonWriter::State {
  std::ostream* stream;  ///< one of the two
  std::string* text;
  rapidjson::StringBuffer buffer{};
  rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};

  void put(std::string_view bytes) const {
    if (stream != nullptr)
      stream->write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    else
      text->append(bytes);
  }
};

JsonWriter::JsonWriter(std::ostream& out) : state_(new State{&out, nullptr}) {}
JsonWriter::JsonWriter(std::string& out) : state_(new State{nullptr, &out}) {}
JsonWriter::~JsonWriter() = default;

JsonWriter& JsonWriter::begin_object() {
  state_->writer.StartObject();
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  state_->writer.EndObject();
  if (state_->buffer.GetSize() > kHeldBackBytes) drain();
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  state_->writer.StartArray();
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  state_->writer.EndArray();
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  state_->writer.Key(name.data(), size_of(name));
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  if (is_utf8(text)) {
    state_->writer.String(text.data(), size_of(text));
  } else {
    const std::string good = replace_bad_bytes(text);
    state_->writer.String(good.data(), size_of(good));
  }
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  state_->writer.Bool(value);
  return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value) {
  state_->writer.Int64(value);
  return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
  state_->writer.Uint64(value);
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  constexpr double kExact = 9007199254740992;  // 2^53: beyond it not every integer is a double
  assert(std::isfinite(value));
  if (value == std::trunc(value) && std::fabs(value) <= kExact)
    state_->writer.Int64(static_cast<std::int64_t>(value));
  else
    state_->writer.Double(value);
  return *this;
}

JsonWriter& JsonWriter::null() {
  state_->writer.Null();
  return *this;
}

JsonWriter& JsonWriter::decimal_signed(std::int64_t value) { return string(std::to_string(value)); }
JsonWriter& JsonWriter::decimal_unsigned(std::uint64_t value) { return string(std::to_string(value)); }
JsonWriter& JsonWriter::hex(std::span<const std::uint8_t> bytes) { return string(to_hex(bytes)); }
JsonWriter& JsonWriter::time(std::int64_t ms_since_1970) { return string(to_utc(ms_since_1970)); }

JsonWriter& JsonWriter::raw_json(std::string_view text) {
  const auto canonical = canonicalise(text);
  if (!canonical) return string(text);
  state_->writer.RawValue(canonical->data(), canonical->size(), rapidjson::kStringType);
  return *this;
}

JsonWriter& JsonWriter::verbatim(std::string_view json) {
  // An empty raw value makes the writer set its comma or colon; the bytes then go in as one block.
  state_->writer.RawValue("", 0, rapidjson::kStringType);
  char* place = state_->buffer.Push(json.size());
  json.copy(place, json.size());
  return *this;
}

void JsonWriter::end_line() {
  end();
  state_->put("\n");
  if (state_->stream != nullptr) state_->stream->flush();
}

void JsonWriter::end() {
  assert(state_->writer.IsComplete());
  drain();
  state_->writer.Reset(state_->buffer);
}

void JsonWriter::drain() {
  state_->put({state_->buffer.GetString(), state_->buffer.GetSize()});
  state_->buffer.Clear();
}

}  // namespace musher
