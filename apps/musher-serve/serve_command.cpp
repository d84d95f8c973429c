#include "musher-serve/serve_command.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <strings.h>
#include <sys/socket.h>

#include <array>
#include <charconv>

#include "cli/commands/commands.hpp"
#include "cli/log_access.hpp"
#include "cli/point_in_time_text.hpp"
#include "cli/time_text.hpp"
#include "http/authorities.hpp"
#include "http/client_token.hpp"
#include "http/guards.hpp"
#include "http/inherited_sockets.hpp"
#include "http/server_url.hpp"
#include "http/tls_context.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "musher-serve/server_log.hpp"
#include "server/serve.hpp"

namespace musher {
namespace {

constexpr std::string_view kDefaultListen = "127.0.0.1:7777";

struct ServeCommandOptions {
  std::vector<std::string> listen;
  std::vector<std::string> allowed_hosts;
  std::optional<std::string> token_file;
  std::optional<std::string> tls_cert;
  std::optional<std::string> tls_key;
  std::vector<std::string> rendezvous;
  std::optional<std::string> rendezvous_token_file;
  std::optional<std::chrono::milliseconds> audit_interval;
  std::optional<LogFormat> log_format;
  bool stdio = false;
  bool read_only = false;
  bool allow_unconfirmed_purge = false;
};

void declare(ServeCommandOptions& options, CommandLine& line) {
  line.option(options.listen, "--listen", "ADDRESS:PORT",
              "where to answer HTTP (default: 127.0.0.1:7777); port 0 picks one; may be given again");
  line.flag(options.stdio, "--stdio", "answer one MCP client on stdin and stdout, and listen nowhere unless told to");
  line.flag(options.read_only, "--read-only", "take no writes: no key is needed, and the writing tools are not there");
  line.flag(options.allow_unconfirmed_purge, "--allow-unconfirmed-purge",
            "let clients purge that cannot ask their user; without this they are refused");
  const auto read_interval = [&options](const std::string& text) -> Result<void> {
    MUSHER_TRY(options.audit_interval, parse_interval(text));
    return {};
  };
  line.option(read_interval, "--audit-interval", "TIME",
              "how often the whole log is audited again (default: 1h); 0: only at start");
  line.choice(options.log_format, "--log-format",
              std::vector<std::pair<std::string, LogFormat>>{{"text", LogFormat::text}, {"json", LogFormat::json}},
              "FORMAT", "how events are written to stderr");
  line.group("Who may ask");
  line.option(options.token_file, "--token-file", "FILE",
              "a line NAME TOKEN for each client, with the word read-only behind for one that may not write");
  line.option(options.allowed_hosts, "--allow-host", "NAME",
              "a name by which clients call this server besides localhost; may be given again");
  line.option(options.tls_cert, "--tls-cert", "FILE", "answer HTTPS with this certificate, a PEM file");
  line.option(options.tls_key, "--tls-key", "FILE", "its key, a PEM file");
  line.group("Other nodes");
  line.option(options.rendezvous, "--rendezvous", "URL",
              "a node to sync with: ws://HOST:PORT or wss://HOST:PORT; may be given again");
  line.option(options.rendezvous_token_file, "--rendezvous-token-file", "FILE",
              "one line TOKEN or NAME TOKEN, shown to the nodes that are dialed");
  line.paragraph(
      "Holds the log's document in memory and follows the file: what musher put and musher purge write from a shell is "
      "in "
      "memory within milliseconds. MCP is at /mcp; /livez, /readyz and /metrics are for who runs it. SIGTERM drains "
      "and "
      "ends with 0; SIGHUP reads the configuration and the token file again, and opens a log again that had turned "
      "bad.");
  line.example("musher serve", "for clients on this machine: http://127.0.0.1:7777/mcp");
  line.example("musher serve --stdio", "for an MCP client that starts its server");
}

/// Given on the command line, else in the configuration.
std::optional<std::filesystem::path> path_of(const std::optional<std::string>& option,
                                             const std::optional<std::filesystem::path>& config) {
  return option ? std::optional<std::filesystem::path>(*option) : config;
}

/// What was read of a file that was named with `flag`, else with `key` of the configuration: an error says so.
template <class T>
Result<T> of_file(Result<T> read, const std::optional<std::string>& option, std::string_view flag,
                  std::string_view key) {
  if (!read) read.error().what = fmt::format("{}: {}", option ? flag : key, read.error().what);
  return read;
}

/// Given on the command line with `flag`, else in the configuration; each with what an error about it begins with.
std::vector<PlacedText> texts_of(const std::vector<std::string>& options, std::string_view flag,
                                 const std::vector<PlacedText>& config, std::string_view key) {
  std::vector<PlacedText> texts;
  for (const std::string& text : options) texts.push_back({text, std::string(flag)});
  if (!options.empty()) return texts;
  for (const auto& [text, where] : config) texts.push_back({text, fmt::format("{}: {}", where, key)});
  return texts;
}

/// As Server::listen takes one; of IPv6 it may have a zone.
bool is_address_in_digits(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  return inet_pton(AF_INET, address.c_str(), &v4) == 1 ||
         inet_pton(AF_INET6, address.substr(0, address.find('%')).c_str(), &v6) == 1;
}

Result<ListenAddress> parse_listen(const PlacedText& given) {
  const std::string& text = given.text;
  const auto colon = text.rfind(':');
  const std::string digits = colon == text.npos ? "" : text.substr(colon + 1);
  ListenAddress parsed;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), parsed.port);
  parsed.address = colon == text.npos ? "" : text.substr(0, colon);
  if (parsed.address.starts_with('[') && parsed.address.ends_with(']'))
    parsed.address = parsed.address.substr(1, parsed.address.size() - 2);
  if (strcasecmp(parsed.address.c_str(), "localhost") == 0) parsed.address = "127.0.0.1";
  const bool has_port = !digits.empty() && read.ec == std::errc{} && read.ptr == digits.data() + digits.size();
  if (has_port && is_address_in_digits(parsed.address)) return parsed;
  return fail(Errc::usage, fmt::format("{}: {} is no address in digits with a port", given.where, quote(text)),
              "127.0.0.1:7777 or [::1]:7777");
}

/// An address in digits of 127.0.0.0/8, or ::1.
bool is_loopback(const std::string& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24U == IN_LOOPBACKNET;
  in6_addr v6{};
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::vector<PlacedText> where_to_listen(const ServeCommandOptions& options, const ServeConfig& config) {
  const bool nowhere = options.stdio && options.listen.empty();
  return nowhere ? std::vector<PlacedText>() : texts_of(options.listen, "--listen", config.listen, "listen");
}

LogFormat log_format(const ServeCommandOptions& options, const ServeConfig& config) {
  return options.log_format.value_or(config.log_format.value_or(LogFormat::text));
}

Result<std::vector<ListenAddress>> wanted_addresses(const ServeCommandOptions& options, const ServeConfig& config,
                                                    bool has_sockets) {
  std::vector<PlacedText> texts = where_to_listen(options, config);
  if (texts.empty() && !options.stdio && !has_sockets) texts.push_back({std::string(kDefaultListen), "--listen"});
  std::vector<ListenAddress> addresses;
  for (const PlacedText& given : texts) {
    MUSHER_TRY(auto address, parse_listen(given));
    addresses.push_back(std::move(address));
  }
  return addresses;
}

/// The address that an inherited socket listens on; nothing when it is no TCP socket, which the server refuses itself.
std::optional<std::string> address_of(int descriptor) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  std::array<char, NI_MAXHOST> text{};
  auto* const address = reinterpret_cast<sockaddr*>(&bound);
  if (getsockname(descriptor, address, &size) != 0) return std::nullopt;
  if (getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) return std::nullopt;
  return text.data();
}

/// Loopback is open to this machine's users; anything else needs tokens, and should have TLS.
Result<void> check_exposure(const ServeOptions& serve, const LogSink& log) {
  const http::Options& http = serve.http;
  std::vector<std::string> addresses;
  for (const ListenAddress& wanted : serve.listen) addresses.push_back(wanted.address);
  for (const int descriptor : serve.inherited) {
    if (auto address = address_of(descriptor)) addresses.push_back(*std::move(address));
  }
  for (const std::string& address : addresses) {
    if (is_loopback(address)) continue;
    if (!http.tokens) {
      return fail(Errc::usage, fmt::format("{} can be reached from other machines, and no token is asked for", address),
                  "--token-file FILE, with a line NAME TOKEN for each client; or --listen 127.0.0.1:PORT");
    }
    if (!http.tls) {
      log(LogLevel::warning, "tokens cross the network in the clear: no TLS",
          {{"address", address}, {"hint", "--tls-cert FILE --tls-key FILE, or a proxy that speaks TLS"}});
    }
  }
  return {};
}

constexpr std::string_view kSyncPath = "/crdt-sync";

Result<std::vector<std::string>> nodes_to_dial(const ServeCommandOptions& options, const ServeConfig& config) {
  std::vector<std::string> urls;
  bool any_tls = false;
  for (const auto& [text, where] : texts_of(options.rendezvous, "--rendezvous", config.rendezvous, "rendezvous")) {
    auto url = http::parse_web_socket_url(text);
    if (!url) {
      url.error().what = fmt::format("{}: {}", where, url.error().what);
      return std::unexpected(std::move(url).error());
    }
    if (url->path == "/") url->path = kSyncPath;
    any_tls |= url->server.tls;
    urls.push_back(url->text());
  }
  if (any_tls) MUSHER_CHECK(http::check_authorities());
  return urls;
}

/// What is read at start alone, each with its key: as it holds, an option before the configuration.
using FixedSettings = std::vector<std::pair<std::string, std::string>>;

std::string lines_of(const std::vector<PlacedText>& texts) {
  std::string lines;
  for (const PlacedText& given : texts) lines += given.text + "\n";
  return lines;
}

bool is_read_only(const ServeCommandOptions& options, const ServeConfig& config) {
  return options.read_only || config.read_only.value_or(false);
}

FixedSettings fixed_settings(const ServeCommandOptions& options, const Settings& settings) {
  const ServeConfig& config = settings.serve;
  const auto text = [](const std::optional<std::filesystem::path>& path) { return path ? path->native() : ""; };
  const auto flag = [](bool value) { return std::string(value ? "true" : "false"); };
  return {{"log", settings.log.native()},
          {"identity", settings.identity.native()},
          {"utc", flag(settings.utc)},
          {"lock_timeout", std::to_string(settings.lock_timeout.count())},
          {"listen", lines_of(where_to_listen(options, config))},
          {"token_file", flag(path_of(options.token_file, config.token_file).has_value())},  // its name may change
          {"tls_cert", text(path_of(options.tls_cert, config.tls_cert))},
          {"tls_key", text(path_of(options.tls_key, config.tls_key))},
          {"read_only", flag(is_read_only(options, config))},
          {"log_format", flag(log_format(options, config) == LogFormat::json)}};
}

/// The keys whose setting is another one.
std::vector<std::string> changed_keys(const FixedSettings& before, const FixedSettings& now) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < now.size(); ++i)
    if (now[i] != before[i]) keys.push_back(now[i].first);
  return keys;
}

Result<std::vector<std::string>> hosts_to_allow(const ServeCommandOptions& options, const ServeConfig& config) {
  std::vector<std::string> hosts;
  for (const auto& [text, where] :
       texts_of(options.allowed_hosts, "--allow-host", config.allowed_hosts, "allowed_hosts")) {
    auto host = http::allowable_host(text);
    if (!host) {
      return fail(Errc::usage, fmt::format("{}: {} can be in no Host header", where, quote(text)),
                  "a name or an address, without http://: musher.example.org or [2001:db8::1]");
    }
    hosts.push_back(*std::move(host));
  }
  return hosts;
}

Result<void> set_up_http(const ServeCommandOptions& options, const ServeConfig& config, ServeOptions& serve) {
  const auto certificate = path_of(options.tls_cert, config.tls_cert);
  const auto key = path_of(options.tls_key, config.tls_key);
  if (certificate.has_value() != key.has_value())
    return fail(Errc::usage, "--tls-cert and --tls-key go together", "--tls-cert cert.pem --tls-key key.pem");
  if (certificate) serve.http.tls = http::TlsFiles{*certificate, *key};
  if (const auto tokens = path_of(options.token_file, config.token_file)) {
    MUSHER_TRY(serve.http.tokens,
               of_file(http::TokenTable::load(*tokens), options.token_file, "--token-file", "token_file"));
  }
  MUSHER_TRY(serve.http.allowed_hosts, hosts_to_allow(options, config));
  return {};
}

Result<void> check_sync(const std::vector<std::string>& rendezvous, bool writes) {
  if (rendezvous.empty() || writes) return {};
  return fail(Errc::usage, "a server that takes no writes cannot sync: it has no key to prove who it is",
              "leave out --read-only, or --rendezvous (configuration: read_only, rendezvous)");
}

Result<void> set_up_sync(const ServeCommandOptions& options, const ServeConfig& config, ServeOptions& serve) {
  MUSHER_TRY(serve.rendezvous, nodes_to_dial(options, config));
  if (const auto file = path_of(options.rendezvous_token_file, config.rendezvous_token_file)) {
    MUSHER_TRY(serve.rendezvous_token, of_file(http::read_client_token(*file), options.rendezvous_token_file,
                                               "--rendezvous-token-file", "rendezvous_token_file"));
  }
  return check_sync(serve.rendezvous, !is_read_only(options, config));
}

/// All that is said on the command line and in the configuration, with what is in the files that are named there.
/// inherited: sockets that listen already.
Result<ServeOptions> serve_options(const ServeCommandOptions& options, const Settings& settings,
                                   std::vector<int> inherited, const LogSink& log) {
  const ServeConfig& config = settings.serve;
  ServeOptions serve;
  serve.inherited = std::move(inherited);
  MUSHER_TRY(serve.listen, wanted_addresses(options, config, !serve.inherited.empty()));
  MUSHER_CHECK(set_up_http(options, config, serve));
  MUSHER_CHECK(check_exposure(serve, log));
  MUSHER_CHECK(set_up_sync(options, config, serve));
  serve.log = settings.log;
  serve.stdio = options.stdio;
  serve.lock_timeout = settings.lock_timeout;
  serve.allow_unconfirmed_purge = options.allow_unconfirmed_purge || config.allow_unconfirmed_purge.value_or(false);
  serve.audit_interval =
      options.audit_interval ? *options.audit_interval : config.audit_interval.value_or(kAuditInterval);
  if (!is_read_only(options, config)) serve.load_identity = [file = settings.identity] { return Identity::load(file); };
  return serve;
}

/// Of options that a new start could run with.
/// @errors usage: it could not.
Result<ServeOptions::Reloaded> reloaded(ServeOptions serve, bool asks_tokens, bool writes) {
  if (serve.http.tls) MUSHER_CHECK(http::make_tls_context(*serve.http.tls));
  MUSHER_CHECK(check_sync(serve.rendezvous, writes));
  ServeOptions::Reloaded loaded;
  if (asks_tokens) loaded.tokens = std::move(serve.http.tokens);
  loaded.allowed_hosts = std::move(serve.http.allowed_hosts);
  loaded.allow_unconfirmed_purge = serve.allow_unconfirmed_purge;
  loaded.rendezvous = std::move(serve.rendezvous);
  loaded.rendezvous_token = std::move(serve.rendezvous_token);
  loaded.audit_interval = serve.audit_interval;
  return loaded;
}

Result<ExitCode> run(ServeCommandOptions& options, Context& context) {
  const Settings& at_start = context.settings;
  const LogSink log = make_server_log(log_format(options, at_start.serve), at_start.quiet, at_start.utc);
  const auto listen_pid = context.environment.get("LISTEN_PID");
  const auto listen_fds = context.environment.get("LISTEN_FDS");
  MUSHER_TRY(const std::vector<int> inherited, http::inherited_sockets(listen_pid ? listen_pid->c_str() : nullptr,
                                                                       listen_fds ? listen_fds->c_str() : nullptr));
  MUSHER_TRY(ServeOptions serve, serve_options(options, at_start, inherited, log));
  serve.host = host_of(context);
  serve.parse_point = [](std::string_view text) { return parse_point_in_time(text, now_ms()); };
  serve.reload = [&options, &context, inherited, fixed = fixed_settings(options, at_start),
                  asks_tokens = serve.http.tokens.has_value(),
                  writes = serve.load_identity != nullptr]() -> Result<ServeOptions::Reloaded> {
    MUSHER_TRY(const Settings now, resolve_settings(context.common, context.environment));
    const LogSink said_at_start = [](LogLevel, std::string_view, const LogFields&) {};
    MUSHER_TRY(ServeOptions would_be, serve_options(options, now, inherited, said_at_start));
    MUSHER_TRY(auto loaded, reloaded(std::move(would_be), asks_tokens, writes));
    loaded.needs_restart = changed_keys(fixed, fixed_settings(options, now));
    return loaded;
  };
  MUSHER_CHECK(musher::serve(std::move(serve), log));
  return ExitCode::ok;
}

}  // namespace

Command serve_command() { return make_command<ServeCommandOptions>("musher-serve", {.json = false}, declare, run); }

}  // namespace musher
