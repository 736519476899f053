// SPDX-License-Identifier: Apache-2.0

#include "properties/engine/generator.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "properties/engine/attention.h"
#include "properties/engine/operands.h"
#include "properties/shrink.h"

namespace assay::properties {
namespace {

using subjects::Case;
using subjects::Random;

// Lengths at and around every lane count and tile, few long ones.
rc::Gen<std::size_t> Cols() {
  return rc::gen::weightedOneOf<std::size_t>({
      {12, rc::gen::elementOf(std::vector<std::size_t>{1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17})},
      {8, rc::gen::elementOf(std::vector<std::size_t>{23, 31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 129})},
      {2, rc::gen::elementOf(std::vector<std::size_t>{255, 256, 257, 500, 512, 768, 1000, 1023, 1024})},
      {1, rc::gen::elementOf(std::vector<std::size_t>{0, 2048, 4095, 4096, 6143, 6145, 8192})},
      {2, rc::gen::map(rc::gen::resize(100, rc::gen::inRange<std::size_t>(0, 1 << 13)),
                       [](std::size_t n) { return n >> (n % 6); })},  // any length, the short ones more often
  });
}

rc::Gen<double> Temperature() {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  return rc::gen::weightedOneOf<double>({
      {6, rc::gen::just(1.0)},
      {4, rc::gen::elementOf(std::vector<double>{0.1, 0.7, 3, 0.5, 2})},
      {2, rc::gen::elementOf(std::vector<double>{0.0, -0.0, kInf, 5e-324, 1e-310, 1e300, 1e-20, 1e20, 1e4, 1e-4})},
      {1, rc::gen::elementOf(std::vector<double>{-1, -1e-300, -kInf, std::numeric_limits<double>::quiet_NaN()})},
  });
}

Case Draw(Choice choice) {
  if (subjects::IsAttention(choice.op)) {
    const auto key = *rc::gen::resize(100, rc::gen::arbitrary<std::uint64_t>());
    return DrawAttention(choice.op, choice.dtype, key);
  }
  const std::size_t cols = *Cols();
  std::size_t rows = *rc::gen::weightedElement<std::size_t>({{8, 1}, {3, 2}, {2, 3}, {1, 5}, {1, 0}});
  if (cols > 500) rows = std::min<std::size_t>(rows, 2);
  // Now and then more rows than a kernel has lanes, registers or threads.
  if (cols <= 17 && *rc::gen::resize(100, rc::gen::inRange(0, 12)) == 0) {
    rows = *rc::gen::resize(100, rc::gen::inRange<std::size_t>(8, 258));
  }
  Case c = subjects::MakeCase(choice.op, choice.dtype, rows, cols);
  c.temperature = *Temperature();
  // The size must be 100 for an even spread over all 64 bits.
  const auto key = *rc::gen::resize(100, rc::gen::arbitrary<std::uint64_t>());
  c.law_key = subjects::Mix(key);
  Random random(key, 0);
  const auto one_in = [&random](std::uint64_t n) { return random.Below(n) == 0; };
  if (one_in(2)) c.offset = random.Below(16);
  if (one_in(3)) c.guard = subjects::Guard::kBefore;
  if (one_in(3)) c.empty_row = one_in(2) ? ASSAY_EMPTY_ROW_NAN : ASSAY_EMPTY_ROW_ZERO;
  c.in_place = subjects::CanBeInPlace(c.op) && one_in(4);
  if (subjects::HasLogits(c.op)) {
    FillLogits(c, random);
    if (one_in(4)) GiveBias(c, random);
    if (subjects::TakesMask(c.op) && one_in(3)) GiveMask(c, random);
    if (subjects::IsLoss(c.op)) FillLoss(c, random);
  } else {
    FillSaved(c, random);
    FillUpstream(c, random);
  }
  DrawLayouts(c, random);
  return c;
}

rc::Seq<rc::Shrinkable<Case>> Smaller(const Case& c, const Property& property, const subjects::SubjectInfo& info) {
  auto candidates = rc::seq::map(rc::seq::fromContainer(Steps(c)), [c, &property, &info](const Step& step) {
    return Prepare(property, Apply(c, step), info);
  });
  auto simpler = rc::seq::filter(std::move(candidates), [c](const Case& next) { return Simpler(next, c); });
  return rc::seq::map(std::move(simpler),
                      [&property, &info](Case next) { return WithSteps(std::move(next), property, info); });
}

}  // namespace

std::optional<Choice> ChoiceAt(const Property& property, const subjects::SubjectInfo& info, Ops ops,
                               std::uint64_t index) {
  std::vector<assay_op> chosen;
  for (int i = 0; i < ASSAY_NUM_OPS; ++i) {
    const auto op = static_cast<assay_op>(i);
    const bool wanted = (property.ops & ops & Of(op)) != 0;
    if (wanted && info.For(op).implemented && info.For(op).dtypes != 0) chosen.push_back(op);
  }
  if (chosen.empty()) return std::nullopt;
  const assay_op op = chosen[index % chosen.size()];
  std::vector<assay_dtype> dtypes;
  for (int i = 0; i < ASSAY_NUM_DTYPES; ++i) {
    if (info.Has(op, static_cast<assay_dtype>(i))) dtypes.push_back(static_cast<assay_dtype>(i));
  }
  if (dtypes.empty()) return std::nullopt;
  return Choice{op, dtypes[index / chosen.size() % dtypes.size()]};
}

rc::Shrinkable<Case> WithSteps(Case c, const Property& property, const subjects::SubjectInfo& info) {
  return rc::shrinkable::shrink(rc::fn::constant(std::move(c)),
                                [&property, &info](const Case& value) { return Smaller(value, property, info); });
}

rc::Gen<Case> Cases(const Property& property, const subjects::SubjectInfo& info, Choice choice) {
  const rc::Gen<Case> drawn = rc::gen::exec([choice] { return Draw(choice); });
  return [drawn, &property, &info](const rc::Random& random, int size) {
    return WithSteps(Prepare(property, drawn(random, size).value(), info), property, info);
  };
}

}  // namespace assay::properties
