#include "cli/split_arguments.hpp"

#include "model/escape.hpp"

namespace musher {
namespace {

using Arguments = std::vector<std::string>;
using ShapeOf = std::function<std::optional<OptionShape>(std::string_view)>;

std::unexpected<Error> unknown(std::string_view name) {
  return fail(Errc::usage, "unknown option " + quote(name), {}, {std::string(name)});
}

std::unexpected<Error> without_value(std::string_view name) {
  return fail(Errc::usage, "option " + quote(name) + " needs a value");
}

class Splitter {
 public:
  Splitter(const Arguments& arguments, const ShapeOf& shape_of) : arguments_(arguments), shape_of_(shape_of) {}

  Result<SplitArguments> split() {
    while (next_ < arguments_.size()) {
      const std::string& argument = arguments_[next_++];
      if (argument == "--") {
        for (; next_ < arguments_.size(); ++next_) result_.positionals.push_back(arguments_[next_]);
      } else if (argument.starts_with("--")) {
        MUSHER_CHECK(take_long(argument));
      } else if (argument.size() > 1 && argument.front() == '-') {
        MUSHER_CHECK(take_short(argument));
      } else {
        result_.positionals.push_back(argument);
      }
    }
    return std::move(result_);
  }

 private:
  /// --name, --name=VALUE or --name VALUE
  Result<void> take_long(std::string_view argument) {
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const auto shape = shape_of_(name);
    if (!shape) return unknown(name);
    if (equals == std::string_view::npos) return take(name, *shape, std::nullopt);
    if (!shape->takes_value) return fail(Errc::usage, "option " + quote(name) + " takes no value");
    return take(name, *shape, argument.substr(equals + 1));
  }

  /// -n, -nVALUE, -n VALUE or several flags
  Result<void> take_short(std::string_view argument) {
    for (std::size_t at = 1; at < argument.size(); ++at) {
      const std::string name = {'-', argument[at]};
      const auto shape = shape_of_(name);
      if (!shape) return unknown(at == 1 ? argument : name);
      const std::string_view rest = argument.substr(at + 1);
      if (shape->takes_value) return take(name, *shape, rest.empty() ? std::nullopt : std::optional(rest));
      MUSHER_CHECK(take(name, *shape, std::nullopt));
    }
    return {};
  }

  Result<void> take(std::string_view name, const OptionShape& shape, std::optional<std::string_view> attached) {
    if (shape.takes_value && !attached) {
      if (next_ == arguments_.size()) return without_value(name);
      attached = arguments_[next_++];
    }
    result_.options.push_back({shape.index, std::string(attached.value_or(""))});
    return {};
  }

  const Arguments& arguments_;
  const ShapeOf& shape_of_;
  std::size_t next_ = 0;
  SplitArguments result_;
};

}  // namespace

Result<SplitArguments> split_arguments(const Arguments& arguments, const ShapeOf& shape_of) {
  return Splitter(arguments, shape_of).split();
}

}  // namespace musher
