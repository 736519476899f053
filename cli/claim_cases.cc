// SPDX-License-Identifier: Apache-2.0

#include "cli/claim_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "subjects/random.h"
#include "subjects/registry.h"

namespace assay::cli {
namespace {

using subjects::Case;
using subjects::Operand;
using subjects::Random;

template <int kSigma>
double Normal(Random& random) {
  return kSigma * random.Normal();
}

struct Family {
  const char* name;
  double (*draw)(Random&);
  double (*one)(Random&);  // what one entry, anywhere, is instead; null: none is
};

double Zero(Random&) { return 0; }

constexpr Family kFamilies[] = {
    {"normal-1", Normal<1>, nullptr},
    {"normal-10", Normal<10>, nullptr},
    {"normal-30", Normal<30>, nullptr},
    // Terms that a float sum beside 1 loses.
    {"one-and-rest", [](Random& random) { return random.Uniform(-20, -14); }, Zero},
    // Results of f32 and bf16 in the subnormals and below; f64's own lie far beyond.
    {"tails", [](Random& random) { return -random.Uniform(80, 104); }, Zero},
    // Two shares near 1/2, or one near 1: where log_softmax and logsumexp are near 0.
    {"near-one", [](Random& random) { return -random.Uniform(5, 30); },
     [](Random& random) { return -random.Uniform() * 0.01; }},
};
constexpr double kTemperatures[] = {0.1, 0.7, 1, 3};
// Around the lanes, around 64 (where the short rows' code ends), in cache, beyond it.
constexpr std::size_t kLengths[] = {1,    2,    7,     16,    17,      63,      64,      65,     100,
                                    1000, 4096, 32768, 65537, 1 << 20, 1 << 22, 1 << 24, 1 << 26};

// Rows longer than this repeat as many numbers.
constexpr std::size_t kPool = 1 << 16;

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

// The logits, and their bias where the case has one.
void FillLogits(Random& random, const ClaimCase& from, assay_dtype dtype, Operand& logits, Operand& bias) {
  const Family& family =
      *std::ranges::find_if(kFamilies, [&](const Family& f) { return std::string_view(f.name) == from.family; });
  std::vector<double> x, b;
  for (std::size_t i = 0; i < std::min(from.cols, kPool); ++i) {
    x.push_back(family.draw(random));
    b.push_back(from.bias ? 4 * random.Normal() : 0);
  }
  logits.values = subjects::Array(subjects::ElementOf(dtype), from.cols);
  bias.values = subjects::Array(subjects::ElementOf(dtype), from.bias ? from.cols : 0);
  for (std::size_t i = 0; i < from.cols; ++i) {
    const std::size_t j = from.cols <= kPool ? i : random.Below(kPool);
    logits.values.Set(i, x[j]);
    if (from.bias) bias.values.Set(i, b[j]);
  }
  if (family.one == nullptr) return;
  const std::size_t at = random.Below(from.cols);
  logits.values.Set(at, family.one(random));
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

std::vector<ClaimCase> ClaimCases(assay_op op, std::size_t min_cols, std::size_t max_cols, bool with_bias) {
  std::vector<ClaimCase> cases;
  for (const std::size_t cols : kLengths) {
    if (cols < min_cols || cols > max_cols) continue;
    for (const Family& family : kFamilies) {
      for (const double temperature : kTemperatures) {
        cases.push_back({family.name, cols, temperature, false});
        if (with_bias && subjects::HasLogits(op)) cases.push_back({family.name, cols, temperature, true});
      }
    }
  }
  return cases;
}

Case DrawClaimCase(const ClaimCase& from, assay_op op, assay_dtype dtype, std::uint64_t seed) {
  Random random(seed, subjects::Fnv1a(from.Text()));
  Case c = subjects::MakeCase(op, dtype, 1, from.cols);
  c.temperature = from.temperature;
  Operand logits, bias;
  FillLogits(random, from, dtype, logits, bias);
  if (!subjects::HasLogits(op)) {
    SaveForward(op, c, logits);
    for (std::size_t i = 0; i < from.cols; ++i) c.upstream.values.Set(i, random.Normal());
    return c;
  }
  c.logits.values = logits.values;
  if (from.bias) {
    subjects::Give(c, subjects::Role::kBias);
    c.bias.values = bias.values;
  }
  if (subjects::IsLoss(op)) FillLoss(random, c);
  return c;
}

}  // namespace assay::cli
