#include "cli/error_report.hpp"

#include <ostream>

#include "cli/exit_code.hpp"
#include "json/json_writer.hpp"
#include "model/escape.hpp"

namespace musher {

void report_error(const Error& error, Terminal& terminal) {
  terminal.clear_status();
  std::ostream& err = terminal.err();
  err << terminal.paint_err(Style::red, terminal.program() + ":") << ' ' << message_text(error.what)
      << candidates_text(error) << '\n';
  if (!error.hint.empty())
    err << "  " << terminal.paint_err(Style::cyan, "hint:") << ' ' << message_text(error.hint) << '\n';
  err.flush();
}

void report_in_one_line(const Error& error, Terminal& terminal) {
  terminal.clear_status();
  const std::string hint = error.hint.empty() ? "" : " (" + error.hint + ")";
  terminal.err() << terminal.program() << ": " << escape(error.what + hint) << '\n';
  terminal.err().flush();
}

void report_error_json(const Error& error, std::ostream& err) {
  JsonWriter json(err);
  json.begin_object();
  json.key("schema").string("musher.error/1");
  json.key("exit_code").number(static_cast<std::int64_t>(exit_code(error.code)));
  json.key("code").string(to_string(error.code));
  json.key("message").string(error.what);
  if (!error.hint.empty()) json.key("hint").string(error.hint);
  json.key("candidates").begin_array();
  for (const std::string& candidate : error.candidates) json.string(candidate);
  json.end_array().end_object();
  json.end_line();
}

}  // namespace musher
