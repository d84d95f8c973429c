#include "cli/terminal.hpp"

#include <istream>
#include <ostream>

#include "cli/display_width.hpp"
#include "cli/time_text.hpp"
#include "model/escape.hpp"

namespace musher {
namespace {

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kStartOfLineAndClear = "\r\x1b[K";

std::string_view sequence(Style style) {
  switch (style) {
    case Style::bold: return "\x1b[1m";
    case Style::dim: return "\x1b[2m";
    case Style::red: return "\x1b[31m";
    case Style::green: return "\x1b[32m";
    case Style::yellow: return "\x1b[33m";
    case Style::cyan: return "\x1b[36m";
  }
  return "";
}

std::string styled(bool color, Style style, std::string_view text) {
  if (!color || text.empty()) return std::string(text);
  std::string result(sequence(style));
  return result.append(text).append(kReset);
}

bool is_dumb(const Environment& environment) {
  const auto term = environment.get("TERM");
  return !term || *term == "dumb";
}

}  // namespace

std::optional<ColorMode> color_from_environment(const Environment& environment) {
  if (environment.get("NO_COLOR")) return ColorMode::never;
  const auto force = environment.get("CLICOLOR_FORCE");
  if (force && *force != "0") return ColorMode::always;
  return std::nullopt;
}

Terminal::Terminal(std::string program, const Streams& streams, const Environment& environment)
    : program_(std::move(program)),
      streams_(streams),
      dumb_(is_dumb(environment)),
      color_(color_from_environment(environment).value_or(ColorMode::automatic)) {}

bool Terminal::has_color(bool is_tty) const {
  if (color_ == ColorMode::automatic) return is_tty && !dumb_;
  return color_ == ColorMode::always;
}

std::string Terminal::paint(Style style, std::string_view text) const {
  return styled(has_color(streams_.out_is_tty), style, text);
}

std::string Terminal::paint_err(Style style, std::string_view text) const {
  return styled(has_color(streams_.err_is_tty), style, text);
}

std::string Terminal::time(std::int64_t ms_since_1970) const { return human_time(ms_since_1970, utc_); }

void Terminal::note(std::string_view text) {
  if (quiet_) return;
  clear_status();
  streams_.err << program_ << ": " << escape(text) << std::endl;
}

void Terminal::warn(std::string_view text) {
  if (quiet_) return;
  clear_status();
  streams_.err << program_ << ": " << paint_err(Style::yellow, "warning:") << ' ' << escape(text) << std::endl;
}

bool Terminal::has_status() const { return streams_.err_is_tty && !dumb_ && !quiet_; }

void Terminal::status(std::string_view text) {
  if (!has_status()) return;
  clear_status();
  // The last column stays free: a terminal would wrap there, and the line could not be taken back.
  streams_.err << cut(escape(text), streams_.width > 1 ? streams_.width - 1 : 1) << std::flush;
  status_shown_ = true;
}

void Terminal::clear_status() {
  if (!status_shown_) return;
  streams_.err << kStartOfLineAndClear << std::flush;
  status_shown_ = false;
}

void Terminal::wrote(std::string_view what) {
  if (streams_.written == nullptr) return;
  if (!streams_.written->empty()) *streams_.written += "; ";
  *streams_.written += what;
}

std::optional<std::string> Terminal::ask(std::string_view question) {
  clear_status();
  streams_.err << escape(question) << ' ' << std::flush;
  std::string answer;
  if (!std::getline(streams_.in, answer)) return std::nullopt;
  return answer;
}

}  // namespace musher
