// SPDX-License-Identifier: Apache-2.0

#include "cli/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace assay::cli {
namespace {

constexpr std::size_t kColumns = 100;

bool IsUnset(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr || *value == '\0';  // as no-color.org has it
}

// One that understands escape sequences.
bool IsTerminal(int file) {
  const char* const kind = std::getenv("TERM");
  return ::isatty(file) != 0 && (kind == nullptr || std::string_view(kind) != "dumb");
}

// Columns of the terminal behind standard error.
std::size_t TerminalColumns() {
  winsize size = {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string Coloured(std::string_view text, std::string_view code) {
  static const bool colours = IsTerminal(STDOUT_FILENO) && IsUnset("NO_COLOR");
  return colours ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace

std::string Bold(std::string_view text) { return Coloured(text, "1"); }
std::string Good(std::string_view text) { return Coloured(text, "32"); }
std::string Bad(std::string_view text) { return Coloured(text, "31;1"); }
std::string Doubtful(std::string_view text) { return Coloured(text, "33"); }

std::string Wrapped(std::string_view text, std::size_t indent) {
  std::string wrapped;
  std::size_t column = indent;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    // `at` stands behind the space, line end or start before the word.
    const bool line_end = at > 0 && text[at - 1] == '\n';
    const bool too_long = column + 1 + (end - at) > kColumns && column > indent;
    if (line_end || too_long) {
      wrapped += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (at > 0) {
      wrapped += ' ';
      ++column;
    }
    wrapped += text.substr(at, end - at);
    column += end - at;
    at = end + 1;
  }
  return wrapped;
}

void PrintError(std::string_view text) {
  fmt::print(stderr, "assay: {}\n", IsTerminal(STDERR_FILENO) ? Wrapped(text, 7) : std::string(text));
}

Progress::Progress() : terminal_(IsTerminal(STDERR_FILENO)) {}

void Progress::Show(std::string_view text) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (shown_ && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  shown_ = true;
  // A line that wraps could not be overwritten.
  fmt::print(stderr, "\r\x1b[K{}", text.substr(0, TerminalColumns() - 1));
  std::fflush(stderr);
}

void Progress::Clear() {
  if (!shown_) return;
  shown_ = false;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

}  // namespace assay::cli
