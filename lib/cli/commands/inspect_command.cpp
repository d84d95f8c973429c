// musher inspect: look at what a log holds.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/commands/commands.hpp"
#include "cli/commands/inspect_options.hpp"
#include "cli/commands/inspect_text.hpp"
#include "cli/log_access.hpp"
#include "cli/pager.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "oplog/server_start.hpp"
#include "report/inspect_json.hpp"
#include "report/peers_json.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

/// One inspection under way.
struct Inspection {
  InspectOptions& options;
  Context& context;
  SqliteOpLog& log;
  std::optional<ResolvedPoint> at;

  [[nodiscard]] std::optional<RowId> row() const { return at ? std::optional(at->row) : std::nullopt; }
};

/// Rows that do not hold make the answer a no, and the first is named.
ExitCode verdict(Context& context, const std::vector<RowFailure>& failures) {
  if (failures.empty()) return ExitCode::ok;
  const RowFailure& first = failures.front();
  const bool one = failures.size() == 1;
  context.terminal.warn(fmt::format(
      "{} row{} of the log {} not hold, and no view counts {}; the first is row {} ({}): musher verify-order "
      "--log {}",
      failures.size(), one ? "" : "s", one ? "does" : "do", one ? "it" : "them", raw(first.row), first.reason,
      shell_word(context.settings.log.native())));
  return ExitCode::no;
}

/// An empty answer says so on err. elsewhere: where else to look.
void note_if_empty(Context& context, bool is_empty, std::string_view what, std::string_view elsewhere = {}) {
  if (is_empty && !wants_json(context)) context.terminal.note(fmt::format("no {} in this log{}", what, elsewhere));
}

/// Renders as the user asked: JSON with the envelope, or text through the pager.
template <class Json, class Text>
Result<ExitCode> render(Inspection& inspection, std::string_view schema, ExitCode code, const Json& write_json,
                        const Text& text) {
  if (wants_json(inspection.context)) {
    MUSHER_TRY(const LogCard card, log_card(inspection.log));
    JsonWriter json(inspection.context.terminal.out());
    write_json(json, Envelope{schema, static_cast<int>(code), &card, {}, inspection.at});
  } else {
    page(inspection.context.terminal, inspection.context.environment, text());
  }
  return code;
}

Result<ExitCode> summary(Inspection& inspection) {
  MUSHER_TRY(const Summary found, inspect_summary(inspection.log, inspection.row()));
  MUSHER_TRY(const auto sizes, inspection.log.file_sizes());
  const auto identity = Identity::load(inspection.context.settings.identity);
  MUSHER_TRY(auto servers, inspection.log.live_servers());
  const SummaryExtras extras{identity ? &identity->author() : nullptr, sizes.database, sizes.wal, std::move(servers)};
  const ExitCode code = verdict(inspection.context, found.failures);
  return render(
      inspection, "musher.inspect-summary/1", code,
      [&](JsonWriter& json, const Envelope& envelope) { write_summary(json, envelope, found, extras); },
      [&] { return summary_text(inspection.log.info(), found, extras, inspection.context.terminal); });
}

Result<ExitCode> stories(Inspection& inspection) {
  MUSHER_TRY(const StoryList list, inspect_stories(inspection.log, inspection.row()));
  MUSHER_TRY(const auto trust, TrustPolicy::read(inspection.log));
  const ExitCode code = verdict(inspection.context, list.failures);
  note_if_empty(inspection.context, list.stories.empty(), "stories");
  return render(
      inspection, "musher.inspect-stories/1", code,
      [&](JsonWriter& json, const Envelope& envelope) { write_story_list(json, envelope, list); },
      [&] { return stories_text(list.stories, trust, inspection.context.terminal); });
}

Result<ExitCode> story(Inspection& inspection) {
  MUSHER_TRY(const StoryReport report, inspect_story(inspection.log, *inspection.options.name, inspection.row()));
  const ExitCode code = verdict(inspection.context, report.failures);
  return render(
      inspection, "musher.inspect-story/1", code,
      [&](JsonWriter& json, const Envelope& envelope) { write_story_report(json, envelope, report); },
      [&] { return story_text(report, inspection.context.terminal); });
}

Result<ExitCode> op(Inspection& inspection) {
  MUSHER_TRY(const OpReport report, inspect_op(inspection.log, *inspection.options.name, inspection.row()));
  std::vector<RowFailure> failures;
  if (report.failure) failures.push_back(*report.failure);
  const ExitCode code = verdict(inspection.context, failures);
  return render(
      inspection, "musher.inspect-op/1", code,
      [&](JsonWriter& json, const Envelope& envelope) { write_op_report(json, envelope, report); },
      [&] { return op_text(report.op, inspection.context.terminal); });
}

Result<ExitCode> ops_as_lines(Inspection& inspection, Signatures signatures) {
  JsonWriter json(inspection.context.terminal.out());
  MUSHER_TRY(const OpListing listing, inspect_ops(inspection.log, inspection.row(), signatures, [&](OpView&& view) {
               write_op_line(json, view);
               return true;
             }));
  const ExitCode code = verdict(inspection.context, listing.failures);
  MUSHER_TRY(const LogCard card, log_card(inspection.log));
  write_summary_line(json, {"musher.inspect-ops/1", static_cast<int>(code), &card, {}, inspection.at}, listing);
  return code;
}

Result<ExitCode> ops(Inspection& inspection) {
  const Signatures signatures = inspection.options.verify ? Signatures::check : Signatures::skip;
  if (inspection.context.settings.output == Output::jsonl) return ops_as_lines(inspection, signatures);
  std::vector<OpView> views;
  MUSHER_TRY(const OpListing listing, inspect_ops(inspection.log, inspection.row(), signatures, [&](OpView&& view) {
               views.push_back(std::move(view));
               return true;
             }));
  const ExitCode code = verdict(inspection.context, listing.failures);
  return render(
      inspection, "musher.inspect-ops/1", code,
      [&](JsonWriter& json, const Envelope& envelope) { write_op_list(json, envelope, views, listing); },
      [&] { return ops_text(views, inspection.context.terminal); });
}

Result<ExitCode> authors(Inspection& inspection) {
  MUSHER_TRY(const auto views, inspect_authors(inspection.log, inspection.row()));
  const auto identity = Identity::load(inspection.context.settings.identity);
  const AuthorId* self = identity ? &identity->author() : nullptr;
  return render(
      inspection, "musher.inspect-authors/1", ExitCode::ok,
      [&](JsonWriter& json, const Envelope& envelope) { write_authors(json, envelope, views, self); },
      [&] { return authors_text(views, self, inspection.context.terminal); });
}

Result<ExitCode> heads(Inspection& inspection) {
  MUSHER_TRY(const auto views, inspect_heads(inspection.log, inspection.row()));
  note_if_empty(inspection.context, views.empty(), "ops");
  return render(
      inspection, "musher.inspect-heads/1", ExitCode::ok,
      [&](JsonWriter& json, const Envelope& envelope) { write_heads(json, envelope, views); },
      [&] { return ops_text(views, inspection.context.terminal); });
}

Result<ExitCode> quarantine(Inspection& inspection) {
  MUSHER_TRY(const auto kept, inspect_quarantine(inspection.log));
  MUSHER_TRY(const auto trust, TrustPolicy::read(inspection.log));
  note_if_empty(inspection.context, kept.empty(), "ops in quarantine");
  return render(
      inspection, "musher.inspect-quarantine/1", ExitCode::ok,
      [&](JsonWriter& json, const Envelope& envelope) { write_quarantine(json, envelope, kept); },
      [&] { return quarantine_text(kept, trust, inspection.log.info().path, inspection.context.terminal); });
}

/// What the file cannot say of who is not connected, and who can.
void say_who_knows_more(Context& context, const std::vector<sync::PeerStatus>& peers, bool served) {
  if (peers.empty() || wants_json(context)) return;
  if (!served) {
    context.terminal.note("no server of this log runs that could dial them or be dialed: musher serve " +
                          log_words(context));
  } else if (std::ranges::any_of(peers, [](const auto& peer) { return peer.state != "connected"; })) {
    context.terminal.note(
        "whether one that is away is dialed, and why that fails, its server knows: musher inspect peers --server URL");
  }
}

Result<ExitCode> peers(Inspection& inspection) {
  MUSHER_TRY(const auto servers, inspection.log.live_servers());
  const auto served_since_ms = syncing_since_ms(servers);
  MUSHER_TRY(const auto known, sync::stored_peers(inspection.log, served_since_ms));
  MUSHER_TRY(const auto trust, TrustPolicy::read(inspection.log));
  note_if_empty(inspection.context, known.empty(), "peers",
                "; an address that never answered is shown by the server that dials it, and why: musher inspect peers "
                "--server URL");
  say_who_knows_more(inspection.context, known, served_since_ms.has_value());
  return render(
      inspection, "musher.inspect-peers/1", ExitCode::ok,
      [&](JsonWriter& json, const Envelope& envelope) { write_peers(json, envelope, known, trust); },
      [&] {
        std::vector<NamedPeer> named;
        for (const sync::PeerStatus& peer : known) named.push_back({peer, trust.name(*peer.peer)});
        return peers_text(named, inspection.context.terminal);
      });
}

struct View {
  std::string_view name;
  Result<ExitCode> (*show)(Inspection&);
  bool takes_name = false;
  bool takes_at = true;
};
constexpr std::array kViews = {
    View{"summary", summary},
    View{"stories", stories},
    View{"story", story, true},
    View{"ops", ops},
    View{"op", op, true},
    View{"authors", authors},
    View{"heads", heads},
    View{"peers", peers, false, false},
    View{"quarantine", quarantine, false, false},
};

Result<const View*> chosen_view(const InspectOptions& options, const Context& context) {
  const auto inspect = [&](std::string_view view) {
    return fmt::format("musher inspect {} {}", view, log_words(context));
  };
  const std::string name = options.view.value_or("summary");
  const auto view = std::ranges::find(kViews, name, &View::name);
  if (view == kViews.end()) {
    std::vector<std::string> names;
    for (const View& known : kViews) names.emplace_back(known.name);
    return fail(Errc::usage, fmt::format("there is no view {}", quote(name)),
                "summary, stories, story ID, ops, op ID, authors, heads, peers or quarantine", nearest(name, names));
  }
  if (view->takes_name != options.name.has_value()) {
    return fail(Errc::usage, fmt::format("inspect {} takes {}", name, view->takes_name ? "an id" : "no id"),
                inspect(view->takes_name ? name + " ID" : name));
  }
  if (options.at && !view->takes_at) {
    return fail(Errc::usage,
                fmt::format("the {} keeps no history, so it has no --at", name == "peers" ? "list of peers" : name),
                inspect(name));
  }
  if (options.verify && name != "ops") return fail(Errc::usage, "--verify goes with ops", inspect("ops --verify"));
  if (context.settings.output == Output::jsonl && name != "ops")
    return fail(Errc::usage, "--jsonl goes with ops", inspect("ops --jsonl"));
  return &*view;
}

Result<ExitCode> run(InspectOptions& options, Context& context) {
  MUSHER_TRY(const View* view, chosen_view(options, context));
  MUSHER_TRY(const auto log, open_for_reading(context, options.copy));
  MUSHER_TRY(const auto at, resolve_at(context, *log, options.at));
  Inspection inspection{options, context, *log, at};
  return view->show(inspection);
}

}  // namespace

Command inspect_command() {
  return make_command<InspectOptions>("musher-inspect", {.jsonl = true, .server = true}, declare, run);
}

}  // namespace musher
