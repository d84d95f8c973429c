#include "cli/commands/replay_text.hpp"

#include <fmt/format.h>

#include "cli/commands/inspect_text.hpp"
#include "cli/log_access.hpp"
#include "cli/table.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::size_t kMaxListed = 50;  ///< of each list; --json has all
constexpr std::size_t kValueColumns = 32;
constexpr std::string_view kGapsTitle = "rows that are missing: deleted, moved or cut off";

void add_more(std::string& text, std::size_t size) {
  if (size > kMaxListed) text += fmt::format("  ... and {} more (--json lists all)\n", size - kMaxListed);
}

/// "set stage = 2_current of 6_f" of what a replay could not apply.
std::string lost_text(const ReplayFailure& failure) {
  if (!failure.op) return failure.detail;
  const Op& op = failure.op->row.op.op;
  std::string text(to_string(op.kind));
  if (failure.op->field()) text += " " + op.name;
  if (failure.op->row.op.content) text += " = " + *failure.op->row.op.content;
  if (failure.op->story) text += " of " + *failure.op->story;
  return text;
}

void add_failures(std::string& text, std::string_view title, const std::vector<ReplayFailure>& failures,
                  const Terminal& terminal) {
  if (failures.empty()) return;
  text += fmt::format("\n{} ({})\n", terminal.paint(Style::red, title), failures.size());
  Table table({{"ROW", Align::right}, {"OP"}, {"SEQ", Align::right}, {"REASON"}, {"WHAT", Align::left, 60}});
  for (std::size_t i = 0; i < std::min(failures.size(), kMaxListed); ++i) {
    const ReplayFailure& failure = failures[i];
    table.row({std::to_string(raw(failure.row)), failure.op ? short_id(failure.op->row.id) : "?",
               failure.op ? std::to_string(raw(failure.op->row.op.op.seq)) : "?", failure.reason, lost_text(failure)});
  }
  text += table.text(terminal);
  add_more(text, failures.size());
}

void add_gaps(std::string& text, std::string_view title, const std::vector<RowGap>& gaps, const Terminal& terminal) {
  if (gaps.empty()) return;
  text += fmt::format("\n{} ({})\n", terminal.paint(Style::red, title), gaps.size());
  for (std::size_t i = 0; i < std::min(gaps.size(), kMaxListed); ++i) {
    const auto [first, last] = gaps[i];
    text +=
        first == last ? fmt::format("  row {}\n", raw(first)) : fmt::format("  rows {} to {}\n", raw(first), raw(last));
  }
  add_more(text, gaps.size());
}

void add_drift(std::string& text, const std::vector<RegisterDrift>& drift, const Terminal& terminal) {
  if (drift.empty()) return;
  text += fmt::format("\nfields whose next write would get the wrong seq ({})\n", drift.size());
  Table table({{"STORY"}, {"FIELD"}, {"NAIVE NEXT SEQ", Align::right}, {"TRUE NEXT SEQ", Align::right}});
  for (std::size_t i = 0; i < std::min(drift.size(), kMaxListed); ++i) {
    table.row(
        {drift[i].story, drift[i].field, std::to_string(raw(drift[i].naive)), std::to_string(raw(drift[i].right))});
  }
  text += table.text(terminal);
  add_more(text, drift.size());
}

std::string side_text(const std::optional<std::string>& value, bool present) {
  if (!present) return "(not there)";
  return value.value_or("(erased)");
}

void add_differences(std::string& text, const std::vector<StateDifference>& differences, const Terminal& terminal) {
  if (differences.empty()) return;
  text += fmt::format("\n{} ({})\n", terminal.paint(Style::red, "differences"), differences.size());
  Table table({{"STORY"},
               {"FIELD"},
               {"THIS LOG", Align::left, kValueColumns},
               {"THE OTHER", Align::left, kValueColumns},
               {"OP"}});
  for (std::size_t i = 0; i < std::min(differences.size(), kMaxListed); ++i) {
    const StateDifference& difference = differences[i];
    const bool whole = !difference.field;
    table.row({difference.story, difference.field.value_or("(the whole story)"),
               whole ? (difference.left_present ? "there" : "not there")
                     : side_text(difference.left, difference.left_present),
               whole ? (difference.right_present ? "there" : "not there")
                     : side_text(difference.right, difference.right_present),
               difference.op ? short_id(*difference.op) : ""});
  }
  text += table.text(terminal);
  add_more(text, differences.size());
}

std::string head_line(const ReplayReport& report) {
  return fmt::format("replayed {} ops in {} order: {} applied, {} failed, {} signatures checked\nstate digest {}\n",
                     report.ops.read, report.order == ReplayOrder::seq ? "seq" : "rowid", report.ops.applied,
                     report.ops.failed, report.ops.signatures_checked, to_hex(report.state_digest.bytes));
}

}  // namespace

std::string replay_text(const ReplayReport& report, const TrustPolicy& trust, const Terminal& terminal) {
  std::string text = head_line(report);
  const bool naive = report.order == ReplayOrder::seq;
  add_failures(text, naive ? "dropped: their item was not there yet" : "rows that could not be applied",
               report.failures, terminal);
  add_gaps(text, kGapsTitle, report.gaps, terminal);
  add_drift(text, report.next_seq, terminal);
  if (!report.stories.empty()) text += "\n" + stories_text(report.stories, trust, terminal);
  return text;
}

std::string comparison_text(const Comparison& comparison, const Terminal& terminal) {
  std::string text = head_line(comparison.left);
  add_failures(text, "rows that could not be applied", comparison.left.failures, terminal);
  add_gaps(text, kGapsTitle, comparison.left.gaps, terminal);
  const CompareReport& other = comparison.right;
  const bool naive = other.with == "seq";
  text += fmt::format("compared with {}: state digest {}\n", naive ? "the same log in seq order" : escape(other.with),
                      to_hex(other.state_digest.bytes));
  add_failures(
      text,
      naive ? "dropped in seq order: their item was not there yet" : "rows of the other log that could not be applied",
      other.failures, terminal);
  add_gaps(text, "rows of the other log that are missing: deleted, moved or cut off", other.gaps, terminal);
  add_differences(text, other.differences, terminal);
  add_drift(text, other.next_seq, terminal);
  if (comparison.same())
    text += terminal.paint(Style::green, "same") + ": both give one document\n";
  else if (other.same)
    text += "\nboth give one document, of what is there and could be applied\n";
  else if (other.differences.empty())
    text += "different, but only in what views do not show (hidden items and their fields)\n";
  else
    text += "\ndifferent\n";
  return text;
}

}  // namespace musher
