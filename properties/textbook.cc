// SPDX-License-Identifier: Apache-2.0

#include "properties/textbook.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::properties {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// p e^r - p for p = e^log_p, where r may be too large for a factor; at most 1, as no computed share is larger.
double Growth(double log_p, double r) {
  if (!(r < kInf)) return 1;
  return std::min(1.0, r <= 1 ? std::exp(log_p) * std::expm1(r) : std::exp(std::min(0.0, log_p + r)));
}

// An upper bound on |log(S' / S)|, S' the sum of the exponentials of scores that are off by theta_j, |theta_j| <=
// error_j + 2 u depth_j: the score's own error, the rounding of z - max, and that of the argument inside exp (a product
// with log2 e). The error of max is in all of them alike and cancels in what the shares and log-shares are made of.
// log(sum p e^theta) is at most log(sum p e^|theta|); from below, -sum p |theta| by Jensen, which is no larger.
double SpreadOf(const Arithmetic& a, const RowModel& row) {
  double sum = 0;
  double shares = 0;
  for (std::size_t j = 0; j < row.live.size(); ++j) {
    if (row.live[j] == 0) continue;
    shares += row.share[j];
    if (std::isinf(row.depth[j])) continue;
    const double theta = row.error[j] + 2 * a.u * row.depth[j];
    sum += theta <= 1 ? row.share[j] * std::expm1(theta) : std::exp(theta - row.depth[j] - row.log_sum);
  }
  return shares == 0 ? 0 : std::log1p(sum / shares);
}

// |computed log(sum) - log(sum)| of the sum of exponentials: their arguments, exp itself and the sum, whose terms may
// have been lost as subnormals (at most the smallest each, the sum being at least 1); then log.
double LogSumError(const Arithmetic& a, const RowModel& row) {
  return SpreadOf(a, row) + a.Gamma(row.count + 2) + row.count * a.smallest + 2 * a.u * row.log_sum;
}

std::vector<Analysis> Everywhere(const RowModel& row, double error) {
  std::vector<Analysis> out(row.live.size());
  for (std::size_t j = 0; j < out.size(); ++j) {
    if (row.live[j] != 0) out[j] = {false, 0, error};
  }
  return out;
}

}  // namespace

Arithmetic::Arithmetic(assay_dtype dtype) {
  const subjects::FloatFormat format = subjects::FormatOf(subjects::ElementOf(dtype));
  u = format.Roundoff();
  smallest = std::ldexp(1.0, format.min_ulp_log2);
  largest = format.max_finite;
}

double Arithmetic::Gamma(double k) const {
  const auto gamma = [](double terms, double unit) {
    return terms * unit < 0.5 ? terms * unit / (1 - terms * unit) : kInf;
  };
  // Where the roundoff of a 16-bit type says nothing about so many terms, they are taken to be summed in f32, as
  // kernels do; 16 roundings to the type itself are left for everything else.
  constexpr double kFloatRoundoff = 0x1p-24;
  const bool short_type = u > kFloatRoundoff;
  return short_type && k * u >= 0.5 ? gamma(16, u) + gamma(k, kFloatRoundoff) : gamma(k, u);
}

// p' = p e^r, |r| <= theta_i + SpreadOf + (n - 1 roundings of the sum) + 2 u for each of the two exp + u for the
// quotient, or 2 u for a product with the reciprocal: Blanchard, Higham & Higham (2021), theorem 4.2, (n + 2 + 2 d) u
// to first order, with the entry's own d = max - z. Subnormal: both exp and quotient may lose half the smallest, and
// the sum is at least 1; each entry of the sum as in LogSumError.
std::vector<Analysis> AnalyzeSoftmax(const Arithmetic& a, const RowModel& row) {
  if (!row.ordinary) return std::vector<Analysis>(row.live.size());
  std::vector<Analysis> out = Everywhere(row, kInf);
  const double sum_error = a.Gamma(row.count + 6);
  const double spread = SpreadOf(a, row) + sum_error + row.count * a.smallest;
  for (std::size_t j = 0; j < out.size(); ++j) {
    if (row.live[j] == 0) continue;
    out[j].terms = row.share[j];
    if (row.may_overflow || std::isinf(sum_error)) continue;
    const double theta = std::isinf(row.depth[j]) ? 0 : row.error[j] + 2 * a.u * row.depth[j];
    out[j].error = Growth(-row.depth[j] - row.log_sum, (theta + spread) * (1 + 4 * a.u)) + 2 * a.smallest;
  }
  return out;
}

// (z - max) - log(sum): the score's error, the rounding of the difference, LogSumError, and the rounding of the result
// -(d + log sum). Relative accuracy near 0 is not promised.
std::vector<Analysis> AnalyzeLogSoftmax(const Arithmetic& a, const RowModel& row) {
  if (!row.ordinary) return std::vector<Analysis>(row.live.size());
  std::vector<Analysis> out = Everywhere(row, kInf);
  const double sum_error = LogSumError(a, row);
  for (std::size_t j = 0; j < out.size(); ++j) {
    if (row.live[j] == 0) continue;
    const double size = row.depth[j] + row.log_sum;
    out[j].terms = std::fabs(row.score[j]) + std::fabs(row.max + row.log_sum);
    const double error = (row.error[j] + a.u * (row.depth[j] + size) + sum_error) * (1 + 8 * a.u) + 2 * a.smallest;
    if (!row.may_overflow && size + error < a.largest) out[j].error = error;
  }
  return out;
}

// max + log(sum): as log(sum of exp(z)) is 1-Lipschitz in the scores, their errors are in LogSumError, which counts
// those of max with all others; and the rounding of the result.
Analysis AnalyzeLogSumExp(const Arithmetic& a, const RowModel& row) {
  if (!row.ordinary) return {};
  const double size = std::fabs(row.max) + row.log_sum;
  const double error = (LogSumError(a, row) + a.u * size) * (1 + 8 * a.u) + 2 * a.smallest;
  const bool bounded = !row.may_overflow && size + error < a.largest;
  return {false, std::fabs(row.max + row.log_sum), bounded ? error : kInf};
}

// With e = exp(-|z|), 1 / (1 + e) or e / (1 + e), so that nothing overflows. The derivative of log p is 1 - p: the
// error theta of the argument (score, product with log2 e) counts by that much, at the worst point of its reach; exp
// twice 2 u, sum, quotient u each.
Analysis AnalyzeSigmoid(const Arithmetic& a, const subjects::Case& c, std::size_t i) {
  const double x = c.logits[i];
  const double b = c.bias.given ? c.bias[i] : 0;
  if (!std::isfinite(x) || !std::isfinite(b)) return {};
  if (c.temperature == 0 && x != 0) return {};  // 0 or 1, whatever the bias
  const Score score = ModelOfScore(c, i);
  const double z = score.value;
  const double log_p = z >= 0 ? -std::log1p(std::exp(-z)) : z - std::log1p(std::exp(z));
  Analysis out{false, std::exp(log_p), kInf};
  if (score.may_overflow || TemperatureMayOverflow(c)) return out;
  const double theta = score.error + 2 * a.u * std::fabs(z);
  const double slope = std::min(1.0, std::exp(theta) / (1 + std::exp(z)));
  out.error = Growth(log_p, (theta * slope + 6 * a.u) * (1 + 4 * a.u)) + 2 * a.smallest;
  return out;
}

// Depths d = max - z and the threshold D = max - tau in (0, 1]. What reaches a result d_i - D:
//   e_i  the error of the score and the rounding of z - max, u d_i.
//   E    that of the other scores in D. tau is monotone in every score and moves with all of them, so it moves by at
//        most E where every entry that could be in the support is off by at most E: any E with
//        E >= max {e_j : d_j - e_j < D + E} will do; the smallest one is found by iteration.
//   W    rounding in D itself. The threshold of the k largest, (1 + sum d) / k, is off by at most
//        w = Gamma(m) + 6 u: the sum of at most m depths below 1, a quotient, and the test d_k < D_k with its products.
//        A wrong test takes in N entries that lie less than its error outside, or leaves out M that lie within: D moves
//        by w N / k or w M / (k - M), as sum (D - d) = 1 shows.
// Outside the support the result is 0 but for what these errors can lift above it.
std::vector<Analysis> AnalyzeSparsemax(const Arithmetic& a, const RowModel& row, std::uint64_t repeat) {
  if (!row.ordinary) return std::vector<Analysis>(row.live.size());
  std::vector<Analysis> out = Everywhere(row, kInf);
  const double threshold = SupportDepth(row, repeat);
  const auto copies = static_cast<double>(repeat);
  const std::size_t n = row.live.size();
  std::vector<double> own(n, 0.0);
  for (std::size_t j = 0; j < n; ++j) {
    if (row.live[j] == 0) continue;
    out[j].terms = std::fabs(row.score[j]) + std::fabs(row.max - threshold);
    own[j] = std::isinf(row.depth[j]) ? 0 : row.error[j] + a.u * row.depth[j];
  }
  if (row.may_overflow) return out;
  double others = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t j = 0; j < n; ++j) {
      if (row.live[j] == 0 || own[j] <= others || !(row.depth[j] - own[j] < threshold + others)) continue;
      others = own[j];
      moved = true;
    }
  }
  double support = 0;
  double near = 0;  // entries that the sum may ever contain
  std::vector<double> outside;
  for (std::size_t j = 0; j < n; ++j) {
    if (row.live[j] == 0) continue;
    if (row.depth[j] < threshold) {
      support += copies;
    } else {
      outside.push_back(row.depth[j] - threshold);
    }
    if (row.depth[j] < threshold + 1 + 2 * others) near += copies;
  }
  const double w = a.Gamma(near) + 6 * a.u;
  if (std::isinf(w)) return out;
  std::sort(outside.begin(), outside.end());
  double taken = 0;
  for (std::size_t k = 0; k < outside.size(); ++k) {
    const double count = copies * static_cast<double>(k + 1);
    if (outside[k] <= w * (1 + count / support) + 2 * others) taken = count;
  }
  double left = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (row.live[j] != 0 && row.depth[j] < threshold && threshold - row.depth[j] <= w + 2 * others) left += copies;
  }
  const double total_w = w * (1 + taken / support + left / std::max(copies, support - left));
  for (std::size_t j = 0; j < n; ++j) {
    if (row.live[j] == 0) continue;
    const double total = (own[j] + others + total_w) * (1 + 8 * a.u) + 2 * a.smallest;
    const double share = threshold - row.depth[j];
    out[j].error = share > 0 ? total + a.u * share : std::max(0.0, total + share);
  }
  return out;
}

std::vector<Analysis> Analyze(const subjects::Case& c, std::uint64_t repeat) {
  const Arithmetic a(c.dtype);
  if (subjects::IsBackwardOfActivation(c.op)) return AnalyzeBackward(a, c);
  if (c.op == ASSAY_CROSS_ENTROPY) return AnalyzeLoss(a, c);
  if (c.op == ASSAY_CROSS_ENTROPY_BACKWARD) return AnalyzeLossGradient(a, c);
  std::vector<Analysis> out;
  const auto append = [&out](const std::vector<Analysis>& row) { out.insert(out.end(), row.begin(), row.end()); };
  for (std::size_t r = 0; r < c.rows; ++r) {
    switch (c.op) {
      case ASSAY_SOFTMAX:
        append(AnalyzeSoftmax(a, ModelOf(c, r, repeat)));
        break;
      case ASSAY_LOG_SOFTMAX:
        append(AnalyzeLogSoftmax(a, ModelOf(c, r, repeat)));
        break;
      case ASSAY_SPARSEMAX:
        append(AnalyzeSparsemax(a, ModelOf(c, r, repeat), repeat));
        break;
      case ASSAY_LOGSUMEXP:
        out.push_back(AnalyzeLogSumExp(a, ModelOf(c, r, repeat)));
        break;
      default:
        for (std::size_t j = 0; j < c.cols; ++j) out.push_back(AnalyzeSigmoid(a, c, r * c.cols + j));
    }
  }
  return out;
}

}  // namespace assay::properties
