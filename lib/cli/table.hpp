#pragma once
// Rows of aligned columns for people.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.hpp"

namespace musher {

enum class Align : std::uint8_t { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
  std::size_t max_width = 0;  ///< cut wider cells to this; 0: never
  bool is_whole = false;      ///< not cut to fit a terminal: a part of it says something else
};

struct Cell {
  Cell(std::string cell_text) : text(std::move(cell_text)) {}  // NOLINT: a row reads as a list of texts
  Cell(const char* cell_text) : text(cell_text) {}             // NOLINT
  Cell(Style cell_style, std::string cell_text) : text(std::move(cell_text)), style(cell_style) {}
  std::string text;
  std::optional<Style> style{};
};

/// Escapes what it is given. Two spaces between columns, no trailing spaces.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// Missing cells are empty; there may not be more than columns.
  void row(std::vector<Cell> cells);
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  /// The titles and rows, styled as out() allows. On a terminal the widest columns of text are cut, so
  /// that no row wraps where that can be helped.
  [[nodiscard]] std::string text(const Terminal& terminal) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace musher
