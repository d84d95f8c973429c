#include "cli/log_access.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/point_in_time_text.hpp"
#include "model/text.hpp"
#include "oplog/hints.hpp"

namespace musher {
namespace {

constexpr std::size_t kShortDigits = 12;

/// Where no log is, one that is elsewhere was meant more often than a new one.
Result<std::unique_ptr<SqliteOpLog>> open(Context& context, OpenMode mode) {
  auto log = SqliteOpLog::open(context.settings.log, mode);
  if (!log && log.error().hint.find(kInitCommand) != std::string::npos)
    log.error().hint = fmt::format("{} FILE; to make a new one: {}", kNameLogHint, log.error().hint);
  return log;
}

std::filesystem::path home_folder(const Environment& environment) {
  if (const auto home = environment.get("HOME")) return *home;
  const passwd* user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_dir : "/";
}

}  // namespace

std::int64_t now_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

Host host_of(const Context& context) {
  const Terminal& terminal = context.terminal;
  return {now_ms, state_dir(context.environment), login_name(),
          [&terminal](std::int64_t ms) { return terminal.time(ms); }};
}

std::filesystem::path state_dir(const Environment& environment) {
  // The XDG specification: a relative path is invalid and ignored. It would be another folder for each caller.
  const auto state = environment.get("XDG_STATE_HOME");
  if (state && state->starts_with('/')) return std::filesystem::path(*state) / "musher";
  if (::geteuid() == 0) return "/var/lib/musher";
  return home_folder(environment) / ".local/state/musher";
}

std::string login_name() {
  const passwd* user = ::getpwuid(::getuid());
  return user != nullptr ? user->pw_name : fmt::format("uid:{}", ::getuid());
}

std::string log_words(const Context& context) {
  const Settings& settings = context.settings;
  return settings.server ? "--server " + shell_word(*settings.server) : "--log " + shell_word(settings.log.native());
}

Result<std::unique_ptr<SqliteOpLog>> open_for_reading(Context& context, bool copy) {
  MUSHER_TRY(auto log, open(context, copy ? OpenMode::read_copy : OpenMode::read));
  if (log->info().copied_ms) {
    context.terminal.note(fmt::format("read from a copy made at {}", context.terminal.time(*log->info().copied_ms)));
  }
  return log;
}

Result<Replica> open_for_writing(Context& context) {
  MUSHER_TRY(auto log, open(context, OpenMode::write));
  MUSHER_TRY(auto identity, Identity::load(context.settings.identity));
  Replica replica(std::move(log), host_of(context));
  replica.set_lock_timeout(context.settings.lock_timeout);
  replica.use_identity(std::move(identity));
  return replica;
}

Result<Replica> open_for_policy(Context& context) {
  MUSHER_TRY(auto log, open(context, OpenMode::write));
  Replica replica(std::move(log), host_of(context));
  replica.set_lock_timeout(context.settings.lock_timeout);
  return replica;
}

Result<std::optional<ResolvedPoint>> resolve_at(Context& context, LogReader& log,
                                                const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  MUSHER_TRY(const PointInTime point, parse_point_in_time(*text, now_ms()));
  MUSHER_TRY(const ResolvedPoint resolved, resolve(log, point));
  std::string line = fmt::format("--at {}: row {}", *text, raw(resolved.row));
  if (const auto* instant = std::get_if<AtInstant>(&point))
    line += ", the log at " + context.terminal.time(instant->ms);
  if (resolved.received_ms)
    line += ", received " + context.terminal.time(*resolved.received_ms);
  else
    line += ", before every op";
  context.terminal.note(line);
  return resolved;
}

Result<std::unique_ptr<SqliteOpLog>> open_other_log(std::string_view option, const std::string& file) {
  if (file.empty()) return fail(Errc::usage, fmt::format("{} names no file", option), fmt::format("{} FILE", option));
  auto log = SqliteOpLog::open(file, OpenMode::read);
  if (log) return log;
  Error error = std::move(log).error();
  error.what = fmt::format("{}: {}", option, error.what);
  if (error.code == Errc::not_a_log) error.hint = fmt::format("{} takes the file of another op log", option);
  return std::unexpected(std::move(error));
}

std::string op_list(const std::vector<OpView>& ops) {
  std::string text;
  for (const OpView& op : ops) {
    text += fmt::format("{}op {} (row {})", text.empty() ? "" : ", ", short_id(op.row.id), raw(op.row.row));
  }
  return text;
}

void show_warnings(Context& context, Replica& replica) {
  for (const std::string& warning : replica.take_warnings()) context.terminal.warn(warning);
}

std::string short_id(const OpId& id) { return to_hex(id.hash).substr(0, kShortDigits); }
std::string short_id(const AuthorId& id) { return to_hex(id.key).substr(0, kShortDigits); }

std::string author_text(const std::string& name, const AuthorId& author) {
  return name.empty() ? short_id(author) : name;
}

std::string writer_text(const OpView& op) {
  const std::string author = author_text(op.author_name, op.row.op.op.author);
  const std::string& actor = op.row.op.op.actor;
  return actor.empty() || actor == author ? author : fmt::format("{} on behalf of {}", author, actor);
}

}  // namespace musher
