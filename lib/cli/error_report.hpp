#pragma once
// How a command says that it stopped.

#include <iosfwd>
#include <string>
#include <string_view>

#include "cli/terminal.hpp"
#include "model/result.hpp"

namespace musher {

/// On err, escaped, also when quiet:
///   musher-put: there is no story '478_stroy'; did you mean '478_story'?
///     hint: musher inspect stories
/// The candidates of Errc::ambiguous are listed instead: "it could be 0a1b2c..., 0a1b2d...".
void report_error(const Error& error, Terminal& terminal);

/// The same in one line, for what cron mails: "musher-put: there is no story '478_stroy' (musher inspect stories)".
void report_in_one_line(const Error& error, Terminal& terminal);

/// One line of JSON, musher.error/1 (docs/json.md).
void report_error_json(const Error& error, std::ostream& err);

}  // namespace musher
