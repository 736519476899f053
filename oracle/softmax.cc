// SPDX-License-Identifier: Apache-2.0
//
// The row contract of softmax, log_softmax and logsumexp: what is visible, what special values and the limits of the
// temperature give, and the rows whose result is rational (README.md). Everything else goes to a tier.

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "oracle/exact_order.h"
#include "oracle/tiers.h"
#include "oracle/visible.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Rows longer than this are searched for repeated entries, so that a row of 2^24 costs as many exponentials as it has
// different ones. The search stops, without success, once half of the entries are different.
constexpr std::size_t kLong = std::size_t{1} << 16;

// What the visible entries of a row come to.
struct Survey {
  std::size_t visible = 0;
  bool nan = false;
  bool plus_inf = false;
  double largest_logit = -kInf;
};

Survey SurveyOf(const Row& row) {
  Survey survey;
  for (std::size_t i = 0; i < row.logits.size(); ++i) {
    if (!Visible(row, i)) continue;
    ++survey.visible;
    survey.nan = survey.nan || std::isnan(row.logits[i]) || std::isnan(BiasOf(row, i));
    survey.plus_inf = survey.plus_inf || row.logits[i] == kInf || BiasOf(row, i) == kInf;
    survey.largest_logit = std::max(survey.largest_logit, row.logits[i]);
  }
  return survey;
}

// The entries that have a share, as a tier wants them, and where each of them came from.
class Live {
 public:
  // All visible entries are finite, and there is one.
  Live(const Row& row, const Survey& survey) {
    terms_.format = row.format;
    terms_.repeat = row.repeat;
    const bool limit = row.temperature == 0 || std::isinf(row.temperature);
    terms_.temperature = limit ? 1 : row.temperature;
    if (survey.visible == row.logits.size() && !limit) {
      terms_.x = row.logits;
      terms_.bias = row.bias;
    } else {
      Gather(row, survey, limit);
    }
    copies_ = terms_.size() * row.repeat;
    if (terms_.size() > kLong) Count();
    FindMaxima();
  }

  // A pointer to terms_ must not dangle.
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  const Terms& terms() const { return terms_; }
  std::uint64_t copies() const { return copies_; }
  bool AllEqual() const { return terms_.maxima == copies_; }

  // Writes `of_terms` to the entries of the row they belong to.
  void Scatter(std::span<const Exact> of_terms, std::span<Exact> row) const {
    const std::size_t entries = position_.empty() ? row.size() : position_.size();
    for (std::size_t i = 0; i < entries; ++i) {
      row[position_.empty() ? i : position_[i]] = of_terms[term_.empty() ? i : term_[i]];
    }
  }

 private:
  // T = inf: z = bias. T = 0: the same, for the largest logits.
  void Gather(const Row& row, const Survey& survey, bool limit) {
    for (std::size_t i = 0; i < row.logits.size(); ++i) {
      if (!Visible(row, i) || (row.temperature == 0 && row.logits[i] != survey.largest_logit)) continue;
      position_.push_back(i);
      x_.push_back(limit ? BiasOf(row, i) : row.logits[i]);
      if (!limit && !row.bias.empty()) bias_.push_back(row.bias[i]);
    }
    terms_.x = x_;
    terms_.bias = bias_;
  }

  // Replaces equal entries by one with a count.
  void Count() {
    using Key = std::pair<std::uint64_t, std::uint64_t>;
    struct Hash {
      std::size_t operator()(const Key& key) const {
        return static_cast<std::size_t>((key.first ^ std::rotl(key.second, 32)) * 0x9E3779B97F4A7C15 >> 20);
      }
    };
    std::unordered_map<Key, std::size_t, Hash> term_of;
    std::vector<double> x, bias;
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      const Key key = {std::bit_cast<std::uint64_t>(terms_.x[i]), std::bit_cast<std::uint64_t>(terms_.BiasOf(i))};
      const auto [found, is_new] = term_of.try_emplace(key, x.size());
      if (is_new) {
        if (2 * x.size() > terms_.size()) {
          term_.clear();
          count_.clear();
          return;
        }
        x.push_back(terms_.x[i]);
        if (!terms_.bias.empty()) bias.push_back(terms_.bias[i]);
        count_.push_back(0);
      }
      term_.push_back(found->second);
      ++count_[found->second];
    }
    x_ = std::move(x);
    bias_ = std::move(bias);
    terms_.x = x_;
    terms_.bias = bias_;
    terms_.count = count_;
  }

  void FindMaxima() {
    const auto argument = [this](std::size_t i) { return Argument{terms_.x[i], terms_.BiasOf(i)}; };
    for (std::size_t i = 1; i < terms_.size(); ++i) {
      if (CompareZ(argument(i), argument(terms_.max), terms_.temperature) > 0) terms_.max = i;
    }
    is_max_.resize(terms_.size());
    terms_.maxima = 0;
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      is_max_[i] = CompareZ(argument(i), argument(terms_.max), terms_.temperature) == 0;
      if (is_max_[i] != 0) terms_.maxima += terms_.CountOf(i) * terms_.repeat;
    }
    terms_.is_max = is_max_;
  }

  Terms terms_;
  std::uint64_t copies_ = 0;
  std::vector<double> x_, bias_;
  std::vector<std::uint64_t> count_;
  std::vector<std::uint8_t> is_max_;
  std::vector<std::size_t> position_;  // of an entry in the row; empty: its own number
  std::vector<std::size_t> term_;      // of an entry; empty: its own number
};

void AskTier(const Live& live, Quantity quantity, Tier tier, std::span<Exact> out) {
  (tier == Tier::kReferee ? RefereeTerms : BulkTerms)(live.terms(), quantity, out, kRungs);
}

// Softmax and log_softmax; `nothing` is the result without mass.
std::vector<Exact> Shares(const Row& row, Quantity quantity, const Exact& nothing, Tier tier) {
  CheckRow(row);
  const std::size_t n = row.logits.size();
  const Survey survey = SurveyOf(row);
  if (survey.nan || survey.plus_inf || (survey.visible == 0 && row.empty_row == EmptyRow::kNaN)) {
    return std::vector<Exact>(n, NaNResult(row.format));
  }
  std::vector<Exact> result(n, nothing);
  if (survey.visible == 0) return result;

  const Live live(row, survey);
  std::vector<Exact> of_terms(live.terms().size());
  if (live.AllEqual() && quantity == Quantity::kSoftmax) {
    std::ranges::fill(of_terms, RoundEnclosure(Reciprocal(live.copies()), false, row.format).value());
  } else if (live.copies() == 1) {
    of_terms[0] = ZeroResult(row.format);  // log 1
  } else {
    AskTier(live, quantity, tier, of_terms);
  }
  if (of_terms.size() == n) return of_terms;
  live.Scatter(of_terms, result);
  return result;
}

}  // namespace

std::vector<Exact> Softmax(const Row& row, Tier tier) {
  return Shares(row, Quantity::kSoftmax, ZeroResult(row.format), tier);
}

std::vector<Exact> LogSoftmax(const Row& row, Tier tier) {
  return Shares(row, Quantity::kLogSoftmax, InfinityResult(/*negative=*/true, row.format), tier);
}

Exact LogSumExp(const Row& row, Tier tier) {
  CheckRow(row);
  if (row.temperature == 0) throw std::invalid_argument("oracle: logsumexp has no limit at temperature 0");
  const Survey survey = SurveyOf(row);
  if (survey.nan) return NaNResult(row.format);
  if (survey.plus_inf) return InfinityResult(/*negative=*/false, row.format);
  if (survey.visible == 0) return InfinityResult(/*negative=*/true, row.format);

  const Live live(row, survey);
  if (live.copies() == 1) {
    const SignedInterval z = ZOf({live.terms().x[0], live.terms().BiasOf(0)}, live.terms().temperature);
    return RoundEnclosure(z.magnitude, z.sign < 0, row.format).value();
  }
  Exact result;
  AskTier(live, Quantity::kLogSumExp, tier, {&result, 1});
  return result;
}

}  // namespace assay::oracle
