// SPDX-License-Identifier: Apache-2.0
//
// What the backward of attention is given: what a forward pass saved, now and then junk; and upstream gradients.

#include <limits>

#include "properties/engine/attention.h"
#include "properties/engine/operands.h"
#include "properties/forward_attention.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Attention;
using subjects::Case;
using subjects::Random;
using subjects::Role;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool OneIn(std::uint64_t n, Random& random) { return random.Below(n) == 0; }

void FillUpstreamOf(Case& c, Random& random) {
  Array& values = c.upstream.values;
  const std::size_t dim = c.attention.value_dim;
  if (values.empty()) return;
  const double most = subjects::FormatOf(values.element()).max_finite;
  const std::uint64_t kind = random.Below(8);
  constexpr double kScales[] = {0x1p-10, 1, 1, 30};
  const double scale = kScales[random.Below(4)];
  const std::size_t chosen = random.Below(values.size());
  if (kind == 6) FillPattern(static_cast<Pattern>(random.Below(kPatterns)), random, values, 0, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (kind <= 2) values.Set(i, scale * random.Normal());
    if (kind == 3) values.Set(i, i == chosen ? scale : 0);
    if (kind == 4) values.Set(i, scale);
    if (kind == 5) values.Set(i, most * random.Uniform(-1, 1) * 0x1p-6);
    if (kind == 7) values.Set(i, i / dim % 2 == 0 ? random.Normal() : 0);  // every other query counts
    // Rows without a visible key contribute nothing, whatever they hold.
    constexpr double kSpecial[] = {kInf, -kInf, kNaN};
    if (c.saved_lse[i / dim] == -kInf && OneIn(3, random)) values.Set(i, kSpecial[random.Below(3)]);
  }
  if (OneIn(24, random)) values.Set(chosen, OneIn(2, random) ? kInf : kNaN);
}

}  // namespace

void FillAttentionSaved(Case& c, Random& random) {
  const Attention& a = c.attention;
  const subjects::Layout layout = c.saved_lse.layout;
  subjects::Give(c, Role::kSavedLse);  // of lse_dtype
  c.saved_lse.layout = layout;
  const bool with_sink = OneIn(4, random);
  for (std::size_t n = 0; n < a.batch; ++n) {
    for (std::size_t h = 0; h < a.num_heads; ++h) {
      const double sink = with_sink ? 2 * random.Normal() : -kInf;
      SaveForward(c, n, h, sink);
    }
  }
  if (OneIn(8, random)) {
    c.origin += ", junk saved";
    for (std::size_t i = 0; i < c.saved_lse.values.size(); ++i) {
      if (OneIn(3, random) && c.saved_lse[i] != -kInf) c.saved_lse.values.Set(i, c.saved_lse[i] + random.Normal());
    }
    for (std::size_t i = 0; i < c.saved_out.values.size(); ++i) {
      if (OneIn(3, random)) c.saved_out.values.Set(i, random.Normal());
    }
  }
  FillUpstreamOf(c, random);
  for (const Role role : {Role::kSavedLse, Role::kSavedOut, Role::kUpstream}) {
    subjects::Layout& one = c.operand(role).layout;
    one.repeats_row = one.repeats_head = one.repeats_batch = false;
  }
}

}  // namespace assay::properties
