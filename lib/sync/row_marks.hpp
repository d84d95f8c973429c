#pragma once
// A number for some rows of a log: 4 bytes a row, in pages that are there once a row of them has one.

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "model/ids.hpp"

namespace musher::sync {

class RowMarks {
 public:
  /// 0 when none was set.
  [[nodiscard]] std::uint32_t operator[](RowId row) const {
    const auto page = pages_.find(page_of(row));
    return page == pages_.end() ? 0 : (*page->second)[place_of(row)];
  }
  void set(RowId row, std::uint32_t number) {
    std::unique_ptr<Page>& page = pages_[page_of(row)];
    if (!page) page = std::make_unique<Page>();
    (*page)[place_of(row)] = number;
  }

 private:
  static constexpr std::uint64_t kRows = 4'096;
  using Page = std::array<std::uint32_t, kRows>;
  static std::uint64_t page_of(RowId row) { return static_cast<std::uint64_t>(raw(row)) / kRows; }
  static std::size_t place_of(RowId row) { return static_cast<std::uint64_t>(raw(row)) % kRows; }

  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
};

}  // namespace musher::sync
