// SPDX-License-Identifier: Apache-2.0
//
// The 16-bit types: sigmoid(x), and softmax, log_softmax and logsumexp of [0, x], for each of the 65536 values of x, in
// both tiers, against the oracle.

#include <cmath>

#include "exhaustive.h"
#include "oracle/oracle.h"

namespace assay::exhaustive {
namespace {

double ValueOf(assay_dtype dtype, std::uint16_t bits) {
  if (dtype == ASSAY_BF16) return static_cast<double>(FloatOf(static_cast<std::uint32_t>(bits) << 16));
  const int exponent = (bits >> 10) & 31;
  const int digits = bits & 1023;
  const double magnitude = exponent == 31  ? (digits == 0 ? HUGE_VAL : std::nan(""))
                           : exponent == 0 ? std::ldexp(digits, -24)
                                           : std::ldexp(1024 + digits, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

struct Operation {
  const char* name;
  assay_row_kernel assay_subject::*kernel;
  std::size_t in;   // entries of a row: [x], or [0, x]
  std::size_t out;  // results
  std::vector<oracle::Exact> (*exact)(const oracle::Row& row);
};

const Operation kOperations[] = {
    {"sigmoid(x)", &assay_subject::sigmoid, 1, 1,
     [](const oracle::Row& row) { return oracle::Sigmoid(row, oracle::Tier::kBulk); }},
    {"softmax([0, x])", &assay_subject::softmax, 2, 2,
     [](const oracle::Row& row) { return oracle::Softmax(row, oracle::Tier::kBulk); }},
    {"log_softmax([0, x])", &assay_subject::log_softmax, 2, 2,
     [](const oracle::Row& row) { return oracle::LogSoftmax(row, oracle::Tier::kBulk); }},
    {"logsumexp([0, x])", &assay_subject::logsumexp, 2, 1,
     [](const oracle::Row& row) { return std::vector<oracle::Exact>{oracle::LogSumExp(row, oracle::Tier::kBulk)}; }},
};

// Judges one result; the measure is its error in ULP.
void Judge(const assay_claim& claim, assay_dtype dtype, std::uint16_t got, const oracle::Exact& exact, double x,
           Tally& tally) {
  const double value = ValueOf(dtype, got);
  const double err_ulp = oracle::ErrUlp(value, exact);
  bool right = claim.kind == ASSAY_CLAIM_CORRECTLY_ROUNDED ? oracle::IsNearest(value, exact) : err_ulp <= claim.max_ulp;
  if (std::isnan(exact.nearest)) right = got == (dtype == ASSAY_F16 ? 0x7E00 : 0x7FC0);
  tally.See(right, err_ulp, static_cast<float>(x));
}

bool CheckOperation(const Operation& operation, assay_dtype dtype) {
  const std::vector<Ours> ours = EveryTargetAndTier();
  const auto body = [&](std::uint32_t first, std::uint32_t count, std::vector<Tally>& tally) {
    std::vector<std::uint16_t> logits(count * operation.in);
    for (std::uint32_t i = 0; i < count; ++i) {
      logits[(i + 1) * operation.in - 1] = static_cast<std::uint16_t>(first + i);
    }
    std::vector<std::vector<std::uint16_t>> got(ours.size());
    for (std::size_t t = 0; t < ours.size(); ++t) {
      got[t].assign(count * operation.out, 0x5555);
      assay_row_args args = RowsOf(logits.data(), got[t].data(), count, operation.in, dtype);
      args.out.row_stride = static_cast<std::ptrdiff_t>(operation.out);
      if ((ours[t].table->*operation.kernel).run(&args) != ASSAY_OK) tally[t].wrong += count;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      const double x = ValueOf(dtype, static_cast<std::uint16_t>(first + i));
      const double values[2] = {0, x};
      oracle::Row row;
      row.logits = std::span<const double>(values).last(operation.in);
      row.format = dtype == ASSAY_F16 ? oracle::Format::kF16 : oracle::Format::kBF16;
      const std::vector<oracle::Exact> exact = operation.exact(row);
      for (std::size_t t = 0; t < ours.size(); ++t) {
        const assay_claim& claim = (ours[t].table->*operation.kernel).claims[dtype];
        for (std::size_t k = 0; k < operation.out; ++k) {
          Judge(claim, dtype, got[t][i * operation.out + k], exact[k], x, tally[t]);
        }
      }
    }
  };
  const std::string what = fmt::format("{} for every {} x", operation.name, dtype == ASSAY_F16 ? "f16" : "bf16");
  const auto tallies = ForAll(what.c_str(), 0, 0xFFFF, ours.size(), body);
  return Print(ours, tallies, "largest error in ULP");
}

}  // namespace

bool CheckHalves() {
  bool good = true;
  for (const assay_dtype dtype : {ASSAY_F16, ASSAY_BF16}) {
    for (const Operation& operation : kOperations) good = CheckOperation(operation, dtype) && good;
  }
  return good;
}

}  // namespace assay::exhaustive
