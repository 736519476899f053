// SPDX-License-Identifier: Apache-2.0
//
// Numbers and text for people, the same in every writer.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace assay::reports {

// "0x1.8p+1", "-inf", "nan".
std::string Hex(double x);
// Shortest decimal digits that give the float back.
std::string Decimal(float x);
// An error: three significant digits, "0", "0.5", "66.2", "1.23e+07", "infinite".
std::string Ulp(double err_ulp);
// "1,234,567"
std::string Count(std::uint64_t n);

std::string EscapeHtml(std::string_view text);
// For a table's cell: no '|' and no line end survives, and nothing is taken as HTML or emphasis.
std::string EscapeMarkdown(std::string_view text);
// JavaScript that is to stand inside <script>: nothing in it can end the element.
std::string EscapeScript(std::string_view text);
// The same for JSON, where '<' can stand only in strings: none is left.
std::string EscapeScriptJson(std::string_view json);
// A word of a shell command: as it is where that is safe, else in single quotes.
std::string ShellWord(std::string_view text);
// For a file name: letters, digits, '-', '.' and '_' only, everything else becomes '_'; never empty, never hidden.
std::string FileStem(std::string_view text);

}  // namespace assay::reports
