// SPDX-License-Identifier: Apache-2.0
//
// One row seen as whole vectors of doubles, whatever its type and strides. Invisible entries and the lanes past the end
// read as -inf, so that no loop knows of masks or tails. Compiled once per target.

#if defined(ASSAY_LIB_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_ROW_INL_H_
#undef ASSAY_LIB_ROW_INL_H_
#else
#define ASSAY_LIB_ROW_INL_H_
#endif

#include <cstring>

#include "lanes-inl.h"
#include "places.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Numbers of so many bytes, to others; strides in numbers.
template <size_t kBytes>
HWY_INLINE void CopyNumbersOf(const uint8_t* from, std::ptrdiff_t from_stride, uint8_t* to, std::ptrdiff_t to_stride,
                              size_t count) {
  constexpr auto kStep = static_cast<std::ptrdiff_t>(kBytes);
  for (; count > 0; --count, from += from_stride * kStep, to += to_stride * kStep) std::memcpy(to, from, kBytes);
}
HWY_INLINE void CopyNumbers(size_t bytes, const void* from, std::ptrdiff_t from_stride, void* to,
                            std::ptrdiff_t to_stride, size_t count) {
  const auto* f = static_cast<const uint8_t*>(from);
  auto* t = static_cast<uint8_t*>(to);
  if (bytes == 2) return CopyNumbersOf<2>(f, from_stride, t, to_stride, count);
  if (bytes == 4) return CopyNumbersOf<4>(f, from_stride, t, to_stride, count);
  CopyNumbersOf<8>(f, from_stride, t, to_stride, count);
}

// One operand of a row.
class Values {
 public:
  // An absent one (data = null) reads as `past` everywhere, as do lanes past the end.
  HWY_INLINE Values(internal::ConstPlace place, int32_t dtype, size_t n, double past)
      : place_(place), bytes_(internal::BytesOf(dtype)), dtype_(dtype), n_(n), past_(past) {}

  HWY_INLINE size_t size() const { return n_; }
  HWY_INLINE bool present() const { return place_.data != nullptr; }

  // The vector that begins at entry j < size().
  HWY_INLINE DoubleVec Load(size_t j) const {
    const Doubles d;
    if (!present()) return hn::Set(d, past_);
    if (HWY_LIKELY(place_.stride == 1 && j + Lanes() <= n_)) {
      return LoadNumbers(dtype_, static_cast<const uint8_t*>(place_.data) + j * bytes_);
    }
    HWY_ALIGN uint64_t numbers[kMaxLanes] = {};
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(j) * place_.stride;
    const size_t count = HWY_MIN(Lanes(), n_ - j);
    CopyNumbers(bytes_, static_cast<const uint8_t*>(place_.data) + first * static_cast<std::ptrdiff_t>(bytes_),
                place_.stride, numbers, 1, count);
    const DoubleVec v = LoadNumbers(dtype_, numbers);
    return count == Lanes() ? v : hn::IfThenElse(hn::FirstN(d, count), v, hn::Set(d, past_));
  }

  HWY_INLINE double At(size_t j) const {
    if (!present()) return past_;
    return internal::LoadNumber(dtype_, place_.data, static_cast<std::ptrdiff_t>(j) * place_.stride);
  }

 private:
  internal::ConstPlace place_;
  size_t bytes_;
  int32_t dtype_;
  size_t n_;
  double past_;
};

// Logits, bias and mask of a row.
class Row {
 public:
  HWY_INLINE Row(const internal::Request& request, const internal::RowPlaces& places)
      : logits_(places.logits, request.args.dtype, request.args.cols, -kInf),
        bias_(places.bias, request.args.dtype, request.args.cols, 0),
        mask_(places.mask) {}

  HWY_INLINE size_t size() const { return logits_.size(); }
  HWY_INLINE bool has_bias() const { return bias_.present(); }

  // Logits x and bias b of the vector at entry j < size(); where invisible, and past the end, x = -inf and b = 0.
  HWY_INLINE void Load(size_t j, DoubleVec& HWY_RESTRICT x, DoubleVec& HWY_RESTRICT b) const {
    const Doubles d;
    const DoubleVec minus_inf = hn::Set(d, -kInf);
    x = logits_.Load(j);
    b = hn::Zero(d);
    if (mask_.data != nullptr) x = hn::IfThenElse(Shown(j), x, minus_inf);
    if (!bias_.present()) return;
    b = bias_.Load(j);
    const auto hidden = hn::Or(hn::Eq(x, minus_inf), hn::Eq(b, minus_inf));
    x = hn::IfThenElse(hidden, minus_inf, x);
    b = hn::IfThenZeroElse(hidden, b);
  }
  // x of a row without bias.
  HWY_INLINE DoubleVec Load(size_t j) const {
    const DoubleVec x = logits_.Load(j);
    return mask_.data == nullptr ? x : hn::IfThenElse(Shown(j), x, hn::Set(Doubles(), -kInf));
  }

  // The same for one entry.
  HWY_INLINE bool At(size_t j, double& HWY_RESTRICT x, double& HWY_RESTRICT b) const {
    x = logits_.At(j);
    b = bias_.At(j);
    return (mask_.data == nullptr || MaskAt(j) != 0) && x != -kInf && b != -kInf;
  }

 private:
  HWY_INLINE uint8_t MaskAt(size_t j) const {
    return static_cast<const uint8_t*>(mask_.data)[static_cast<std::ptrdiff_t>(j) * mask_.stride];
  }

  HWY_INLINE DoubleMask Shown(size_t j) const {
    const Doubles d;
    const Words d32;
    const hn::Rebind<uint8_t, Doubles> d8;
    const hn::RebindToUnsigned<Doubles> du;
    auto bytes = hn::Zero(d8);
    if (HWY_LIKELY(mask_.stride == 1 && j + Lanes() <= size())) {
      bytes = hn::LoadU(d8, static_cast<const uint8_t*>(mask_.data) + j);
    } else {
      HWY_ALIGN uint8_t lanes[HWY_MAX_BYTES] = {};
      for (size_t i = 0; i < Lanes() && j + i < size(); ++i) lanes[i] = MaskAt(j + i);
      bytes = hn::Load(d8, lanes);
    }
    const auto wide = hn::PromoteTo(du, hn::PromoteTo(d32, bytes));
    return hn::Not(hn::RebindMask(d, hn::Eq(wide, hn::Zero(du))));
  }

  Values logits_;
  Values bias_;
  internal::ConstPlace mask_;
};

// Where the results of a row go.
class Out {
 public:
  HWY_INLINE Out(const internal::Request& request, const internal::RowPlaces& places)
      : place_(places.out), dtype_(request.args.dtype), n_(request.args.cols) {}

  // Rounds each lane once and stores those within the row; a NaN becomes the canonical one, a zero +0.
  HWY_INLINE void Store(DoubleVec value, size_t j) const { StoreRounded(RoundNumbers(dtype_, value), j); }

  // The same for an unevaluated sum with |lo| <= ulp(hi) / 2: rounded to odd at double first, then to the type, that is
  // once (Boldo & Melquiond 2008). For f64, hi is the nearest already.
  HWY_INLINE void Store(DoubleVec hi, DoubleVec lo, size_t j) const {
    const Doubles d;
    const hn::RebindToUnsigned<Doubles> du;
    if (dtype_ == ASSAY_F64) return StoreRounded(hi, j);
    const auto inexact = hn::And(hn::Ne(lo, hn::Zero(d)), hn::Lt(hn::Abs(hi), hn::Set(d, kInf)));
    // One down in magnitude where lo points towards zero; then the last bit set.
    const auto inward = hn::And(inexact, hn::Lt(hn::Mul(hn::CopySign(hn::Set(d, 1.0), hi), lo), hn::Zero(d)));
    auto bits = hn::BitCast(du, hi);
    bits = hn::Sub(bits, hn::IfThenElseZero(hn::RebindMask(du, inward), hn::Set(du, uint64_t{1})));
    bits = hn::Or(bits, hn::IfThenElseZero(hn::RebindMask(du, inexact), hn::Set(du, uint64_t{1})));
    Store(hn::BitCast(d, bits), j);
  }

  HWY_INLINE void Set(size_t j, double value) const {
    internal::StoreNumber(dtype_, place_.data, static_cast<std::ptrdiff_t>(j) * place_.stride, value);
  }

  HWY_INLINE void Fill(double value) const {
    for (size_t j = 0; j < n_; ++j) Set(j, value);
  }

 private:
  // Of values that the type holds.
  HWY_INLINE void StoreRounded(DoubleVec value, size_t j) const {
    const size_t bytes = internal::BytesOf(dtype_);
    if (HWY_LIKELY(place_.stride == 1 && j + Lanes() <= n_)) {
      return StoreNumbers(dtype_, value, static_cast<uint8_t*>(place_.data) + j * bytes);
    }
    HWY_ALIGN uint64_t numbers[kMaxLanes];
    StoreNumbers(dtype_, value, numbers);
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(j) * place_.stride;
    CopyNumbers(bytes, numbers, 1, static_cast<uint8_t*>(place_.data) + first * static_cast<std::ptrdiff_t>(bytes),
                place_.stride, HWY_MIN(Lanes(), n_ - j));
  }

  internal::Place place_;
  int32_t dtype_;
  size_t n_;
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
