#include "cli/progress.hpp"

#include <fmt/format.h>

#include "cli/time_text.hpp"

namespace musher {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSilent{1000};
constexpr milliseconds kRedraw{100};
constexpr milliseconds kPlainLine{60'000};

/// 1234567 as 1,234,567.
std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

}  // namespace

SteadyClock steady_clock() {
  return [] { return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()); };
}

Progress::Progress(Terminal& terminal, SteadyClock clock, std::string what, std::string unit, std::uint64_t total)
    : terminal_(terminal),
      clock_(std::move(clock)),
      what_(std::move(what)),
      unit_(std::move(unit)),
      started_(clock_()),
      total_(total),
      next_(started_ + (terminal.has_status() ? kSilent : kPlainLine)) {}

Progress::~Progress() { terminal_.clear_status(); }

void Progress::update(std::uint64_t done) {
  const milliseconds now = clock_();
  if (now < next_) return;
  if (terminal_.has_status()) {
    next_ = now + kRedraw;
    terminal_.status(line(done, now - started_));
  } else {
    next_ = now + kPlainLine;
    terminal_.note(line(done, now - started_));
  }
}

std::string Progress::line(std::uint64_t done, milliseconds elapsed) const {
  const double seconds = static_cast<double>(elapsed.count()) / 1000;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string text = fmt::format("{} {}", what_, grouped(done));
  if (total_ > 0) text += "/" + grouped(total_);
  text += " " + unit_;
  if (total_ > 0) text += fmt::format(", {}%", done >= total_ ? 100 : done * 100 / total_);
  text += fmt::format(", {}/s", grouped(static_cast<std::uint64_t>(rate)));
  if (total_ > done && rate > 0) {
    const double left_ms = static_cast<double>(total_ - done) / rate * 1000;
    text += ", " + human_duration(milliseconds{static_cast<std::int64_t>(left_ms)}) + " left";
  }
  return text;
}

}  // namespace musher
