// SPDX-License-Identifier: Apache-2.0

#include "cli/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace assay::cli {
namespace {

std::string Coloured(std::string_view text, std::string_view code) {
  static const bool colours = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  return colours ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace

std::string Bold(std::string_view text) { return Coloured(text, "1"); }
std::string Good(std::string_view text) { return Coloured(text, "32"); }
std::string Bad(std::string_view text) { return Coloured(text, "31;1"); }
std::string Doubtful(std::string_view text) { return Coloured(text, "33"); }

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) != 0) {}

void Progress::Show(std::string_view text) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (shown_ && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  shown_ = true;
  fmt::print(stderr, "\r\x1b[K{}", text);
  std::fflush(stderr);
}

void Progress::Clear() {
  if (!shown_) return;
  shown_ = false;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

}  // namespace assay::cli
