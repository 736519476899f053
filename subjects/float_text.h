// SPDX-License-Identifier: Apache-2.0
//
// Floats as text and back, every bit kept and no locale involved: "0x1.8p+1", "-0x0p+0", "inf", "-inf",
// "nan:0xffc00001" (a NaN is its bits, sign and payload included).

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace assay::subjects {

std::string FloatText(float value);
std::string FloatText(double value);

// Nothing where `text` is not one of the forms above or names a number that is not exactly a float (a double).
std::optional<float> ParseFloat(std::string_view text);
std::optional<double> ParseDouble(std::string_view text);

}  // namespace assay::subjects
