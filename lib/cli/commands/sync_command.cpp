// musher sync: two logs of one document brought together without a server.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/error_report.hpp"
#include "cli/live_confirmation.hpp"
#include "cli/log_access.hpp"
#include "cli/progress.hpp"
#include "crypto/signature.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "oplog/hints.hpp"
#include "oplog/trial_copy.hpp"
#include "report/sync_json.hpp"

namespace musher {
namespace {

struct SyncOptions {
  std::string first;
  std::string second;
  bool dry_run = false;
  WaitOption wait;
};

void declare(SyncOptions& options, CommandLine& line) {
  line.positional(options.first, "FILE-A", "an op log");
  line.positional(options.second, "FILE-B", "another op log of the same document");
  line.flag(options.dry_run, "-n,--dry-run", "say what would be brought over, and write nothing");
  options.wait.add_to(line);
  line.without("-l,--log", "its logs are arguments: musher sync FILE-A FILE-B");
  line.usage("[OPTION]... FILE-A FILE-B");
  line.paragraph(
      "Brings what each log lacks of the other, as two servers would over the network: every op is verified, and one "
      "whose author is not trusted in the log that gets it waits there in quarantine. A second run moves nothing.");
  line.example("musher sync here.db /mnt/usb/there.db", "both hold the same ops afterwards");
  line.example("musher sync -n pipeline.db backup.db", "what the one has that the other has not");
}

/// One of the two logs: as named, and opened; in a dry run a copy of it that is thrown away.
struct Side {
  std::string name;
  std::string path;  ///< absolute
  std::optional<TrialCopy> trial{};
  std::optional<Replica> replica{};
};

/// What went wrong with an argument, its hint made one for this command: it has no --log, a log that is made for it
/// holds the document of the other one, and one that may only be read can still give what it has.
Error of_argument(Error error, const Side& side, const Side& other, bool dry_run) {
  std::error_code ignored;
  const auto init = error.hint.find(kInitCommand);
  if (!dry_run && ::access(side.name.c_str(), R_OK) == 0 && error.code == Errc::io && error.hint.starts_with("ls -l")) {
    error.hint += fmt::format(
        "; both logs are written to: to look only, musher sync -n {0} {1}; to bring over what this one has, sync a "
        "copy of it: sqlite3 {0} \"VACUUM INTO 'copy.db'\"",
        shell_word(side.name), shell_word(other.name));
  }
  if (error.hint == kNameLogHint || side.name.empty()) {
    error.hint = "musher sync takes two op logs: name another file";
  } else if (init != error.hint.npos && !std::filesystem::is_regular_file(other.name, ignored)) {
    error.hint = "neither of the two is there: look at their names, or in which folder you are";
  } else if (init != error.hint.npos) {
    error.hint.insert(init + kInitCommand.size(), "--join " + shell_word(other.name) + ' ');
  }
  return error;
}

/// Servers sync with each other.
Result<void> check_is_no_url(const std::string& name) {
  std::error_code ignored;
  if (name.find("://") == name.npos || std::filesystem::exists(name, ignored)) return {};
  return fail(Errc::usage, "musher sync takes files, and one of these is a URL",
              "servers sync with each other: musher serve --rendezvous URL");
}

Result<void> open(Side& side, Context& context, bool dry_run) {
  if (dry_run) {
    MUSHER_TRY(TrialCopy copy, TrialCopy::make(side.name, context.settings.lock_timeout));
    side.trial.emplace(std::move(copy));
  }
  MUSHER_TRY(auto log, dry_run ? side.trial->open() : SqliteOpLog::open(side.name, OpenMode::write));
  side.path = log->info().path;
  side.replica.emplace(std::move(log), host_of(context));
  side.replica->set_lock_timeout(context.settings.lock_timeout);
  return {};
}

Result<void> check_pair(Side& first, Side& second) {
  const LogInfo& left = first.replica->log().info();
  const LogInfo& right = second.replica->log().info();
  if (left.document == right.document) return {};
  return fail(Errc::usage,
              fmt::format("{} and {} hold different documents: {} and {}", first.path, second.path,
                          to_hex(left.document.bytes), to_hex(right.document.bytes)),
              "only logs of one document have ops for each other; a new one of it: musher init --join FILE");
}

FileMovement move(Side& from, Side& to, Context& context) {
  Progress progress(context.terminal, steady_clock(), "bringing to " + to.name, "ops", 0);
  sync::MoveOptions options;
  options.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.set_total(total);
    progress.update(done);
  };
  auto movement = sync::move_ops(from.replica->log(), *to.replica, options);
  if (movement.row_is_damaged) {
    movement.stopped->what += " (" + from.path + ")";
    movement.stopped->hint = verify_hint(from.path);
  }
  auto trust = TrustPolicy::read(to.replica->log());
  return {from.path,
          to.path,
          from.replica->log().info().log,
          to.replica->log().info().log,
          trust ? *std::move(trust) : TrustPolicy(),  // for names: without it a key says whose
          std::move(movement),
          {}};
}

// --- text

std::string count_text(std::uint64_t count, std::string_view one, std::string_view more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}

std::string authors_text(const FileMovement& move) {
  std::string text;
  for (const auto& [author, ops] : move.movement.authors) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", author_text(move.trust.name(author), author), ops);
  }
  return text;
}

std::string stories_text(const FileMovement& move) {
  constexpr std::size_t kNamed = 10;
  std::string text;
  std::size_t named = 0;
  for (const std::string& story : move.movement.stories) {
    if (named++ == kNamed) return text + fmt::format(" and {} more", move.movement.stories.size() - kNamed);
    text += (text.empty() ? "" : ", ") + story;
  }
  return text;
}

/// In a dry run nothing is in a quarantine that could be looked at.
std::string hint_text(const FileMovement& move, const sync::WaitingOps& waiting, bool dry_run) {
  const std::string log = " --log " + shell_word(move.to);
  if (waiting.reason == "author_unknown")
    return fmt::format("musher trust add {} NAME{}", to_hex(waiting.author.key), log);
  return dry_run ? "" : "musher inspect quarantine" + log;
}

bool is_damaged(const sync::Movement& movement) { return movement.stopped && movement.stopped->code == Errc::damaged; }

/// What of the two logs keeps a movement from being complete, each with what to run next. Not escaped.
std::vector<Error> reasons(const FileMovement& move, bool dry_run) {
  const sync::Movement& movement = move.movement;
  std::vector<Error> reasons;
  for (const sync::WaitingOps& waiting : movement.waiting) {
    reasons.push_back({Errc::refused,
                       fmt::format("{} by {} {} in its quarantine: {}", count_text(waiting.ops, "op", "ops"),
                                   author_text(move.trust.name(waiting.author), waiting.author),
                                   dry_run            ? "would wait"
                                   : waiting.ops == 1 ? "waits"
                                                      : "wait",
                                   waiting.reason),
                       hint_text(move, waiting, dry_run)});
  }
  if (const auto& refused = movement.refused) {
    reasons.push_back({Errc::refused,
                       fmt::format("op {} (row {} there) was refused: {}; nothing behind it was looked at",
                                   short_id(refused->id), raw(refused->row), to_string(refused->why)),
                       verify_hint(move.from)});
  }
  if (is_damaged(movement))
    reasons.push_back({Errc::damaged, "stopped: " + movement.stopped->what, movement.stopped->hint});
  return reasons;
}

std::string movement_text(const FileMovement& move, bool dry_run) {
  const sync::Movement& movement = move.movement;
  std::string text =
      fmt::format("{} to {}: {}\n", escape(move.from), escape(move.to),
                  movement.moved == 0 ? (movement.stopped ? "nothing brought over" : "nothing to bring over")
                                      : fmt::format("{} {}", count_text(movement.moved, "op", "ops"),
                                                    dry_run ? "would be brought over" : "brought over"));
  if (movement.moved > 0) text += "  by       " + escape(authors_text(move)) + '\n';
  if (!movement.stories.empty()) text += "  stories  " + escape(stories_text(move)) + '\n';
  if (movement.released > 0) {
    text += fmt::format("  {} of its own quarantine {} in with them\n", count_text(movement.released, "op", "ops"),
                        dry_run ? "would come" : "came");
  }
  for (const Error& reason : reasons(move, dry_run)) {
    text += fmt::format("  {}\n", message_text(reason.what));
    if (!reason.hint.empty()) text += fmt::format("    {}\n", escape(reason.hint));
  }
  return text;
}

bool is_complete(const std::vector<FileMovement>& moves) {
  return std::ranges::all_of(moves, [](const auto& each) { return each.movement.complete(); });
}

void render_text(const std::vector<FileMovement>& moves, bool dry_run, Terminal& terminal) {
  for (const FileMovement& each : moves) terminal.out() << movement_text(each, dry_run);
  const std::string_view now = dry_run ? "both would hold the same ops" : "both hold the same ops";
  terminal.out() << (is_complete(moves) ? now : "not all could be brought over") << '\n';
}

/// Quiet: why it is not complete, and nothing else.
void report_reasons(const std::vector<FileMovement>& moves, Terminal& terminal) {
  for (const FileMovement& each : moves) {
    for (Error& reason : reasons(each, false)) {
      reason.what = fmt::format("{} to {}: {}", each.from, each.to, reason.what);
      report_in_one_line(reason, terminal);
    }
  }
}

/// What kept a direction from being gone to its end has nothing to do with what the logs hold.
std::optional<Error> failure(const FileMovement& move) {
  if (!move.movement.stopped || is_damaged(move.movement)) return std::nullopt;
  Error error = *move.movement.stopped;
  error.what = fmt::format("from {} to {}: {}", move.from, move.to, error.what);
  return error;
}

void report_failures(const std::vector<FileMovement>& moves, Context& context) {
  for (const FileMovement& each : moves) {
    const auto error = failure(each);
    if (error && context.settings.quiet)
      report_in_one_line(*error, context.terminal);
    else if (error)
      report_error(*error, context.terminal);
  }
}

/// As of any command: the document, or one error and nothing else.
Result<ExitCode> render_json(const std::vector<FileMovement>& moves, bool dry_run, const DocumentId& document,
                             ExitCode code, Terminal& terminal) {
  for (const FileMovement& each : moves)
    if (auto error = failure(each)) return std::unexpected(*std::move(error));
  JsonWriter json(terminal.out());
  write_sync(json, {"musher.sync/1", static_cast<int>(code), nullptr, is_complete(moves) ? "same" : "different"},
             document, dry_run, moves);
  return code;
}

// --- the command

/// Which servers have the log that ops came to in memory; says so about that log.
ExitCode confirm(Side& to, FileMovement& move, Context& context, const WaitOption& option) {
  if (move.movement.moved == 0) return ExitCode::ok;
  Settings settings = context.settings;
  settings.log = to.path;
  Context there{context.terminal, settings, context.environment, context.common};
  const auto last = to.replica->log().last_row();
  if (!last) return ExitCode::io;
  LiveConfirmation live =
      confirm_live(there, *to.replica, *last, fmt::format("the rows of {} up to {}", to.path, raw(*last)), option);
  move.live = std::move(live.answers);
  return LiveConfirmation{move.live}.exit_code();
}

ExitCode exit_code_of(const sync::Movement& movement) {
  const ExitCode stopped = movement.stopped ? exit_code(movement.stopped->code) : ExitCode::ok;
  return movement.refused || !movement.waiting.empty() ? worst(ExitCode::no, stopped) : stopped;
}

Result<ExitCode> run(SyncOptions& options, Context& context) {
  MUSHER_CHECK(verification_self_test());
  std::error_code not_there;
  if (std::filesystem::equivalent(options.first, options.second, not_there)) {
    return fail(Errc::usage, fmt::format("{} and {} are one file", options.first, options.second),
                "musher sync takes two logs of one document");
  }
  std::array<Side, 2> sides;
  sides[0].name = options.first;
  sides[1].name = options.second;
  for (const Side& side : sides) MUSHER_CHECK(check_is_no_url(side.name));
  for (const std::size_t i : {0U, 1U}) {
    if (auto opened = open(sides[i], context, options.dry_run); !opened)
      return std::unexpected(of_argument(std::move(opened).error(), sides[i], sides[1 - i], options.dry_run));
  }
  MUSHER_CHECK(check_pair(sides[0], sides[1]));

  std::vector<FileMovement> moves;
  for (const std::size_t from : {0U, 1U}) {
    FileMovement made = move(sides[from], sides[1 - from], context);
    if (!options.dry_run && made.movement.moved > 0) {
      context.terminal.wrote(fmt::format("{} ops in {}", made.movement.moved, made.to));
    }
    moves.push_back(std::move(made));
  }
  ExitCode code = worst(exit_code_of(moves[0].movement), exit_code_of(moves[1].movement));
  if (!wants_json(context)) {
    if (!context.settings.quiet || options.dry_run)
      render_text(moves, options.dry_run, context.terminal);
    else
      report_reasons(moves, context.terminal);
    report_failures(moves, context);
  }
  if (!options.dry_run) {
    for (const std::size_t from : {0U, 1U}) {
      code = worst(code, confirm(sides[1 - from], moves[from], context, options.wait));
    }
  }
  if (!wants_json(context)) return code;
  return render_json(moves, options.dry_run, sides[0].replica->log().info().document, code, context.terminal);
}

}  // namespace

Command sync_command() {
  return make_command<SyncOptions>("musher-sync", {.log = false, .identity = false}, declare, run);
}

}  // namespace musher
