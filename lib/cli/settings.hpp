#pragma once
// The options that every command has, and what they come to together with the environment and the configuration file:
// flag before environment before file before default.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "cli/command_line.hpp"
#include "cli/config.hpp"
#include "cli/environment.hpp"
#include "cli/terminal.hpp"
#include "model/result.hpp"

namespace musher {

/// How the answer is written.
enum class Output : std::uint8_t { text, json, jsonl };

/// Which of the common options a command has.
struct CommonWants {
  bool common = true;  ///< -q, --utc, --color and --config
  bool log = true;
  bool identity = true;
  bool json = true;
  bool jsonl = false;
  bool server = false;  ///< --server and --token-file
};

/// What the command line said.
struct CommonOptions {
  std::optional<std::string> log{};
  std::optional<std::string> identity{};
  std::optional<std::string> config{};
  std::optional<std::string> server{};
  std::optional<std::string> token_file{};
  bool json = false;
  bool jsonl = false;
  bool quiet = false;
  bool utc = false;
  std::optional<ColorMode> color{};

  void add_to(CommandLine& line, const CommonWants& wants);
};

inline constexpr std::chrono::milliseconds kDefaultLockTimeout{10'000};

struct Settings {
  std::filesystem::path
      log{};  ///< --log, MUSHER_LOG, key `log`, else pipeline.db here. As named: links are not resolved
  std::filesystem::path identity{};  ///< --identity, MUSHER_IDENTITY, key `identity`, else default_identity(log)
  bool identity_is_named = false;    ///< false: it is the default
  bool identity_is_given = false;    ///< by --identity
  std::optional<std::string>
      server{};  ///< --server, or MUSHER_SERVER unless --log is given: the log is there, not here
  std::optional<std::filesystem::path> token_file{};  ///< --token-file: what to show that server
  Output output = Output::text;
  bool quiet = false;
  bool utc = false;
  ColorMode color = ColorMode::automatic;
  std::chrono::milliseconds lock_timeout = kDefaultLockTimeout;  ///< MUSHER_LOCK_TIMEOUT, key `lock_timeout`
  ServeConfig serve{};                                           ///< the table [serve]
};

/// @errors usage: an empty path, --server with --log, --token-file without a server, a bad MUSHER_LOCK_TIMEOUT, or what
/// read_config says.
[[nodiscard]] Result<Settings> resolve_settings(const CommonOptions& options, const Environment& environment);

/// LOG.key beside the log, where the log really is when it is named through a link.
[[nodiscard]] std::filesystem::path default_identity(const std::filesystem::path& log);

}  // namespace musher
