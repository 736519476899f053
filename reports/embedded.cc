// SPDX-License-Identifier: Apache-2.0
//
// See embedded.h.

#include "reports/embedded.h"

#include "reports/published.h"

#define ASSAY_EMBEDDED(name)                                                          \
  extern "C" __attribute__((visibility("hidden"))) const char assay_##name##_begin[]; \
  extern "C" __attribute__((visibility("hidden"))) const char assay_##name##_end[]

ASSAY_EMBEDDED(vega);
ASSAY_EMBEDDED(vega_lite);
ASSAY_EMBEDDED(vega_embed);
ASSAY_EMBEDDED(vega_licence);
ASSAY_EMBEDDED(page_css);
ASSAY_EMBEDDED(page_js);
ASSAY_EMBEDDED(published);

namespace assay::reports {

std::string_view VegaScript() { return {assay_vega_begin, assay_vega_end}; }
std::string_view VegaLiteScript() { return {assay_vega_lite_begin, assay_vega_lite_end}; }
std::string_view VegaEmbedScript() { return {assay_vega_embed_begin, assay_vega_embed_end}; }
std::string_view VegaLicences() { return {assay_vega_licence_begin, assay_vega_licence_end}; }
std::string_view PageStyle() { return {assay_page_css_begin, assay_page_css_end}; }
std::string_view PageScript() { return {assay_page_js_begin, assay_page_js_end}; }
std::string_view BuiltInPublishedJson() { return {assay_published_begin, assay_published_end}; }

}  // namespace assay::reports
