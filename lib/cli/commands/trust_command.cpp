// musher trust: whose ops are heard in this log.

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <ostream>
#include <set>

#include "cli/commands/commands.hpp"
#include "cli/log_access.hpp"
#include "cli/table.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "replica/trust.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

struct TrustOptions {
  std::string action;
  std::vector<std::string> arguments;
  bool eraser = false;
  bool no_eraser = false;
  std::optional<std::string> from;

  [[nodiscard]] std::optional<bool> wanted_eraser() const {
    return eraser || no_eraser ? std::optional(eraser) : std::nullopt;
  }
};

void declare(TrustOptions& options, CommandLine& line) {
  line.positional(options.action, "list|add|revoke", "what to do");
  line.positional(options.arguments, "KEY",
                  "add: KEY NAME; revoke: KEY. A KEY is 64 hex digits or a .pub file; revoke also takes "
                  "a name or the first 6 or more digits");
  line.flag(options.eraser, "--eraser", "add: may also erase what others wrote (default: as it was; at first not)");
  line.flag(options.no_eraser, "--no-eraser", "add: may no longer erase what others wrote");
  line.option(options.from, "--from", "OP",
              "revoke: mute this op of the author and all after it (default: from its last op in this log on, that op "
              "included)");
  line.usage("[OPTION]... list");
  line.usage("[OPTION]... add KEY NAME [--eraser|--no-eraser]");
  line.usage("[OPTION]... revoke KEY [--from OP]");
  line.paragraph(
      "Trust is this log's own: it is not signed, not sent to other nodes, and each change is kept with who made it "
      "and when. An op of an author who is not allowed is kept, and not heard.");
  line.example("musher trust add alice.key.pub alice", "hear what alice writes");
  line.example("musher trust revoke alice", "hear no more of alice, from her last op in this log on");
}

std::string standing_text(const AuthorView& author) {
  std::string text(to_string(author.trust));
  if (author.revoked_from) text += " from " + short_id(*author.revoked_from);
  if (author.eraser) text += ", eraser";
  return text;
}

Result<ExitCode> list(Context& context) {
  MUSHER_TRY(const auto log, open_for_reading(context));
  MUSHER_TRY(const auto authors, inspect_authors(*log, std::nullopt));
  if (wants_json(context)) {
    MUSHER_TRY(const LogCard card, log_card(*log));
    const auto self = Identity::load(context.settings.identity);
    JsonWriter json(context.terminal.out());
    write_authors(json, {"musher.trust-list/1", 0, &card}, authors, self ? &self->author() : nullptr);
    return ExitCode::ok;
  }
  Table table({{"NAME"}, {"TRUST"}, {"OPS", Align::right}, {"KEY"}});
  for (const AuthorView& author : authors) {
    table.row({author.name, standing_text(author), std::to_string(author.ops), to_hex(author.author.key)});
  }
  context.terminal.out() << table.text(context.terminal);
  return ExitCode::ok;
}

using StoryIds = std::set<std::string>;

Result<StoryIds> visible_stories(LogReader& log) {
  MUSHER_TRY(const StoryList list, inspect_stories(log, std::nullopt));
  StoryIds ids;
  for (const StoryView& story : list.stories) ids.insert(story.id);
  return ids;
}

/// "2 stories are seen now: 1_a, 2_b" of those that only `now` has.
void say_changed(Context& context, const StoryIds& before, const StoryIds& now, std::string_view what) {
  constexpr std::size_t kNamed = 5;
  std::vector<std::string> changed;
  std::ranges::set_difference(now, before, std::back_inserter(changed));
  if (changed.empty()) return;
  std::string names;
  for (std::size_t i = 0; i < std::min(changed.size(), kNamed); ++i) names += (i == 0 ? "" : ", ") + changed[i];
  if (changed.size() > kNamed) names += fmt::format(" and {} more", changed.size() - kNamed);
  context.terminal.note(
      fmt::format("{} stor{} {}: {}", changed.size(), changed.size() == 1 ? "y is" : "ies are", what, names));
}

/// The author whose key writes here. Others of the group can read its public half alone.
std::optional<AuthorId> own_author(const Context& context) {
  const std::filesystem::path& key = context.settings.identity;
  if (const auto identity = Identity::load(key)) return identity->author();
  if (const auto author = read_public_key(key.native() + ".pub")) return *author;
  return std::nullopt;
}

/// Nobody takes away their own voice, gets another name, or trusts a copy of their own key as another's, without a
/// word.
void say_if_own(Context& context, Replica& replica, const TrustReport& report) {
  const AuthorRecord& record = report.record;
  if (own_author(context) != record.author) return;
  const std::string own = fmt::format("this is the log's own key, {}", context.settings.identity.native());
  constexpr std::string_view kShared =
      "; two nodes must not share one: where another node has it too, the key file was copied, and one of the two "
      "needs a key of its own: musher identity new --identity FILE, in the place of the key there, and trusted in both "
      "logs";
  if (record.trust == Trust::revoked) {
    context.terminal.warn(
        fmt::format("{}: nothing can be written with it until it is trusted again: musher trust "
                    "--log {} add {} {}{}",
                    own, shell_word(replica.log().info().path), to_hex(record.author.key),
                    record.name.empty() ? "NAME" : shell_word(record.name), record.eraser ? " --eraser" : ""));
  } else if (const auto before = renamed_from(report)) {
    context.terminal.warn(fmt::format("{}, which was called {} until now{}", own, *before, kShared));
  } else {
    context.terminal.note(fmt::format("{}{}", own, kShared));
  }
}

/// What a change of trust does to the pipeline is not to be found out later.
Result<TrustReport> change(Context& context, Replica& replica, const std::function<Result<TrustReport>()>& apply) {
  MUSHER_TRY(const StoryIds before, visible_stories(replica.log()));
  MUSHER_TRY(TrustReport report, apply());
  say_if_own(context, replica, report);
  if (!report.changed) return report;
  if (const auto after = visible_stories(replica.log())) {
    say_changed(context, before, *after, "seen now");
    say_changed(context, *after, before, "not seen any more");
  }
  return report;
}

/// "alice (3f5a12...) is now trusted, and may erase what others wrote": how it stands, and what is new about it.
std::string answer_text(const TrustReport& report) {
  const AuthorRecord& record = report.record;
  const std::optional<AuthorRecord>& before = report.before;
  const bool stood = before && before->trust == record.trust && before->revoked_from == record.revoked_from;
  const std::string_view when = !report.changed ? "already " : stood ? "" : "now ";
  std::string line = fmt::format("{} ({}) is {}{}", escape(author_text(record.name, record.author)),
                                 short_id(record.author), when, record.trust == Trust::allowed ? "trusted" : "revoked");
  if (record.trust == Trust::revoked && record.revoked_from)
    line += fmt::format(" from op {} on, that op included", short_id(*record.revoked_from));
  else if (record.trust == Trust::revoked)
    line += ", every op of it";
  if (const auto renamed = renamed_from(report)) line += ", renamed from " + escape(*renamed);
  if (record.eraser)
    line += fmt::format(", and may {}erase what others wrote", stood && !before->eraser ? "now " : "");
  else if (before && before->eraser)
    line += ", and may no longer erase what others wrote";
  if (report.released > 0)
    line += fmt::format("; {} op{} came in from quarantine", report.released, report.released == 1 ? "" : "s");
  return line;
}

Result<ExitCode> answer(Context& context, Replica& replica, const TrustReport& report) {
  if (report.changed) context.terminal.wrote("trust in " + author_text(report.record.name, report.record.author));
  if (wants_json(context)) {
    MUSHER_TRY(const LogCard card, log_card(replica.log()));
    JsonWriter json(context.terminal.out());
    write_trust(json, {"musher.trust/1", 0, &card}, report);
    return ExitCode::ok;
  }
  if (context.settings.quiet) return ExitCode::ok;
  context.terminal.out() << answer_text(report) << '\n';
  return ExitCode::ok;
}

/// The hint of a command line that is wrong.
std::string instead(const Context& context, std::string_view arguments) {
  return fmt::format("musher trust {} {}", arguments, log_words(context));
}

Result<ExitCode> add(TrustOptions& options, Context& context) {
  if (options.arguments.size() != 2)
    return fail(Errc::usage, "trust add takes a key and a name", instead(context, "add KEY NAME"));
  if (options.from) return fail(Errc::usage, "--from goes with revoke", instead(context, "revoke KEY --from OP"));
  if (options.eraser && options.no_eraser)
    return fail(Errc::usage, "--eraser and --no-eraser do not go together",
                instead(context, "add KEY NAME --no-eraser"));
  MUSHER_TRY(const AuthorId author, read_public_key(options.arguments[0]));
  MUSHER_TRY(auto replica, open_for_policy(context));
  MUSHER_TRY(const TrustReport report, change(context, replica, [&] {
               return trust_add(replica, author, options.arguments[1], options.wanted_eraser());
             }));
  return answer(context, replica, report);
}

/// Of an author who was never heard here its ops wait, and none of them can be named.
Result<OpId> find_revoked_op(LogReader& log, const std::string& prefix, const AuthorId& author) {
  auto found = find_op(log, prefix);
  if (found || found.error().code != Errc::not_found) return found;
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  if (trust.standing(author) != Standing::unknown) return found;
  found.error().hint = fmt::format("revoke it once its ops are here, and until then: musher trust add {} NAME --log {}",
                                   to_hex(author.key), shell_word(log.info().path));
  return found;
}

Result<ExitCode> revoke(TrustOptions& options, Context& context) {
  if (options.arguments.size() != 1)
    return fail(Errc::usage, "trust revoke takes one key", instead(context, "revoke KEY"));
  if (const auto eraser = options.wanted_eraser()) {
    const std::string_view flag = *eraser ? "--eraser" : "--no-eraser";
    return fail(Errc::usage, fmt::format("{} goes with add", flag),
                instead(context, fmt::format("add KEY NAME {}", flag)));
  }
  MUSHER_TRY(auto replica, open_for_policy(context));
  MUSHER_TRY(const AuthorId author, find_author(replica.log(), options.arguments[0]));
  std::optional<OpId> from;
  if (options.from) {
    MUSHER_TRY(from, find_revoked_op(replica.log(), *options.from, author));
  }
  MUSHER_TRY(const TrustReport report, change(context, replica, [&] { return trust_revoke(replica, author, from); }));
  return answer(context, replica, report);
}

Result<ExitCode> run(TrustOptions& options, Context& context) {
  if (options.action == "add") return add(options, context);
  if (options.action == "revoke") return revoke(options, context);
  if (options.action != "list") {
    return fail(Errc::usage, fmt::format("{} is not list, add or revoke", quote(options.action)),
                "musher trust --help");
  }
  if (!options.arguments.empty() || options.from || options.wanted_eraser()) {
    return fail(Errc::usage, "trust list takes nothing else", instead(context, "list"));
  }
  return list(context);
}

}  // namespace

Command trust_command() { return make_command<TrustOptions>("musher-trust", {}, declare, run); }

}  // namespace musher
