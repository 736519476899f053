// SPDX-License-Identifier: Apache-2.0

#include "properties/targets.h"

#include <cmath>

namespace assay::properties {

bool Ignored(const Case& c, std::size_t row) {
  return c.labels.given && c.has_ignore_index && static_cast<std::int64_t>(c.labels.values.Bits(row)) == c.ignore_index;
}

std::size_t CountedRows(const Case& c) {
  std::size_t counted = 0;
  for (std::size_t r = 0; r < c.rows; ++r) counted += Ignored(c, r) ? 0 : 1;
  return counted;
}

double GivenTarget(const Case& c, std::size_t row, std::size_t col) {
  if (c.targets.given) return c.targets[row * c.cols + col];
  return c.labels.values.Bits(row) == col ? 1 : 0;
}

std::vector<Approx> TargetsOfRow(const Case& c, std::size_t row) {
  double visible = 0;
  for (std::size_t j = 0; j < c.cols; ++j) visible += c.Visible(row, j) ? 1 : 0;
  const double smoothing = c.label_smoothing;
  std::vector<Approx> targets;
  for (std::size_t j = 0; j < c.cols; ++j) {
    const Approx given = GivenTarget(c, row, j);
    if (smoothing == 0) {
      targets.push_back(given);
    } else {
      const Approx spread = c.Visible(row, j) ? OverT(smoothing, visible) : Approx();
      targets.push_back((Approx(1.0) - Approx(smoothing)) * given + spread);
    }
  }
  return targets;
}

Approx ScaleOfRow(const Case& c, std::size_t row) {
  double upstream = 1;
  if (c.upstream.given) upstream = c.upstream[c.reduction == ASSAY_REDUCTION_NONE ? row : 0];
  if (!std::isfinite(upstream)) return {0.0L, static_cast<long double>(kInf)};
  if (c.reduction != ASSAY_REDUCTION_MEAN) return upstream;
  return OverT(upstream, static_cast<double>(CountedRows(c)));
}

Case SameLogits(const Case& c, assay_op op) {
  Case other = c;
  other.op = op;
  other.in_place = false;
  other.reduction = ASSAY_REDUCTION_NONE;
  other.label_smoothing = 0;
  other.has_ignore_index = false;
  other.ignore_index = 0;
  for (const Role role : {Role::kSaved, Role::kUpstream, Role::kTargets, Role::kLabels}) Take(other, role);
  return other;
}

Case WithReduction(Case c, assay_reduction reduction) {
  c.reduction = reduction;
  if (!c.upstream.given) return c;
  const double first = c.upstream.values.empty() ? 1 : c.upstream[0];
  c.upstream.values.Resize(ShapeOf(c, Role::kUpstream).size());
  for (std::size_t i = 0; i < c.upstream.values.size(); ++i) c.upstream.values.Set(i, first);
  return c;
}

}  // namespace assay::properties
