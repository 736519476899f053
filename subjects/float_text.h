// SPDX-License-Identifier: Apache-2.0
//
// Floats as text and back, every bit kept and no locale involved: "0x1.8p+1", "-0x0p+0", "inf", "-inf",
// "nan:0xffc00001" (a NaN is its bits, sign and payload included).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "subjects/array.h"

namespace assay::subjects {

std::string FloatText(float value);
std::string FloatText(double value);

// Nothing where `text` is not one of the forms above or names a number that is not exactly a float (a double).
std::optional<float> ParseFloat(std::string_view text);
std::optional<double> ParseDouble(std::string_view text);

// An element by its bits: floats as above, a NaN with the bits of its own type ("nan:0x7e00"); integers in decimal.
std::string ElementText(Element element, std::uint64_t bits);

// The bits of what `text` names: nothing where it is no such text, or names a number that is not exactly of the type.
std::optional<std::uint64_t> ParseElement(Element element, std::string_view text);

}  // namespace assay::subjects
