// SPDX-License-Identifier: Apache-2.0
//
// A table on the screen, each column as wide as what stands in it.

#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace assay::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}
  // As many cells as heads; a marked row gets a `>`.
  void Add(std::vector<std::string> cells, bool marked = false);
  // Indented by two; numbers and all else to the right, but columns named in `left`.
  void Print(const std::vector<std::size_t>& left = {}) const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> marked_;
};

}  // namespace assay::cli
