// SPDX-License-Identifier: Apache-2.0
//
// Files built into the library (embedded.S.in), so that a report needs nothing but the program.

#pragma once

#include <string_view>

namespace assay::reports {

// The charting library; empty where `npm ci` had not been run in reports/web when the build was configured.
std::string_view VegaScript();
std::string_view VegaLiteScript();
std::string_view VegaEmbedScript();
std::string_view VegaLicences();

std::string_view PageStyle();
std::string_view PageScript();

}  // namespace assay::reports
