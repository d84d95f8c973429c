#pragma once
// Writes JSON as docs/json.md shapes it: ids as hex, counters as decimal strings, field values as they are.

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "model/ids.hpp"

namespace musher {

/// Writes values to a stream as they come; holds about 64 KiB back, the rest is gone to the stream, so that a list of
/// any length costs no memory. Or appends them to a string, which has them all when end() or end_line() was called.
/// Calls chain: w.key("rowid").decimal(row).key("op_id").id(op_id). A call out of place (a value without a key in an
/// object, say) is a bug and asserts.
class JsonWriter {
 public:
  explicit JsonWriter(std::ostream& out);
  explicit JsonWriter(std::string& out);
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;
  ~JsonWriter();

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);

  /// Any bytes: what is not UTF-8 becomes U+FFFD, since JSON cannot hold it.
  JsonWriter& string(std::string_view text);
  JsonWriter& boolean(bool value);
  /// A JSON number: counts, *_ms and exit codes.
  JsonWriter& number(std::int64_t value);
  JsonWriter& number(std::uint64_t value);
  /// A number without a fraction is written as an integer. Precondition: finite.
  JsonWriter& number(double value);
  JsonWriter& null();
  /// A decimal string: rowid, seq, index, depth.
  template <class Number>
  requires std::is_enum_v<Number> JsonWriter& decimal(Number value) {
    if constexpr (std::is_signed_v<std::underlying_type_t<Number>>)
      return decimal_signed(raw(value));
    else
      return decimal_unsigned(raw(value));
  }
  /// 64 lower-case hex digits (32 for a document or log id).
  JsonWriter& id(const OpId& id) { return hex(id.hash); }
  JsonWriter& id(const AuthorId& id) { return hex(id.key); }
  JsonWriter& id(const Digest& digest) { return hex(digest.bytes); }
  JsonWriter& id(const DocumentId& id) { return hex(id.bytes); }
  JsonWriter& id(const LogId& id) { return hex(id.bytes); }
  /// null for the zero id, which means "none" in an op.
  JsonWriter& id_or_null(const OpId& id) { return id.is_zero() ? null() : hex(id.hash); }
  JsonWriter& hex(std::span<const std::uint8_t> bytes);
  /// RFC 3339 UTC of ms since 1970 (model/utc.hpp).
  JsonWriter& time(std::int64_t ms_since_1970);
  /// A value that is JSON already: a field's content. Content of a damaged row may be anything: what is not JSON is
  /// written as a string, so that the document stays one.
  JsonWriter& raw_json(std::string_view text);
  /// A value that is known to be JSON on one line: written by another JsonWriter, or checked. Nothing is looked at.
  JsonWriter& verbatim(std::string_view json);

  /// Ends the document with a newline and hands everything to the stream. The next line of a JSONL can begin then.
  void end_line();
  /// Ends the document without a newline.
  void end();

 private:
  JsonWriter& decimal_signed(std::int64_t value);
  JsonWriter& decimal_unsigned(std::uint64_t value);
  void drain();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace musher
