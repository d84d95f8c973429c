#pragma once
// Reading JSON that somebody sent: a parsed document and views of its values.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace musher::mcp {

/// One value of a JsonDocument, which must outlive it. Cheap to copy. Asking a value for what it is not gives nothing,
/// so that a chain of questions needs one check at its end: params["_meta"]["progressToken"].
class JsonView {
 public:
  enum class Kind { absent, null, boolean, integer, number, string, array, object };

  JsonView() = default;

  [[nodiscard]] Kind kind() const;
  /// It is there; null is a value.
  [[nodiscard]] bool exists() const { return exists_; }
  [[nodiscard]] bool is_object() const { return kind() == Kind::object; }
  [[nodiscard]] bool is_array() const { return kind() == Kind::array; }

  [[nodiscard]] std::optional<std::string_view> string() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  /// Also of a number like 1.0.
  [[nodiscard]] std::optional<std::int64_t> integer() const;
  [[nodiscard]] std::optional<double> number() const;

  /// The member with this name, the first where there are several; absent when there is none or this is no object.
  [[nodiscard]] JsonView operator[](std::string_view name) const;
  using Members = std::vector<std::pair<std::string_view, JsonView>>;
  [[nodiscard]] Members members() const;              ///< of an object, as they were sent; else none
  [[nodiscard]] std::vector<JsonView> items() const;  ///< of an array; else none

  /// The value as JSON on one line; empty when absent.
  [[nodiscard]] std::string text() const;

 private:
  friend class JsonDocument;
  friend struct JsonViewAccess;
  bool exists_ = false;
  alignas(std::size_t) std::array<std::byte, 16> element_{};  ///< simdjson::dom::element, kept out of headers
};

/// A parsed JSON text: UTF-8, at most kMaxDepth deep. Owns its strings.
class JsonDocument {
 public:
  static constexpr std::size_t kMaxDepth = 64;

  /// Nothing when the text is not JSON (or not UTF-8, or too deep); why says what is wrong.
  [[nodiscard]] static std::shared_ptr<const JsonDocument> parse(std::string_view text, std::string* why = nullptr);

  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;
  ~JsonDocument();

  [[nodiscard]] JsonView root() const { return root_; }

 private:
  JsonDocument();
  struct State;
  std::unique_ptr<State> state_;
  JsonView root_;
};

/// A JSON string with this text, quotes included. What is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace musher::mcp
