// SPDX-License-Identifier: Apache-2.0
//
// Decimal digits of exponentials of decimal literals, for published worked examples: "9.2" is 92/10 here, not the float
// next to it. Only for judging printed figures; kernels are judged by oracle.h.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::oracle {

// Each result is a decimal number with exactly `decimals` digits after the point (0 to 60), the exact value rounded to
// nearest. Literals are what fmt or printf write ("9.2", "-1.1", "3e-05"). std::invalid_argument: not a finite literal,
// a temperature that is not positive, or an exponential outside exp(-1e5) to exp(100), where the 100 digits carried
// would not do.

std::string ExpDigits(std::string_view x, int decimals);
std::string SumExpDigits(std::span<const std::string> x, int decimals);
// exp(a) - exp(b)
std::string ExpDifferenceDigits(std::string_view a, std::string_view b, int decimals);
// exp((a - b) / temperature): the ratio of the probabilities of two logits.
std::string ExpRatioDigits(std::string_view a, std::string_view b, std::string_view temperature, int decimals);
std::vector<std::string> SoftmaxDigits(std::span<const std::string> x, std::string_view temperature, int decimals);

}  // namespace assay::oracle
