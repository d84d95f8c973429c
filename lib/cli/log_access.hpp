#pragma once
// Opening the log a command was told to work on, and what is said about it.

#include <memory>
#include <optional>
#include <string>

#include "cli/run_command.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/op_view.hpp"
#include "replica/replica.hpp"
#include "replica/resolve.hpp"

namespace musher {

/// Whether the answer is JSON.
[[nodiscard]] inline bool wants_json(const Context& context) { return context.settings.output != Output::text; }
/// ms since 1970 UTC, by this machine's clock.
[[nodiscard]] std::int64_t now_ms();
/// This machine's clock, the state folder and who is at the shell.
[[nodiscard]] Host host_of(const Context& context);
/// The folder for notes kept outside the log: $XDG_STATE_HOME/musher; without it /var/lib/musher for root, else
/// ~/.local/state/musher.
[[nodiscard]] std::filesystem::path state_dir(const Environment& environment);
/// The name of the user this process runs as; "uid:N" when it has none.
[[nodiscard]] std::string login_name();

/// "--log FILE", or "--server URL": the log of this command, for another one.
[[nodiscard]] std::string log_words(const Context& context);

/// What a hint has where a log can be made that is not there.
inline constexpr std::string_view kInitCommand = "musher init ";

/// Opens for reading. Says so when what is read is a copy.
[[nodiscard]] Result<std::unique_ptr<SqliteOpLog>> open_for_reading(Context& context, bool copy = false);
/// Opens for writing with the identity of the settings.
/// @errors as SqliteOpLog::open, then as Identity::load.
[[nodiscard]] Result<Replica> open_for_writing(Context& context);
/// Opens for writing without an identity: trust.
[[nodiscard]] Result<Replica> open_for_policy(Context& context);

/// Resolves --at and says on err what it came to.
[[nodiscard]] Result<std::optional<ResolvedPoint>> resolve_at(Context& context, LogReader& log,
                                                              const std::optional<std::string>& text);

/// "op 3f5a12c0ffee (row 7)" and so on, for people and Terminal::wrote.
[[nodiscard]] std::string op_list(const std::vector<OpView>& ops);

/// Another log that an option names, to read. Its errors speak of the option.
[[nodiscard]] Result<std::unique_ptr<SqliteOpLog>> open_other_log(std::string_view option, const std::string& file);

/// Shows what a write could not do besides (Replica::take_warnings).
void show_warnings(Context& context, Replica& replica);

/// The first 12 digits of an id, for people.
[[nodiscard]] std::string short_id(const OpId& id);
[[nodiscard]] std::string short_id(const AuthorId& id);
/// An author's local name, else the first digits of its key.
[[nodiscard]] std::string author_text(const std::string& name, const AuthorId& author);
/// Who wrote an op, and for whom when that is somebody else: "ci on behalf of alice". Not escaped.
[[nodiscard]] std::string writer_text(const OpView& op);

}  // namespace musher
