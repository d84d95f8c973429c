#pragma once
// Where a command reads and writes: the three streams, what is known of them, and the user's wishes about output.

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "cli/environment.hpp"

namespace musher {

enum class ColorMode : std::uint8_t { automatic, always, never };

/// What NO_COLOR and CLICOLOR_FORCE ask for; nothing when neither is set. NO_COLOR wins.
[[nodiscard]] std::optional<ColorMode> color_from_environment(const Environment& environment);

enum class Style : std::uint8_t { bold, dim, red, green, yellow, cyan };

/// The streams must outlive the Terminal.
struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_tty = false;
  bool out_is_tty = false;
  bool err_is_tty = false;
  std::size_t width = 80;          ///< columns of the terminal
  std::size_t height = 24;         ///< its lines
  std::string* written = nullptr;  ///< gets what the command has made durable, for whoever reports that out failed
};

/// out() is for the answer only; everything else a person should see goes through note(), warn() and status() to err.
/// Their text is escaped here, so that a story's name in it is harmless; what goes to out() is escaped by its renderer.
class Terminal {
 public:
  Terminal(std::string program, const Streams& streams, const Environment& environment);

  /// The user's wishes, once the command line and configuration are known.
  void set_color(ColorMode mode) { color_ = mode; }
  void set_quiet(bool quiet) { quiet_ = quiet; }
  void set_utc(bool utc) { utc_ = utc; }

  [[nodiscard]] const std::string& program() const { return program_; }
  [[nodiscard]] std::istream& in() { return streams_.in; }
  [[nodiscard]] std::ostream& out() { return streams_.out; }
  [[nodiscard]] std::ostream& err() { return streams_.err; }
  [[nodiscard]] bool in_is_tty() const { return streams_.in_is_tty; }
  [[nodiscard]] bool out_is_tty() const { return streams_.out_is_tty; }
  [[nodiscard]] bool err_is_tty() const { return streams_.err_is_tty; }
  [[nodiscard]] std::size_t width() const { return streams_.width; }
  [[nodiscard]] std::size_t height() const { return streams_.height; }
  [[nodiscard]] bool quiet() const { return quiet_; }

  /// Text for out() in a style, or the text alone when out() has no colour. Colour only repeats what words say.
  [[nodiscard]] std::string paint(Style style, std::string_view text) const;
  /// The same for err().
  [[nodiscard]] std::string paint_err(Style style, std::string_view text) const;

  /// A time for people, local or UTC as the user asked (human_time of cli/time_text.hpp).
  [[nodiscard]] std::string time(std::int64_t ms_since_1970) const;

  /// One line on err, after the program's name; nothing when quiet.
  void note(std::string_view text);
  /// The same, marked as a warning.
  void warn(std::string_view text);

  /// Whether status() shows anything: err is a terminal that can go back to the start of a line, and not quiet.
  [[nodiscard]] bool has_status() const;
  /// A line on err that the next status, note or warning replaces.
  void status(std::string_view text);
  /// Takes the status line away.
  void clear_status();

  /// To be told before the answer is written: "op 3f5a12c0ffee, row 7". When the answer cannot be written, the user
  /// learns that the change stands.
  void wrote(std::string_view what);

  /// Asks on err and reads a line from in. Nothing at the end of the input. The caller checks in_is_tty() first.
  [[nodiscard]] std::optional<std::string> ask(std::string_view question);

 private:
  [[nodiscard]] bool has_color(bool is_tty) const;

  // fixed after construction
  std::string program_;
  Streams streams_;
  bool dumb_;
  // set once by the command line
  ColorMode color_;
  bool quiet_ = false;
  bool utc_ = false;
  // changes with each line
  bool status_shown_ = false;
};

}  // namespace musher
