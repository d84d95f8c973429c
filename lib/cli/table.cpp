#include "cli/table.hpp"

#include <algorithm>
#include <cassert>

#include "cli/display_width.hpp"
#include "model/escape.hpp"

namespace musher {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrow = 8;  ///< no column of text is cut to less

std::string aligned(const Terminal& terminal, const Cell& cell, std::size_t width, Align align, bool is_last) {
  const std::size_t used = display_width(cell.text);
  const std::string padding(width > used ? width - used : 0, ' ');
  const std::string shown = cell.style ? terminal.paint(*cell.style, cell.text) : cell.text;
  if (align == Align::right) return padding + shown;
  return is_last ? shown : shown + padding;
}

/// Takes from the widest column of text, a column at a time, until the row fits or all are narrow.
void fit(const std::vector<Column>& columns, std::vector<std::size_t>& widths, std::size_t terminal_width) {
  std::size_t total = kGap * (widths.size() - 1);
  for (const std::size_t width : widths) total += width;
  for (; total > terminal_width; --total) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (columns[i].align == Align::right || columns[i].is_whole || widths[i] <= kNarrow) continue;
      if (widest == nullptr || widths[i] >= *widest) widest = &widths[i];
    }
    if (widest == nullptr) return;
    --*widest;
  }
}

}  // namespace

void Table::row(std::vector<Cell> cells) {
  assert(cells.size() <= columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i].text = cut(escape(cells[i].text), columns_[i].max_width);
  while (cells.size() < columns_.size()) cells.emplace_back("");
  rows_.push_back(std::move(cells));
}

std::string Table::text(const Terminal& terminal) const {
  std::vector<std::vector<Cell>> lines;
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.emplace_back(Style::bold, column.title);
  lines.push_back(std::move(titles));
  lines.insert(lines.end(), rows_.begin(), rows_.end());

  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], display_width(line[i].text));
  }
  if (terminal.out_is_tty()) fit(columns_, widths, terminal.width());

  std::string result;
  for (auto& line : lines) {
    std::string shown;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool is_last = i + 1 == line.size();
      line[i].text = cut(line[i].text, widths[i]);
      if (i > 0) shown += std::string(kGap, ' ');
      shown += aligned(terminal, line[i], widths[i], columns_[i].align, is_last);
    }
    shown.erase(shown.find_last_not_of(' ') + 1);
    result += shown + '\n';
  }
  return result;
}

}  // namespace musher
