#pragma once
// Tells a command line's options from its positional arguments, as getopt_long does, without abbreviations.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.hpp"

namespace musher {

/// What the splitter needs to know of an option.
struct OptionShape {
  std::size_t index = 0;  ///< the caller's number for it
  bool takes_value = false;
};

struct GivenOption {
  std::size_t index = 0;
  std::string value;  ///< empty for a flag
};

struct SplitArguments {
  std::vector<GivenOption> options;  ///< as often as given, in order
  std::vector<std::string> positionals;
};

/// Known forms: --name, --name VALUE, --name=VALUE, -n, -n VALUE, -nVALUE, -nq (two flags), `--` before positionals
/// that begin with a dash; a lone `-` is positional. A value may be anything, also empty or beginning with a dash.
/// shape_of: what is known of "--name" or "-n"; nothing when there is no such option.
/// @errors usage: an unknown option (its name is the only candidate, for the caller to find better ones), a flag with a
///   value, an option without one.
[[nodiscard]] Result<SplitArguments> split_arguments(
    const std::vector<std::string>& arguments,
    const std::function<std::optional<OptionShape>(std::string_view)>& shape_of);

}  // namespace musher
