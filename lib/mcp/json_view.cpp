#include "mcp/json_view.hpp"

#include <simdjson.h>

#include <bit>
#include <cmath>

#include "json/json_writer.hpp"

namespace musher::mcp {

namespace dom = simdjson::dom;

struct JsonViewAccess {
  static_assert(sizeof(dom::element) == 16 && std::is_trivially_copyable_v<dom::element>);

  static dom::element element(const JsonView& view) { return std::bit_cast<dom::element>(view.element_); }
  static JsonView view(dom::element element) {
    JsonView made;
    made.exists_ = true;
    made.element_ = std::bit_cast<std::array<std::byte, 16>>(element);
    return made;
  }
};

namespace {

template <class T>
std::optional<T> get(const JsonView& view) {
  T value{};
  if (!view.exists() || JsonViewAccess::element(view).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

// The parser's own memory is the scratch space of one parse; what it found stays in the document.
dom::parser& parser() {
  static thread_local dom::parser parser;
  return parser;
}

}  // namespace

JsonView::Kind JsonView::kind() const {
  if (!exists_) return Kind::absent;
  switch (JsonViewAccess::element(*this).type()) {
    case dom::element_type::ARRAY: return Kind::array;
    case dom::element_type::OBJECT: return Kind::object;
    case dom::element_type::INT64:
    case dom::element_type::UINT64: return Kind::integer;
    case dom::element_type::DOUBLE: return Kind::number;
    case dom::element_type::STRING: return Kind::string;
    case dom::element_type::BOOL: return Kind::boolean;
    case dom::element_type::NULL_VALUE: return Kind::null;
  }
  return Kind::absent;
}

std::optional<std::string_view> JsonView::string() const { return get<std::string_view>(*this); }
std::optional<bool> JsonView::boolean() const { return get<bool>(*this); }
std::optional<double> JsonView::number() const { return get<double>(*this); }

std::optional<std::int64_t> JsonView::integer() const {
  if (const auto whole = get<std::int64_t>(*this)) return whole;
  constexpr double kExact = 9007199254740992;  // 2^53
  const auto real = number();
  if (kind() != Kind::number || std::trunc(*real) != *real || std::fabs(*real) > kExact) return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

JsonView JsonView::operator[](std::string_view name) const {
  const auto object = get<dom::object>(*this);
  dom::element found;
  if (!object || object->at_key(name).get(found) != simdjson::SUCCESS) return {};
  return JsonViewAccess::view(found);
}

JsonView::Members JsonView::members() const {
  Members found;
  if (const auto object = get<dom::object>(*this)) {
    for (const auto& member : *object) found.emplace_back(member.key, JsonViewAccess::view(member.value));
  }
  return found;
}

std::vector<JsonView> JsonView::items() const {
  std::vector<JsonView> found;
  if (const auto array = get<dom::array>(*this)) {
    for (const dom::element item : *array) found.push_back(JsonViewAccess::view(item));
  }
  return found;
}

std::string JsonView::text() const {
  return exists_ ? simdjson::minify(JsonViewAccess::element(*this)) : std::string();
}

struct JsonDocument::State {
  dom::document document;
};

JsonDocument::JsonDocument() : state_(new State) {}
JsonDocument::~JsonDocument() = default;

std::shared_ptr<const JsonDocument> JsonDocument::parse(std::string_view text, std::string* why) {
  std::shared_ptr<JsonDocument> document(new JsonDocument);
  dom::parser& shared = parser();
  if (shared.max_depth() != kMaxDepth || shared.capacity() < text.size()) {
    if (shared.allocate(std::max<std::size_t>(text.size(), 4096), kMaxDepth) != simdjson::SUCCESS) return nullptr;
  }
  dom::element root;
  const auto error = shared.parse_into_document(document->state_->document, text.data(), text.size()).get(root);
  if (error != simdjson::SUCCESS) {
    if (why != nullptr) *why = simdjson::error_message(error);
    return nullptr;
  }
  document->root_ = JsonViewAccess::view(root);
  return document;
}

std::string json_string(std::string_view text) {
  std::string quoted;
  JsonWriter(quoted).string(text).end();
  return quoted;
}

}  // namespace musher::mcp
