// SPDX-License-Identifier: Apache-2.0
//
// A row of more than 2^31 elements. It is one period of 4096 values repeated, so that memory holds the inputs once and
// the oracle counts multiplicities instead of elements.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "oracle/oracle.h"
#include "properties/fit.h"
#include "properties/judging.h"
#include "properties/machine_laws.h"
#include "properties/truth.h"

namespace assay::properties {
namespace {

using subjects::Operand;

constexpr std::size_t kPeriod = 4096;  // whole pages of every element type, a mask's bytes included

// Just beyond what an int32_t counts; where out is a single number, and so memory no matter, a uint32_t.
std::uint64_t Repeat(const Case& c) {
  const std::uint64_t counted = c.op == ASSAY_LOGSUMEXP ? std::uint64_t{1} << 32 : std::uint64_t{1} << 31;
  return counted / kPeriod + 1;
}

bool HoldsPoison(const Array& out, std::size_t i, std::uint8_t poison) {
  const std::size_t bytes = subjects::BytesOf(out.element());
  const std::byte* const begin = out.data() + i * bytes;
  return std::all_of(begin, begin + bytes, [&](std::byte b) { return b == std::byte{poison}; });
}

// What is right whatever the working precision: the textbook bound says nothing about sums of 2^31 terms.
bool Sane(assay_op op, double got) {
  if (std::isnan(got)) return false;
  if (op == ASSAY_LOG_SOFTMAX) return got <= 0;
  return op == ASSAY_LOGSUMEXP || (got >= 0 && got <= 1);
}

// The bounds of the period, widened to those of the repeated row, where the claim depends on the length. The terms of
// log_softmax and logsumexp gain log(repeat) < 23; the shares of softmax, of which each term is a part, become smaller
// by the factor `repeat`. No claim: nothing but sigmoid's is promised.
std::vector<Bound> RepeatedBounds(const Case& c, const subjects::SubjectInfo& info, std::uint64_t repeat) {
  std::vector<Bound> bounds = BoundsOf(c, info);
  if (c.op == ASSAY_SIGMOID) return bounds;
  const assay_claim& claim = info.Claim(c.op, c.dtype);
  for (Bound& bound : bounds) {
    if (claim.kind == ASSAY_CLAIM_NONE) {
      bound.absolute = kInf;
    } else if (c.op == ASSAY_SOFTMAX) {
      bound.absolute /= static_cast<double>(repeat);
    } else {
      bound.absolute += claim.terms * 23;
    }
  }
  return bounds;
}

Judgement JudgeCopy(const Case& c, const Array& out, const std::vector<oracle::Exact>& exact,
                    const std::vector<Bound>& bounds, bool nearest, std::uint64_t repeat) {
  const std::string among = fmt::format("in a row of {} times {}", repeat, kPeriod);
  Judgement worst;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (HoldsPoison(out, i, subjects::RunOptions{}.poison)) {
      return ViolatedAt(c, out, i, "that is what lay there before: not written, " + among, exact[i].nearest, kInf);
    }
    if (!Sane(c.op, out[i])) {
      return ViolatedAt(c, out, i, "that is no possible result, " + among, exact[i].nearest, kInf);
    }
    const double bound = InUlp(bounds[i], exact[i]);  // infinite, or NaN beside an infinite result: no promise
    const double err = oracle::ErrUlp(out[i], exact[i]);
    const bool decided = nearest && exact[i].certain;
    if (decided ? oracle::IsNearest(out[i], exact[i]) : !(err > bound)) continue;
    KeepWorse(&worst,
              ViolatedAt(c, out, i, fmt::format("the bound is {:.4g} ulp and it is {:.4g} off, {}", bound, err, among),
                         exact[i].nearest, std::max(err / bound, 1 + 1e-9)));
  }
  return worst;
}

}  // namespace

Case WithWholePages(Case c) {
  c = OutOfPlace(OneRowOf(WithFiniteRows(std::move(c))));
  const std::size_t cols = c.cols;
  c.cols = kPeriod;
  subjects::ForEachInput(c, [&](Role, Operand& operand) {
    const Array values = operand.values;
    operand.layout = {};
    operand.values = Array(values.element(), kPeriod);
    for (std::size_t j = 0; j < kPeriod; ++j) {
      if (cols != 0) operand.values.SetBits(j, values.Bits(j % cols));
    }
  });
  c.out = {};
  c.offset = 0;
  return WithFiniteRows(std::move(c));  // where there was no column, so that something is visible
}

Judgement CheckIndexOverflow(const Case& c, Context& context) {
  const subjects::SubjectInfo& info = context.subject.info();
  const std::uint64_t repeat = Repeat(c);
  std::vector<oracle::Exact> exact;
  try {
    exact = ExactOf(c, info, context.tier, repeat);
  } catch (const oracle::Undecided& undecided) {
    return {Verdict::kUndecided, undecided.what(), 0, std::nullopt};
  }
  Run run;
  try {
    run = RunDerived(c, context, {.repeat = repeat});
  } catch (const std::length_error& error) {
    return NotApplicable(fmt::format("no room for {} times {} elements: {}", repeat, kPeriod, error.what()));
  }
  if (run.failed) {
    if (run.failed->verdict == Verdict::kViolated) {
      run.failed->reason += fmt::format(" (in a row of {} times {})", repeat, kPeriod);
    }
    return *run.failed;
  }
  const std::vector<Bound> bounds = RepeatedBounds(c, info, repeat);
  Judgement worst;
  std::vector<Array> copies = run.result.others;  // those that differ from the one before
  copies.push_back(run.result.out);
  for (const Array& copy : copies) {
    KeepWorse(&worst, JudgeCopy(c, copy, exact, bounds, ClaimsNearest(info, c), repeat));
  }
  return worst;
}

}  // namespace assay::properties
