// SPDX-License-Identifier: Apache-2.0
//
// Rows that lie side by side, their columns apart: every operation gives them the bits that it gives contiguous rows,
// in both tiers, on every target, and writes nothing else.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "kernels.h"
#include "number.h"
#include "request.h"

namespace assay::internal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Shape {
  std::size_t rows;
  std::size_t cols;
};

// kHuge: beyond the range of every hot path; kCancelling: a bias takes the logits back but for a little.
enum class Values { kUsual, kSpread, kFarDown, kSpecial, kHuge, kCancelling };

// One call's operands, contiguous or with rows side by side (and unused columns between, if padded).
class Operands {
 public:
  Operands(std::int32_t dtype, Shape shape, bool inner, std::size_t padding)
      : dtype_(dtype),
        row_(inner ? 1 : shape.cols),
        col_(inner ? shape.rows + padding : 1),
        size_((inner ? col_ * shape.cols : shape.rows * shape.cols) + shape.rows),
        bytes_(BytesOf(dtype)) {
    for (auto* of : {&first, &second, &bias, &out}) of->assign(size_ * bytes_, 0xA5);
    mask.assign(size_, 0);
  }

  std::size_t At(std::size_t i, std::size_t j) const { return i * row_ + j * col_; }
  void Set(std::vector<std::uint8_t>& of, std::size_t i, std::size_t j, double value) {
    StoreNumber(dtype_, of.data(), static_cast<std::ptrdiff_t>(At(i, j)), value);
  }
  assay_const_matrix In(const std::vector<std::uint8_t>& of) const {
    return {of.data(), static_cast<std::ptrdiff_t>(row_), static_cast<std::ptrdiff_t>(col_)};
  }
  assay_matrix Out(std::vector<std::uint8_t>& of) const {
    return {of.data(), static_cast<std::ptrdiff_t>(row_), static_cast<std::ptrdiff_t>(col_)};
  }

  std::vector<std::uint8_t> first;   // logits, or saved
  std::vector<std::uint8_t> second;  // upstream, or targets
  std::vector<std::uint8_t> bias;
  std::vector<std::uint8_t> out;
  std::vector<std::uint8_t> mask;

 private:
  std::int32_t dtype_;
  std::size_t row_;
  std::size_t col_;
  std::size_t size_;
  std::size_t bytes_;
};

const assay_row_kernel& KernelOf(const assay_subject& subject, assay_op op) {
  const assay_row_kernel* const kernels[] = {
      &subject.softmax,          &subject.log_softmax,          &subject.logsumexp,     &subject.sigmoid,
      &subject.softmax_backward, &subject.log_softmax_backward, &subject.cross_entropy, &subject.cross_entropy_backward,
      &subject.sparsemax,        &subject.sparsemax_backward};
  return *kernels[op];
}

struct Setting {
  assay_op op;
  std::int32_t dtype;
  Shape shape;
  Values values;
  bool masked;
  bool biased;
  bool in_place;
  bool dense_targets;  // of a loss, instead of labels
  double smoothing;    // of a loss
  double temperature;
};

// A call's choices by its number, each of them with each of the others.
Setting SettingOf(assay_op op, std::int32_t dtype, Shape shape, Values values, unsigned number) {
  constexpr double kTemperatures[] = {1, 0.7, 1, 1e-3, 1, 1, 40};
  Setting s{op, dtype, shape, values, false, false, false, false, 0, kTemperatures[number % 7]};
  s.in_place = number / 3 % 2 == 0;
  const bool forward = !IsActivationBackward(op) && op != ASSAY_SIGMOID;
  s.masked = forward && number % 3 == 0;
  s.biased = !IsActivationBackward(op) && (values == Values::kCancelling || number % 5 == 0);
  s.dense_targets = IsLoss(op) && number % 4 == 0;
  s.smoothing = IsLoss(op) && number % 11 < 3 ? 0.1 : 0;
  return s;
}

double SpreadOf(Values values) { return values == Values::kSpread ? 30 : values == Values::kHuge ? 3000 : 2; }

void Fill(const Setting& s, Operands& operands, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(s.values == Values::kFarDown ? -60 : 0, SpreadOf(s.values));
  const double special[] = {std::nan(""), kInfinity, -kInfinity, -kInfinity};
  for (std::size_t i = 0; i < s.shape.rows; ++i) {
    for (std::size_t j = 0; j < s.shape.cols; ++j) {
      double x = normal(random);
      double y = normal(random);
      double b = normal(random);
      if (IsActivationBackward(s.op)) {
        x = s.op == ASSAY_LOG_SOFTMAX_BACKWARD ? -std::fabs(x) - 3 : random() % 4 == 0 ? 0 : std::fabs(x) / 64;
        if (s.values == Values::kSpecial && random() % 200 == 0) y = special[random() % 4];
        if (s.values == Values::kHuge && i % 3 == 0) x = std::ldexp(x, s.dtype == ASSAY_F64 ? -1000 : -8);
      } else if (s.values == Values::kSpecial) {
        if (random() % 200 == 0) x = special[random() % 4];
        if (random() % 200 == 0) b = special[random() % 4];
        if (i == 2) x = -kInfinity;  // nothing visible
      } else if (s.values == Values::kCancelling) {
        x = std::round(x) * 4096;
        b -= x;
      }
      if (s.dense_targets) y = random() % 3 == 0 ? std::fabs(y) : 0;
      operands.Set(operands.first, i, j, x);
      operands.Set(operands.second, i, j, y);
      operands.Set(operands.bias, i, j, b);
      operands.mask[operands.At(i, j)] = random() % 4 != 0 ? 1 : 0;
    }
  }
}

// The call's results: all that is in the buffer they are written to.
std::vector<std::uint8_t>& Run(const assay_subject& subject, const Setting& s, Operands& operands) {
  const bool backward = IsActivationBackward(s.op);
  std::vector<std::int64_t> labels(s.shape.rows);
  for (std::size_t i = 0; i < s.shape.rows; ++i) labels[i] = static_cast<std::int64_t>(i * 7 % s.shape.cols);
  assay_row_args args{};
  args.struct_size = sizeof args;
  args.rows = s.shape.rows;
  args.cols = s.shape.cols;
  args.temperature = s.temperature;
  args.dtype = s.dtype;
  (backward ? args.saved : args.logits) = operands.In(operands.first);
  if (backward) args.upstream = operands.In(operands.second);
  if (s.masked) args.mask = operands.In(operands.mask);
  if (s.biased) args.bias = operands.In(operands.bias);
  if (s.dense_targets) {
    args.targets = operands.In(operands.second);
  } else if (IsLoss(s.op)) {
    args.labels = {labels.data(), 1, 1};
  }
  args.label_smoothing = s.smoothing;
  auto& to = s.in_place && !HasOneColumn(s.op) ? (backward ? operands.second : operands.first) : operands.out;
  args.out = operands.Out(to);
  if (HasOneColumn(s.op)) args.out = {to.data(), 1, 1};
  EXPECT_EQ(KernelOf(subject, s.op).run(&args), ASSAY_OK);
  return to;
}

void ExpectEqualResults(const assay_subject& subject, const Setting& s, Operands& contiguous, Operands& inner) {
  const std::vector<std::uint8_t>& want = Run(subject, s, contiguous);
  const std::vector<std::uint8_t>& got = Run(subject, s, inner);
  const std::size_t bytes = BytesOf(s.dtype);
  std::vector<bool> written(got.size() / bytes);
  for (std::size_t i = 0; i < s.shape.rows; ++i) {
    for (std::size_t j = 0; j < (HasOneColumn(s.op) ? 1 : s.shape.cols); ++j) {
      const std::size_t want_at = HasOneColumn(s.op) ? i : contiguous.At(i, j);
      const std::size_t got_at = HasOneColumn(s.op) ? i : inner.At(i, j);
      written[got_at] = true;
      ASSERT_EQ(std::memcmp(&want[want_at * bytes], &got[got_at * bytes], bytes), 0)
          << subject.name << ", operation " << s.op << ", type " << s.dtype << ", " << s.shape.rows << " x "
          << s.shape.cols << ", values " << static_cast<int>(s.values) << (s.masked ? ", masked" : "")
          << (s.biased ? ", biased" : "") << (s.in_place ? ", in place" : "") << ", T = " << s.temperature << ": entry "
          << i << ", " << j << ", want " << LoadNumber(s.dtype, want.data(), static_cast<std::ptrdiff_t>(want_at))
          << ", got " << LoadNumber(s.dtype, got.data(), static_cast<std::ptrdiff_t>(got_at));
    }
  }
  for (std::size_t at = 0; at < got.size(); ++at) {
    if (written[at / bytes]) continue;
    ASSERT_EQ(got[at], 0xA5) << "operation " << s.op << ", byte " << at;
  }
}

void ExpectTheBitsOfContiguousRows(const assay_subject& subject, const Setting& s, unsigned seed) {
  Operands contiguous(s.dtype, s.shape, false, 0);
  Operands inner(s.dtype, s.shape, true, seed % 3);
  Fill(s, contiguous, seed);
  Fill(s, inner, seed);
  ExpectEqualResults(subject, s, contiguous, inner);
}

// A lane more and fewer than vectors have, several groups of vectors, rows too short for lanes of their own, rows too
// long for a tile.
constexpr Shape kShapes[] = {{3, 5},    {4, 2},    {7, 33},  {8, 17},   {9, 64},    {15, 65},  {16, 63},
                             {17, 130}, {33, 100}, {83, 31}, {20, 300}, {17, 2100}, {3, 2500}, {5, 4300}};

// Whether the fast tier has no kernel of its own.
bool IsExact(std::size_t target, assay_op op, std::int32_t dtype) {
  const KernelTable& rows = KernelsAt(target)->rows;
  return rows.of[ASSAY_TIER_FAST][op][dtype] == rows.of[ASSAY_TIER_EXACT][op][dtype];
}

void ForEachSetting(assay_tier tier) {
  unsigned seed = 1;
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    const assay_subject& subject = *assay_target_subject(target, tier);
    for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
      for (const Shape shape : kShapes) {
        for (const Values values : {Values::kUsual, Values::kSpread, Values::kFarDown, Values::kSpecial, Values::kHuge,
                                    Values::kCancelling}) {
          for (std::int32_t dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
            ++seed;
            if (shape.cols > 1000 && seed % 4 != target % 4) continue;  // they take long
            if (tier == ASSAY_TIER_FAST && IsExact(target, static_cast<assay_op>(op), dtype)) continue;
            ExpectTheBitsOfContiguousRows(subject, SettingOf(static_cast<assay_op>(op), dtype, shape, values, seed),
                                          seed);
            if (testing::Test::HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

// A row of f32 whose softmax the exact tier's first steps leave in doubt: the next one when x[0] grows.
bool FindDoubtful(std::vector<float>& x) {
  std::vector<float> p(x.size());
  for (int tries = 0; tries < 1 << 22; ++tries) {
    x[0] = std::nextafter(x[0], 10.0f);
    LadderCounts counts;
    Request request{};
    request.op = ASSAY_SOFTMAX;
    request.args.rows = 1;
    request.args.cols = x.size();
    request.args.temperature = 1;
    request.args.logits = {x.data(), 0, 1};
    request.args.out = {p.data(), 0, 1};
    request.ladder_counts = &counts;
    KernelsAt(0)->rows.of[ASSAY_TIER_EXACT][ASSAY_SOFTMAX][ASSAY_F32](request);
    if (counts.double_doubles > 0) return true;
  }
  return false;
}

TEST(InnerTest, RowsInDoubtHaveTheBitsOfContiguousRows) {
  constexpr Shape kShape = {19, 40};
  Setting s = SettingOf(ASSAY_SOFTMAX, ASSAY_F32, kShape, Values::kUsual, 0);
  s.masked = s.biased = false;
  Operands contiguous(s.dtype, kShape, false, 0);
  Operands inner(s.dtype, kShape, true, 0);
  Fill(s, contiguous, 1);
  Fill(s, inner, 1);
  std::vector<float> x(kShape.cols);
  for (std::size_t j = 0; j < x.size(); ++j) x[j] = 0.5f + static_cast<float>(j * j % 17) * 0.37f;
  for (const std::size_t row : {3, 9, 18}) {
    ASSERT_TRUE(FindDoubtful(x));
    for (std::size_t j = 0; j < x.size(); ++j) {
      contiguous.Set(contiguous.first, row, j, static_cast<double>(x[j]));
      inner.Set(inner.first, row, j, static_cast<double>(x[j]));
    }
  }
  for (const bool in_place : {false, true}) {
    s.in_place = in_place;
    for (std::size_t target = 0; target < assay_num_targets(); ++target) {
      Operands want = contiguous;
      Operands got = inner;
      ExpectEqualResults(*assay_target_subject(target, ASSAY_TIER_EXACT), s, want, got);
    }
  }
}

TEST(InnerTest, FastRowsHaveTheBitsOfContiguousRows) { ForEachSetting(ASSAY_TIER_FAST); }

TEST(InnerTest, ExactRowsHaveTheBitsOfContiguousRows) { ForEachSetting(ASSAY_TIER_EXACT); }

}  // namespace
}  // namespace assay::internal
