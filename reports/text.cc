// SPDX-License-Identifier: Apache-2.0
//
// See text.h.

#include "reports/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace assay::reports {
namespace {

bool IsAlphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at, from.size()) == from) {
      out += to;
      at += from.size();
    } else {
      out += text[at++];
    }
  }
  return out;
}

}  // namespace

std::string Hex(double x) { return std::isnan(x) ? "nan" : fmt::format("{:a}", x); }

std::string Decimal(float x) { return std::isnan(x) ? "nan" : fmt::format("{}", x); }

std::string Ulp(double err_ulp) {
  if (std::isinf(err_ulp)) return "infinite";
  if (err_ulp >= 1e5) return fmt::format("{:.2e}", err_ulp);
  if (err_ulp >= 1e3) return fmt::format("{:.0f}", err_ulp);
  if (err_ulp != 0 && err_ulp < 1e-3) return fmt::format("{:.1e}", err_ulp);
  // An error just above one half is the news of a whole report: enough digits to tell.
  if (err_ulp > 0.4995 && err_ulp < 0.5005 && err_ulp != 0.5) return fmt::format("{:.6f}", err_ulp);
  return fmt::format("{:.3g}", err_ulp);
}

std::string Count(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string EscapeMarkdown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += ' ';
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      if (std::string_view("\\`*_|[]~#").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string EscapeScript(std::string_view text) {
  // Only what ends or confuses the element, and only as it may stand inside a string, where the escape means the same:
  // minified code also has "</" in regular expressions, where it would not.
  std::string out = ReplaceAll(text, "<!--", "<\\u0021--");
  std::string lower(out);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (std::size_t at = lower.rfind("</script"); at != std::string::npos; at = lower.rfind("</script", at - 1)) {
    out.insert(at + 1, "\\");
    if (at == 0) break;
  }
  return out;
}

std::string EscapeScriptJson(std::string_view json) { return ReplaceAll(json, "<", "\\u003c"); }

std::string ShellWord(std::string_view text) {
  const bool is_plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlphanumeric(c) || std::string_view("-_./=,:+@%").find(c) != std::string_view::npos;
  });
  return is_plain ? std::string(text) : "'" + ReplaceAll(text, "'", "'\\''") + "'";
}

std::string FileStem(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (!IsAlphanumeric(c) && c != '-' && c != '.' && c != '_') c = '_';
  }
  if (out.empty() || out[0] == '.') out.insert(0, "_");
  return out;
}

}  // namespace assay::reports
