#include "cli/config.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "cli/time_text.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxConfigBytes = 1024 * 1024;
constexpr std::array<std::string_view, 11> kServeKeys = {"listen",
                                                         "allowed_hosts",
                                                         "token_file",
                                                         "tls_cert",
                                                         "tls_key",
                                                         "rendezvous",
                                                         "rendezvous_token_file",
                                                         "read_only",
                                                         "allow_unconfirmed_purge",
                                                         "audit_interval",
                                                         "log_format"};

/// Turns the file's values into a Config, or says where one is wrong.
class Reader {
 public:
  Reader(const fs::path& file, const Environment& environment) : file_(file), environment_(environment) {}

  Result<Config> read(const toml::table& table) {
    for (const auto& [key, value] : table) MUSHER_CHECK(read_key(key, value));
    return config_;
  }

  [[nodiscard]] std::unexpected<Error> bad(const toml::source_region& where, std::string_view what,
                                           std::vector<std::string> candidates = {}) const {
    return fail(Errc::usage, fmt::format("{}: {}", place(where), what), "man musher, under \"Configuration\"",
                std::move(candidates));
  }

 private:
  [[nodiscard]] std::string place(const toml::source_region& region) const {
    return fmt::format("{}:{}:{}", escape(file_.native()), region.begin.line, region.begin.column);
  }

  Result<void> read_key(const toml::key& key, const toml::node& value) {
    const std::string name(key.str());
    if (name == "log") return read_path(key, value, config_.log);
    if (name == "identity") return read_path(key, value, config_.identity);
    if (name == "color") return read_color(value);
    if (name == "utc") return read_bool(key, value, config_.utc);
    if (name == "lock_timeout") return read_lock_timeout(value);
    if (name == "serve") return read_serve(value);
    static const std::vector<std::string> kKnown = {"log", "identity", "color", "utc", "lock_timeout", "serve"};
    if (std::ranges::find(kServeKeys, name) != kServeKeys.end())
      return bad(key.source(), fmt::format("unknown key {}: it goes in [serve]", quote(name)));
    return bad(key.source(), "unknown key " + quote(name), nearest(name, kKnown, 2));
  }

  Result<void> read_path(const toml::key& key, const toml::node& value, std::optional<fs::path>& to) {
    const auto text = value.value_exact<std::string>();
    if (!text || text->empty() || text->find('\0') != std::string::npos)
      return bad(value.source(), fmt::format("{} must be a path in quotes", key.str()));
    const auto home = environment_.get("HOME");
    if (text->starts_with("~/") && home) {
      to = fs::path(*home) / text->substr(2);
    } else {
      to = file_.parent_path() / *text;  // an absolute path replaces the folder
    }
    return {};
  }

  Result<void> read_color(const toml::node& value) {
    const auto text = value.value_exact<std::string>();
    if (text == "auto") {
      config_.color = ColorMode::automatic;
    } else if (text == "always") {
      config_.color = ColorMode::always;
    } else if (text == "never") {
      config_.color = ColorMode::never;
    } else {
      return bad(value.source(), "color must be \"auto\", \"always\" or \"never\"");
    }
    return {};
  }

  Result<void> read_bool(const toml::key& key, const toml::node& value, std::optional<bool>& to) {
    to = value.value_exact<bool>();
    if (!to) return bad(value.source(), fmt::format("{} must be true or false", key.str()));
    return {};
  }

  Result<void> read_serve(const toml::node& value) {
    const toml::table* table = value.as_table();
    if (table == nullptr) return bad(value.source(), "serve must be a table: [serve]");
    for (const auto& [key, member] : *table) MUSHER_CHECK(read_serve_key(key, member));
    return {};
  }

  Result<void> read_serve_key(const toml::key& key, const toml::node& value) {
    const std::string name(key.str());
    ServeConfig& serve = config_.serve;
    if (name == "listen") return read_texts(key, value, serve.listen);
    if (name == "allowed_hosts") return read_texts(key, value, serve.allowed_hosts);
    if (name == "token_file") return read_path(key, value, serve.token_file);
    if (name == "tls_cert") return read_path(key, value, serve.tls_cert);
    if (name == "tls_key") return read_path(key, value, serve.tls_key);
    if (name == "rendezvous") return read_texts(key, value, serve.rendezvous);
    if (name == "rendezvous_token_file") return read_path(key, value, serve.rendezvous_token_file);
    if (name == "read_only") return read_bool(key, value, serve.read_only);
    if (name == "allow_unconfirmed_purge") return read_bool(key, value, serve.allow_unconfirmed_purge);
    if (name == "audit_interval") return read_audit_interval(value);
    if (name == "log_format") return read_log_format(value);
    static const std::vector<std::string> kKnown(kServeKeys.begin(), kServeKeys.end());
    return bad(key.source(), fmt::format("unknown key {} in [serve]", quote(name)), nearest(name, kKnown, 2));
  }

  /// One text, or a list of them.
  Result<void> read_texts(const toml::key& key, const toml::node& value, std::vector<PlacedText>& to) {
    const auto add = [&](const toml::node& node) -> Result<void> {
      const auto text = node.value_exact<std::string>();
      if (!text || text->empty()) return bad(node.source(), fmt::format("{} takes text in quotes", key.str()));
      to.push_back({*text, place(node.source())});
      return {};
    };
    const toml::array* list = value.as_array();
    if (list == nullptr) return add(value);
    for (const toml::node& node : *list) MUSHER_CHECK(add(node));
    return {};
  }

  Result<void> read_audit_interval(const toml::node& value) {
    const auto text = value.value_exact<std::string>();
    const auto interval = parse_interval(text.value_or(""));
    if (!interval) return bad(value.source(), "audit_interval must be a duration in quotes, such as \"1h\", or \"0\"");
    config_.serve.audit_interval = *interval;
    return {};
  }

  Result<void> read_log_format(const toml::node& value) {
    const auto text = value.value_exact<std::string>();
    if (text != "text" && text != "json") return bad(value.source(), "log_format must be \"text\" or \"json\"");
    config_.serve.log_format = text == "json" ? LogFormat::json : LogFormat::text;
    return {};
  }

  Result<void> read_lock_timeout(const toml::node& value) {
    const auto text = value.value_exact<std::string>();
    const auto duration = parse_duration(text.value_or(""));
    if (!duration) return bad(value.source(), "lock_timeout must be a duration in quotes, such as \"10s\"");
    config_.lock_timeout = *duration;
    return {};
  }

  const fs::path& file_;
  const Environment& environment_;
  Config config_;
};

}  // namespace

std::optional<fs::path> find_config(const std::optional<std::string>& flag, const Environment& environment) {
  if (flag) return *flag;
  if (const auto named = environment.get("MUSHER_CONFIG")) return *named;
  std::vector<fs::path> places;
  if (const auto xdg = environment.get("XDG_CONFIG_HOME"); xdg && xdg->starts_with('/')) {
    places.push_back(fs::path(*xdg) / "musher/config.toml");
  } else if (const auto home = environment.get("HOME")) {
    places.push_back(fs::path(*home) / ".config/musher/config.toml");
  }
  places.emplace_back("/etc/musher/config.toml");
  for (const fs::path& place : places) {
    std::error_code error;
    // One that is there and cannot be looked at is found too: reading it says why.
    if (fs::exists(place, error) || (error && error != std::errc::not_a_directory)) return place;
  }
  return std::nullopt;
}

Result<Config> read_config(const fs::path& file, const Environment& environment) {
  if (file == "/dev/null") return Config{};
  const auto unreadable = [&](std::string_view why) {
    return fail(Errc::usage, fmt::format("cannot read the configuration {}: {}", quote(file.native()), why),
                "--config FILE, or unset MUSHER_CONFIG");
  };
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (error) return unreadable(error.message());
  if (!fs::exists(status)) return unreadable(std::strerror(ENOENT));
  if (fs::is_directory(status)) return unreadable(std::strerror(EISDIR));
  if (!fs::is_regular_file(status)) return unreadable("it is no regular file");  // reading a pipe may never end
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in.is_open()) return unreadable(std::strerror(errno));
  std::string text(kMaxConfigBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxConfigBytes) return unreadable("it is over 1 MiB");
  return parse_config(text, file, environment);
}

Result<Config> parse_config(const std::string& text, const fs::path& file, const Environment& environment) {
  Reader reader(file, environment);
  try {
    return reader.read(toml::parse(text, file.native()));
  } catch (const toml::parse_error& error) {
    return reader.bad(error.source(), escape(error.description()));
  }
}

}  // namespace musher
