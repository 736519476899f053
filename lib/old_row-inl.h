// SPDX-License-Identifier: Apache-2.0
//
// Row: one row of logits seen as whole vectors. Invisible entries and the lanes past the end read as -inf, so that no
// loop knows of masks or tails. Compiled once per target.

#if defined(ASSAY_LIB_OLD_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_OLD_ROW_INL_H_
#undef ASSAY_LIB_OLD_ROW_INL_H_
#else
#define ASSAY_LIB_OLD_ROW_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Floats = hn::Rebind<float, Doubles>;  // as many lanes as Doubles
using DoubleVec = hn::Vec<Doubles>;
using FloatVec = hn::Vec<Floats>;

class Row {
 public:
  static constexpr float kMinusInf = -std::numeric_limits<float>::infinity();

  HWY_INLINE Row(const float* logits, const uint8_t* mask, size_t n)
      : logits_(logits), mask_(mask), whole_(n - n % Lanes()), n_(n) {
    // Copied entry by entry: no load may touch what lies behind the row.
    for (size_t i = 0; i < Lanes(); ++i) {
      const size_t j = whole_ + i;
      tail_[i] = j < n && (mask == nullptr || mask[j] != 0) ? logits[j] : kMinusInf;
    }
  }

  static HWY_INLINE size_t Lanes() { return hn::Lanes(Floats()); }
  HWY_INLINE size_t size() const { return n_; }
  HWY_INLINE const float* logits() const { return logits_; }
  HWY_INLINE const uint8_t* mask() const { return mask_; }

  // The vector that begins at entry j, a multiple of Lanes() below size().
  HWY_INLINE FloatVec Load(size_t j) const {
    const Floats d;
    if (HWY_UNLIKELY(j == whole_)) return hn::Load(d, tail_);
    const FloatVec x = hn::LoadU(d, logits_ + j);
    if (mask_ == nullptr) return x;
    const hn::Rebind<uint8_t, Floats> d8;
    const hn::RebindToUnsigned<Floats> d32;
    const auto hidden = hn::Eq(hn::PromoteTo(d32, hn::LoadU(d8, mask_ + j)), hn::Zero(d32));
    return hn::IfThenElse(hn::RebindMask(d, hidden), hn::Set(d, kMinusInf), x);
  }

  // Stores the lanes of the vector at entry j that lie within the row.
  HWY_INLINE void Store(FloatVec x, size_t j, float* HWY_RESTRICT probs) const {
    const Floats d;
    if (HWY_LIKELY(j != whole_)) {
      hn::StoreU(x, d, probs + j);
      return;
    }
    HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)];
    hn::Store(x, d, lanes);
    for (size_t i = 0; whole_ + i < n_; ++i) probs[whole_ + i] = lanes[i];
  }

 private:
  const float* logits_;
  const uint8_t* mask_;
  size_t whole_;  // entries in whole vectors
  size_t n_;
  HWY_ALIGN float tail_[HWY_MAX_BYTES / sizeof(float)];
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
