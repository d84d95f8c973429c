#include "cli/settings.hpp"

#include <system_error>

#include "cli/time_text.hpp"

namespace musher {
namespace {

namespace fs = std::filesystem;

/// The first that says something.
template <class T>
std::optional<T> first_of(const std::optional<T>& a, const std::optional<T>& b, const std::optional<T>& c) {
  return a ? a : b ? b : c;
}

std::optional<std::string> text_of(const std::optional<fs::path>& path) {
  if (!path) return std::nullopt;
  return path->native();
}

Result<void> choose_server(const CommonOptions& options, const Environment& environment, Settings& settings) {
  if (options.server && options.log) {
    return fail(Errc::usage, "options --server and --log exclude each other", "a log is in a file or at a server");
  }
  if (options.server && options.server->empty()) return fail(Errc::usage, "option --server: the URL is empty");
  settings.server = options.server ? options.server : options.log ? std::nullopt : environment.get("MUSHER_SERVER");
  if (options.token_file && !settings.server) {
    return fail(Errc::usage, "--token-file goes with --server", "--server URL --token-file FILE");
  }
  settings.token_file = options.token_file;
  return {};
}

}  // namespace

void CommonOptions::add_to(CommandLine& line, const CommonWants& wants) {
  line.group("Common options");
  if (wants.log) {
    line.option(log, "-l,--log", "FILE", "The op log; else $MUSHER_LOG, the config key log, or pipeline.db here");
  }
  if (wants.identity) {
    line.option(identity, "--identity", "FILE",
                "The key to sign with; else $MUSHER_IDENTITY, the config key identity, or LOG.key beside the log");
  }
  if (wants.server) {
    line.option(
        server, "--server", "URL",
        "Work on the log of the musher serve there, http://127.0.0.1:7777; else $MUSHER_SERVER; not with --log");
    line.option(token_file, "--token-file", "FILE", "What to show that server: TOKEN or NAME TOKEN, on one line");
  }
  if (wants.json) line.flag(json, "--json", "Write one JSON document");
  if (wants.jsonl) {
    line.flag(jsonl, "--jsonl", "Write a line of JSON an entry, then a line of type summary");
    line.exclusive({"--json", "--jsonl"});
  }
  if (!wants.common) return;
  line.flag(quiet, "-q,--quiet", "Say nothing but errors; what a command was asked to show is shown all the same");
  line.flag(utc, "--utc", "Show times in UTC; they are local otherwise");
  line.choice(color, "--color",
              std::vector<std::pair<std::string, ColorMode>>{
                  {"auto", ColorMode::automatic}, {"always", ColorMode::always}, {"never", ColorMode::never}},
              "WHEN", "Whether to use colour");
  line.option(config, "--config", "FILE",
              "The configuration; else $MUSHER_CONFIG, $XDG_CONFIG_HOME/musher/config.toml or /etc/musher/config.toml");
}

Result<Settings> resolve_settings(const CommonOptions& options, const Environment& environment) {
  for (const auto& [name, value] :
       {std::pair("--log", options.log), std::pair("--identity", options.identity),
        std::pair("--config", options.config), std::pair("--token-file", options.token_file)}) {
    if (value && value->empty()) return fail(Errc::usage, std::string("option ") + name + ": the file's name is empty");
  }
  Config config;
  if (const auto file = find_config(options.config, environment)) {
    MUSHER_TRY(config, read_config(*file, environment));
  }
  Settings settings;
  MUSHER_CHECK(choose_server(options, environment, settings));
  settings.log = first_of(options.log, environment.get("MUSHER_LOG"), text_of(config.log)).value_or("pipeline.db");
  const auto identity = first_of(options.identity, environment.get("MUSHER_IDENTITY"), text_of(config.identity));
  settings.identity_is_named = identity.has_value();
  settings.identity_is_given = options.identity.has_value();
  settings.identity = identity ? fs::path(*identity) : default_identity(settings.log);
  settings.output = options.jsonl ? Output::jsonl : options.json ? Output::json : Output::text;
  settings.quiet = options.quiet;
  settings.utc = options.utc || config.utc.value_or(false);
  settings.color =
      first_of(options.color, color_from_environment(environment), config.color).value_or(ColorMode::automatic);
  settings.serve = config.serve;
  settings.lock_timeout = config.lock_timeout.value_or(kDefaultLockTimeout);
  if (const auto text = environment.get("MUSHER_LOCK_TIMEOUT")) {
    const auto duration = parse_duration(*text);
    if (!duration) return fail(Errc::usage, "MUSHER_LOCK_TIMEOUT: " + duration.error().what, duration.error().hint);
    settings.lock_timeout = *duration;
  }
  return settings;
}

fs::path default_identity(const fs::path& log) {
  std::error_code error;
  fs::path real = fs::weakly_canonical(log, error);
  if (error || real.empty()) real = log;
  return real += ".key";
}

}  // namespace musher
