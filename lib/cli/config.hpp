#pragma once
// The configuration file: TOML, a few keys, nothing unknown.
//
//     log = "/srv/pipeline/pipeline.db"    # relative: to the folder of this file; ~/ is the home folder
//     identity = "~/.musher/alice.key"
//     color = "auto"                       # always, never
//     utc = true
//     lock_timeout = "10s"
//
// and the table [serve]: cli/serve_config.hpp.

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "cli/environment.hpp"
#include "cli/serve_config.hpp"
#include "cli/terminal.hpp"
#include "model/result.hpp"

namespace musher {

/// What a file says; absent where it says nothing.
struct Config {
  std::optional<std::filesystem::path> log{};
  std::optional<std::filesystem::path> identity{};
  std::optional<ColorMode> color{};
  std::optional<bool> utc{};
  std::optional<std::chrono::milliseconds> lock_timeout{};
  ServeConfig serve{};
};

/// The file to read: flag, else MUSHER_CONFIG, else the first of $XDG_CONFIG_HOME/musher/config.toml (by default
/// ~/.config/...) and /etc/musher/config.toml that exists. Nothing when there is none.
[[nodiscard]] std::optional<std::filesystem::path> find_config(const std::optional<std::string>& flag,
                                                               const Environment& environment);

/// @errors usage: it cannot be read, is not TOML, or has an unknown key (known ones that it is near to are candidates)
///   or a value of the wrong kind; what begins with file:line:column.
[[nodiscard]] Result<Config> read_config(const std::filesystem::path& file, const Environment& environment);

/// The same for text that came from `file`.
[[nodiscard]] Result<Config> parse_config(const std::string& text, const std::filesystem::path& file,
                                          const Environment& environment);

}  // namespace musher
