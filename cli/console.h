// SPDX-License-Identifier: Apache-2.0
//
// What a person sees: colours and a progress line on a terminal, plain text and silence in a pipe.

#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace assay::cli {

// The text in bold, green, red or yellow where standard output is a terminal and NO_COLOR is not set; else itself.
std::string Bold(std::string_view text);
std::string Good(std::string_view text);
std::string Bad(std::string_view text);
std::string Doubtful(std::string_view text);

// The text broken at spaces where it would pass column 100, for a first line that starts at column `indent` and further
// lines that are indented to it. Words stay whole however long: commands and paths are to be copied.
std::string Wrapped(std::string_view text, std::size_t indent);

// "assay: TEXT" on standard error, wrapped where that is a terminal.
void PrintError(std::string_view text);

// One line on standard error that overwrites itself, at most ten times a second; nothing where that is no terminal.
class Progress {
 public:
  Progress();
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(std::string_view text);
  void Clear();  // before anything else is printed

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace assay::cli
