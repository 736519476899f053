// SPDX-License-Identifier: Apache-2.0

#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/console.h"

namespace assay::cli {

void Table::Add(std::vector<std::string> cells, bool marked) {
  cells.resize(heads_.size());
  rows_.push_back(std::move(cells));
  marked_.push_back(marked);
}

void Table::Print(const std::vector<std::size_t>& left) const {
  std::vector<std::size_t> widths;
  for (std::size_t j = 0; j < heads_.size(); ++j) {
    std::size_t width = heads_[j].size();
    for (const auto& row : rows_) width = std::max(width, row[j].size());
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t j = 0; j < cells.size(); ++j) {
      const bool to_left = std::find(left.begin(), left.end(), j) != left.end();
      text +=
          "  " + (to_left ? fmt::format("{:<{}}", cells[j], widths[j]) : fmt::format("{:>{}}", cells[j], widths[j]));
    }
    return text.substr(0, text.find_last_not_of(' ') + 1);
  };
  fmt::print("   {}\n", line(heads_));
  for (std::size_t i = 0; i < rows_.size(); ++i) fmt::print("  {}{}\n", marked_[i] ? Bad(">") : " ", line(rows_[i]));
}

}  // namespace assay::cli
