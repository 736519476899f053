// SPDX-License-Identifier: Apache-2.0
//
// Calls of row operations that must be refused, and the check for all. Labels and label_smoothing are the loss's
// business: gradient_laws.cc.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "properties/fit.h"
#include "properties/judging.h"
#include "properties/machine_laws.h"
#include "subjects/random.h"

namespace assay::properties {

Case WithBadArguments(Case c) {
  if (subjects::IsAttention(c.op)) return WithBadAttention(std::move(c));
  const double asked = c.temperature;
  c = OutOfPlace(std::move(c));
  if (c.rows == 0 || c.cols == 0) {
    Case one = subjects::MakeCase(c.op, c.dtype, 1, 1);
    one.law_key = c.law_key;
    one.property = c.property;
    one.origin = c.origin;
    c = std::move(one);
  }
  const bool limit = subjects::HasZeroTemperature(c.op);
  c.temperature = asked;
  if (asked > 0 || (asked == 0 && limit)) {
    constexpr double kBad[] = {-1, -0x1p-1074, -1e300, -kInf, std::numeric_limits<double>::quiet_NaN(), 0, -0.0};
    c.temperature = kBad[subjects::Mix(c.law_key) % (std::size(kBad) - (limit ? 2 : 0))];
  }
  return c;
}

Judgement CheckBadArguments(const Case& c, Context& context) {
  const subjects::RunOptions options;
  const subjects::RunResult result = context.subject.Run(c, options);
  if (result.outcome != subjects::Outcome::kReturned) return Violated(result.detail, kInf);
  if (result.status == ASSAY_UNSUPPORTED) return NotApplicable("the subject answered ASSAY_UNSUPPORTED");
  Refusal refusal{fmt::format("T = {:g}", c.temperature), {ASSAY_BAD_TEMPERATURE}};
  if (subjects::IsAttention(c.op)) refusal = RefusalOf(c);
  if (refusal.due.empty()) return NotApplicable("nothing is wrong with its arguments");
  if (std::find(refusal.due.begin(), refusal.due.end(), result.status) == refusal.due.end()) {
    return Violated(
        fmt::format("{} is an error in {}: {} is due, the call answered {}", refusal.what, subjects::OpName(c.op),
                    assay_status_name(refusal.due.front()), assay_status_name(result.status)),
        kInf);
  }
  if (!result.outside_intact || !result.inputs_intact) {
    return Violated("the call was refused, but it wrote to memory that is no entry of out", kInf);
  }
  bool wrote = false;
  ForEachOutput(c, result, [&](Role, const Array& out) {
    for (std::size_t i = 0; i < out.size_bytes(); ++i) wrote |= out.data()[i] != std::byte{options.poison};
  });
  return wrote ? Violated("the call was refused, but it wrote results", kInf) : Judgement{};
}

}  // namespace assay::properties
