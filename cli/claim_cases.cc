// SPDX-License-Identifier: Apache-2.0

#include "cli/claim_cases.h"

#include <fmt/format.h>

#include <string_view>

#include "subjects/random.h"
#include "subjects/registry.h"

namespace assay::cli {
namespace {

using subjects::Case;
using subjects::Operand;
using subjects::Random;

using Fill = void (*)(Random& random, Operand& logits);

template <int kSigma>
void Normal(Random& random, Operand& logits) {
  for (std::size_t i = 0; i < logits.values.size(); ++i) logits.values.Set(i, kSigma * random.Normal());
}

// Terms that a float sum beside 1 loses.
void OneAndRest(Random& random, Operand& logits) {
  for (std::size_t i = 0; i < logits.values.size(); ++i) logits.values.Set(i, random.Uniform(-20, -14));
  logits.values.Set(random.Below(logits.values.size()), 0);
}

// Results of f32 and bf16 in the subnormals and below; f64's own lie far beyond.
void Tails(Random& random, Operand& logits) {
  for (std::size_t i = 0; i < logits.values.size(); ++i) logits.values.Set(i, -random.Uniform(80, 104));
  logits.values.Set(random.Below(logits.values.size()), 0);
}

// Two shares near 1/2, or one near 1: where log_softmax and logsumexp are near 0.
void Close(Random& random, Operand& logits) {
  for (std::size_t i = 0; i < logits.values.size(); ++i) logits.values.Set(i, -random.Uniform(5, 30));
  logits.values.Set(random.Below(logits.values.size()), -random.Uniform() * 0.01);
}

struct Family {
  const char* name;
  Fill fill;
};
constexpr Family kFamilies[] = {{"normal-1", Normal<1>},      {"normal-10", Normal<10>}, {"normal-30", Normal<30>},
                                {"one-and-rest", OneAndRest}, {"tails", Tails},          {"near-one", Close}};
constexpr double kTemperatures[] = {0.1, 0.7, 1, 3};
// Around the lanes, around 64 (where the short rows' code ends), in cache, beyond it.
constexpr std::size_t kLengths[] = {1,    2,    7,     16,    17,      63,      64,      65,     100,
                                    1000, 4096, 32768, 65537, 1 << 20, 1 << 22, 1 << 24, 1 << 26};

const assay_subject& Scalar() { return *subjects::FindBuiltIn("scalar")->table; }

// The saved output of a backward operation: what the reference gives for these logits.
void SaveForward(assay_op backward, Case& c, const Operand& logits) {
  const assay_subject& scalar = Scalar();
  const assay_row_kernel& forward = backward == ASSAY_SOFTMAX_BACKWARD       ? scalar.softmax
                                    : backward == ASSAY_LOG_SOFTMAX_BACKWARD ? scalar.log_softmax
                                                                             : scalar.sparsemax;
  assay_row_args args{};
  args.struct_size = sizeof args;
  args.rows = 1;
  args.cols = c.cols;
  args.temperature = c.temperature;
  args.dtype = c.dtype;
  args.logits = {logits.values.data(), 0, 1};
  args.out = {c.saved.values.data(), 0, 1};
  forward.run(&args);
}

void FillLoss(Random& random, Case& c) {
  c.labels.values.SetBits(0, random.Below(c.cols));
  if (random.Below(2) == 0) c.label_smoothing = 0.1;
  if (random.Below(2) == 0) return;
  subjects::Take(c, subjects::Role::kLabels);
  subjects::Give(c, subjects::Role::kTargets);
  for (std::size_t i = 0; i < c.cols; ++i) {
    c.targets.values.Set(i, random.Uniform() / static_cast<double>(c.cols));
  }
}

}  // namespace

std::string ClaimCase::Text() const {
  return fmt::format("{}, n = {}, T = {}{}", family, cols, temperature, bias ? ", bias" : "");
}

std::vector<ClaimCase> ClaimCases(assay_op op, std::size_t max_cols) {
  std::vector<ClaimCase> cases;
  for (const std::size_t cols : kLengths) {
    if (cols > max_cols) break;
    for (const Family& family : kFamilies) {
      for (const double temperature : kTemperatures) {
        cases.push_back({family.name, cols, temperature, false});
        if (subjects::HasLogits(op)) cases.push_back({family.name, cols, temperature, true});
      }
    }
  }
  return cases;
}

Case DrawClaimCase(const ClaimCase& from, assay_op op, assay_dtype dtype, std::uint64_t seed) {
  Random random(seed, subjects::Fnv1a(from.Text()));
  Case c = subjects::MakeCase(op, dtype, 1, from.cols);
  c.temperature = from.temperature;
  Operand logits;
  logits.values = subjects::Array(subjects::ElementOf(dtype), from.cols);
  for (const Family& family : kFamilies) {
    if (std::string_view(family.name) == from.family) family.fill(random, logits);
  }
  if (!subjects::HasLogits(op)) {
    SaveForward(op, c, logits);
    for (std::size_t i = 0; i < from.cols; ++i) c.upstream.values.Set(i, random.Normal());
    return c;
  }
  c.logits.values = logits.values;
  if (from.bias) {
    subjects::Give(c, subjects::Role::kBias);
    for (std::size_t i = 0; i < from.cols; ++i) c.bias.values.Set(i, 4 * random.Normal());
  }
  if (subjects::IsLoss(op)) FillLoss(random, c);
  return c;
}

}  // namespace assay::cli
