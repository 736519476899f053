// SPDX-License-Identifier: Apache-2.0
//
// Sparsemax, both tiers. Lanes of double decide what is clearly inside or outside the support and compute its shares;
// what is near the threshold, or cancels, is decided and computed exactly (sparsemax_threshold.h).
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "sparsemax.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include <utility>

#include "error_bounds.h"
#include "kernels.h"
#include "row-inl.h"
#include "sparsemax_threshold.h"
#include "walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using internal::SparseThreshold;

// Scores in the unit that keeps them in range: y = z T where that is x or x + b T with T <= 1, else y = z.
class SparseScores {
 public:
  SparseScores(double temperature, bool has_bias) : t_(temperature), has_bias_(has_bias) {}

  bool AreLogits() const { return !has_bias_ || t_ <= 1; }  // y = z T
  // What a share of 1 is worth.
  double Unit() const { return AreLogits() ? t_ : 1; }

  // y, and how far it may be off.
  HWY_INLINE void Of(DoubleVec x, DoubleVec b, DoubleVec& HWY_RESTRICT y, DoubleVec& HWY_RESTRICT error) const {
    const Doubles d;
    y = x;
    error = hn::Zero(d);
    if (!has_bias_) return;
    const DoubleVec t = hn::Set(d, t_);
    const DoubleVec rounded = t_ <= 1 ? hn::Mul(b, t) : hn::Div(x, t);
    y = hn::Add(rounded, t_ <= 1 ? x : b);
    // Half an ulp of each, and an underflow.
    error = hn::Mul(hn::Add(hn::Abs(rounded), hn::Abs(y)), hn::Set(d, 1.01 * bounds::kU));
    error = hn::Add(error, hn::Set(d, 0x1p-1073));
  }

 private:
  double t_;
  bool has_bias_;
};

// Which entries are in a support, as far as doubles can tell: all that are not below `bound` with certainty, or those
// above the threshold of the previous round.
class Membership {
 public:
  Membership(const SparseScores& scores, double bound) : scores_(scores), bound_(bound) {}
  Membership(const SparseScores& scores, const SparseThreshold& threshold)
      : scores_(scores), threshold_(&threshold), single_(threshold.count() == 1) {
    if (!threshold.Tau(!scores.AreLogits(), &tau_)) margin_ = kInf;
    if (margin_ == 0) margin_ = std::fabs(tau_.hi) * 0x1p-96 + 0x1p-1070;
  }

  // inside and unsure share no lane; neither has invisible ones.
  HWY_INLINE void Decide(DoubleVec x, DoubleVec b, DoubleMask& HWY_RESTRICT inside, DoubleMask& HWY_RESTRICT unsure,
                         DoubleVec& HWY_RESTRICT share) const {
    const Doubles d;
    const auto visible = hn::Gt(x, hn::Set(d, -kInf));
    DoubleVec y, error;
    scores_.Of(x, b, y, error);
    share = hn::Zero(d);
    if (threshold_ == nullptr) {
      inside = hn::AndNot(hn::Lt(hn::Add(y, error), hn::Set(d, bound_)), visible);
      unsure = hn::Lt(x, x);  // none
      return;
    }
    const DoubleVec above = hn::Sub(hn::Sub(y, hn::Set(d, tau_.hi)), hn::Set(d, tau_.lo));
    DoubleVec margin = hn::Add(error, hn::Set(d, margin_));
    margin = hn::Add(margin, hn::Mul(hn::Abs(above), hn::Set(d, 4 * bounds::kU)));
    const auto outside = hn::Lt(above, hn::Neg(margin));
    // A score that cancelled is not good enough for a share.
    const DoubleVec size = hn::Add(hn::Abs(y), hn::Set(d, std::fabs(tau_.hi)));
    const auto good = hn::Le(error, hn::Mul(size, hn::Set(d, 4 * bounds::kU)));
    inside = hn::And(hn::And(hn::Gt(above, margin), good), visible);
    unsure = hn::AndNot(hn::Or(inside, outside), visible);
    share = single_ ? hn::Set(d, 1.0) : hn::Div(above, hn::Set(d, scores_.Unit()));
  }

  const SparseThreshold& threshold() const { return *threshold_; }

 private:
  const SparseScores& scores_;
  const SparseThreshold* threshold_ = nullptr;
  bool single_ = false;
  double bound_ = -kInf;
  double margin_ = 0;
  internal::ScalarPair tau_ = {0, 0};
};

// Entries that may be in the support: 16 KiB.
class Candidates {
 public:
  static constexpr size_t kCapacity = 1024 - kMaxLanes;

  HWY_INLINE void Load(size_t j, DoubleVec& HWY_RESTRICT x, DoubleVec& HWY_RESTRICT b) const {
    x = hn::LoadU(Doubles(), x_ + j);
    b = hn::LoadU(Doubles(), b_ + j);
  }
  size_t size() const { return size_; }
  // False where not all that were added had room.
  bool Complete() const { return size_ <= kCapacity; }

  void Clear() { size_ = 0; }
  void Add(double x, double b) {
    if (size_ < kCapacity) {
      x_[size_] = x;
      b_[size_] = b;
    }
    ++size_;
  }
  // Lanes past the end read as invisible.
  void Pad() {
    for (size_t i = 0; Complete() && i < kMaxLanes; ++i) {
      x_[size_ + i] = -kInf;
      b_[size_ + i] = 0;
    }
  }

 private:
  double x_[kCapacity + kMaxLanes];
  double b_[kCapacity + kMaxLanes];
  size_t size_ = 0;
};

// fn(x, b) for the members among n entries; entries.Load(j, x, b) gives the vector at j. fn may overwrite what has been
// read.
template <class Entries, class Fn>
HWY_INLINE void ForEachMember(const Entries& entries, size_t n, const Membership& membership, const Fn& fn) {
  const Doubles d;
  HWY_ALIGN double xs[kMaxLanes];
  HWY_ALIGN double bs[kMaxLanes];
  HWY_ALIGN double verdicts[kMaxLanes];  // 1 inside, -1 unsure
  for (size_t j = 0; j < n; j += Lanes()) {
    DoubleVec x, b, share;
    DoubleMask inside, unsure;
    entries.Load(j, x, b);
    membership.Decide(x, b, inside, unsure, share);
    if (HWY_LIKELY(hn::AllFalse(d, hn::Or(inside, unsure)))) continue;
    hn::Store(x, d, xs);
    hn::Store(b, d, bs);
    const DoubleVec one = hn::Set(d, 1.0);
    hn::Store(hn::IfThenElse(unsure, hn::Neg(one), hn::IfThenElseZero(inside, one)), d, verdicts);
    for (size_t i = 0; i < Lanes(); ++i) {
      if (verdicts[i] > 0 || (verdicts[i] < 0 && membership.threshold().Contains(xs[i], bs[i]))) fn(xs[i], bs[i]);
    }
  }
}

// The entries that count: visible, and at T = 0 only the largest logits. Where T is 0 or infinite, the bias is the
// score.
class Entries {
 public:
  Entries(const internal::Request& request, const internal::RowPlaces& places)
      : row_(request, places), t_(request.args.temperature), flat_(t_ == 0 || t_ == kInf) {
    if (t_ != 0) return;
    const Doubles d;
    DoubleVec best = hn::Set(d, -kInf);
    for (size_t j = 0; j < row_.size(); j += Lanes()) {
      DoubleVec x, b;
      row_.Load(j, x, b);
      best = hn::IfThenElse(hn::Gt(x, best), x, best);
    }
    largest_ = LargestLane(best);
  }

  size_t size() const { return row_.size(); }
  bool HasBias() const { return row_.has_bias() && !flat_; }
  double Temperature() const { return flat_ ? 1 : t_; }

  HWY_INLINE void Load(size_t j, DoubleVec& HWY_RESTRICT x, DoubleVec& HWY_RESTRICT b) const {
    row_.Load(j, x, b);
    if (!flat_) return;
    const Doubles d;
    const auto hidden = hn::Or(hn::Eq(x, hn::Set(d, -kInf)), hn::Lt(x, hn::Set(d, largest_)));
    // NaN and +inf stay what they are.
    const auto finite = hn::Lt(hn::Abs(x), hn::Set(d, kInf));
    x = hn::IfThenElse(hidden, hn::Set(d, -kInf), hn::IfThenElse(finite, b, x));
    b = hn::Zero(d);
  }

 private:
  Row row_;
  double t_;
  bool flat_;
  double largest_ = -kInf;
};

// What the first pass finds.
struct Outline {
  bool special = false;  // a visible NaN or +inf
  bool empty = true;
  double bound = 0;  // no entry of the support lies below, in the unit of SparseScores
};

HWY_INLINE Outline OutlineOf(const Row& row, const Entries& entries, const SparseScores& scores) {
  const Doubles d;
  const DoubleVec minus_inf = hn::Set(d, -kInf);
  auto special = hn::Lt(minus_inf, minus_inf);
  auto empty = hn::Eq(minus_inf, minus_inf);
  DoubleVec best = minus_inf;
  for (size_t j = 0; j < entries.size(); j += Lanes()) {
    DoubleVec x, b, y, error;
    row.Load(j, x, b);  // what T = 0 hides counts here
    const auto ordinary = hn::And(hn::Lt(x, hn::Set(d, kInf)), hn::Lt(b, hn::Set(d, kInf)));
    special = hn::Or(special, hn::Not(ordinary));
    empty = hn::And(empty, hn::Eq(x, minus_inf));
    entries.Load(j, x, b);
    scores.Of(x, b, y, error);
    const DoubleVec least = hn::Sub(y, error);
    best = hn::IfThenElse(hn::Gt(least, best), least, best);
  }
  const double highest = LargestLane(best);
  Outline outline;
  outline.special = !hn::AllFalse(d, special);
  outline.empty = hn::AllTrue(d, empty);
  const double unit = scores.Unit();
  outline.bound = highest - unit - 4 * bounds::kU * (std::fabs(highest) + unit);
  if (!(std::fabs(outline.bound) < kInf)) outline.bound = -kInf;
  return outline;
}

// Michelot (1986): drops what is not above the threshold of the rest until nothing is dropped. Every threshold is at
// most the final one, and decisions are exact. A round that drops fewer than a third of the entries halves the distance
// to what the next can drop: 60 rounds and the bits between the ends of a score at most, in practice 3 to 8.
HWY_INLINE void FindThreshold(const Entries& entries, const SparseScores& scores, double bound,
                              SparseThreshold* threshold) {
  Candidates candidates;
  SparseThreshold previous = *threshold;
  bool from_row = true;
  do {
    previous = *threshold;
    const Membership membership = previous.count() == 0 ? Membership(scores, bound) : Membership(scores, previous);
    const size_t n = candidates.size();
    threshold->Clear();
    candidates.Clear();
    const auto keep = [&](double x, double b) {
      threshold->Add(x, b);
      candidates.Add(x, b);
    };
    if (from_row) {
      ForEachMember(entries, entries.size(), membership, keep);
    } else {
      ForEachMember(candidates, n, membership, keep);
    }
    candidates.Pad();
    from_row = !candidates.Complete();
    threshold->Finish();
  } while (threshold->count() != previous.count());
}

HWY_INLINE void SparsemaxOfRow(const internal::Request& request, const internal::RowPlaces& places) {
  const Doubles d;
  const Out out(request, places);
  const Row row(request, places);
  const Entries entries(request, places);
  const SparseScores scores(entries.Temperature(), entries.HasBias());
  const Outline outline = OutlineOf(row, entries, scores);
  if (outline.special || (outline.empty && !request.empty_row_is_zero)) return out.Fill(std::nan(""));
  if (outline.empty) return out.Fill(0);
  SparseThreshold threshold(entries.Temperature(), entries.HasBias());
  FindThreshold(entries, scores, outline.bound, &threshold);
  const Membership membership(scores, threshold);
  HWY_ALIGN double xs[kMaxLanes];
  HWY_ALIGN double bs[kMaxLanes];
  HWY_ALIGN double shares[kMaxLanes];
  for (size_t j = 0; j < entries.size(); j += Lanes()) {
    DoubleVec x, b, share;
    DoubleMask inside, unsure;
    entries.Load(j, x, b);
    membership.Decide(x, b, inside, unsure, share);
    share = hn::IfThenElseZero(inside, share);
    if (HWY_UNLIKELY(!hn::AllFalse(d, unsure))) {
      hn::Store(x, d, xs);
      hn::Store(b, d, bs);
      hn::Store(hn::IfThenElse(unsure, hn::Set(d, -1.0), share), d, shares);
      for (size_t i = 0; i < Lanes(); ++i) {
        if (shares[i] < 0) shares[i] = threshold.Share(xs[i], bs[i]);
      }
      share = hn::Load(d, shares);
    }
    out.Store(share, j);
  }
}

void Sparsemax(const internal::Request& request) {
  ForEachRow(request, [&](const internal::RowPlaces& places) HWY_ATTR { SparsemaxOfRow(request, places); });
}

const internal::KernelGroup* SparsemaxGroup() {
  static constexpr internal::KernelGroup kGroup = {
      HWY_TARGET, internal::KernelTable().Set(ASSAY_TIER_EXACT, ASSAY_SPARSEMAX, internal::kAllDtypes, &Sparsemax)};
  return &kGroup;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(SparsemaxGroup);

const KernelGroup* SparsemaxAt(std::size_t table_index) { return HWY_DISPATCH_TABLE(SparsemaxGroup)[table_index](); }

}  // namespace assay::internal
#endif  // HWY_ONCE
