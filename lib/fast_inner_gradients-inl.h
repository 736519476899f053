// SPDX-License-Identifier: Apache-2.0
//
// The passes of the fast tier's gradients over rows that lie side by side: a lane for each row, the sums added up as
// FastSum does. Compiled once per target.

#if defined(ASSAY_LIB_FAST_INNER_GRADIENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_INNER_GRADIENTS_INL_H_
#undef ASSAY_LIB_FAST_INNER_GRADIENTS_INL_H_
#else
#define ASSAY_LIB_FAST_INNER_GRADIENTS_INL_H_
#endif

#include "fast_gradients-inl.h"
#include "fast_inner-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// FastSum of each row of some groups.
template <class Op, class In>
HWY_NOINLINE void SumGradientsOfInner(In& saved, In& upstream, size_t groups, size_t n, FastMoments* moments) {
  constexpr size_t kStep = kMostInner;
  constexpr size_t kColumns = 4 * kStep;
  const Singles d;
  const SingleWords du;
  InnerSum sums[kInnerGroups];
  HWY_ALIGN uint32_t fine[kInnerGroups * kStep];
  HWY_ALIGN uint32_t live[kInnerGroups * kStep] = {};  // entries of each row: below 2^32
  for (uint32_t& row : fine) row = ~uint32_t{0};
  for (size_t j = 0; j < n; j += In::kMostColumns) {
    const size_t count = HWY_MIN(In::kMostColumns, n - j);
    const size_t whole = count / kColumns * kColumns;
    InnerColumns y = saved.Columns(0, j, count);
    InnerColumns dy = upstream.Columns(0, j, count);
    for (size_t i = 0; i < kStep; ++i) {
      for (size_t g = 0; g < groups; ++g) {
        if constexpr (kIsDirect<In>) {
          y = saved.Columns(g, j, count);
          dy = upstream.Columns(g, j, count);
        }
        InnerSum::Lane lane(sums[g], i);
        auto are_fine = hn::Load(du, fine + g * kStep);
        auto are_live = hn::Load(du, live + g * kStep);
        const auto add = [&](const Four& p, const Four& v) ASSAY_LAMBDA {
          if constexpr (Op::kChecks) {
            const auto all = hn::And(Op::AreFine(p.v0, p.v1), Op::AreFine(p.v2, p.v3));
            are_fine = hn::And(are_fine, hn::VecFromMask(du, hn::RebindMask(du, all)));
          }
          const auto see = [&](SingleVec of) ASSAY_LAMBDA {
            if constexpr (Op::kCounts) {
              are_live = hn::Sub(are_live, hn::VecFromMask(du, hn::RebindMask(du, Op::IsLive(of))));
            }
            return of;
          };
          (void)Map(see, p);
          const SingleVec first = Op::Join(Op::Start(p.v0, v.v0), p.v1, v.v1);
          lane.Add(hn::Add(first, Op::Join(Op::Start(p.v2, v.v2), p.v3, v.v3)));
        };
        const auto load = [&](const InnerColumns& x, size_t c) ASSAY_LAMBDA {
          return Four{x.Load(c), x.Load(c + kStep), x.Load(c + 2 * kStep), x.Load(c + 3 * kStep)};
        };
        for (size_t c = i; c < whole; c += kColumns) add(load(y, c), load(dy, c));
        if (whole < count) {
          const auto some = [&](const InnerColumns& x, size_t c)
                                ASSAY_LAMBDA { return c < count ? x.Load(c) : hn::Zero(d); };
          const auto load_some = [&](const InnerColumns& x, size_t c) ASSAY_LAMBDA {
            return Four{some(x, c), some(x, c + kStep), some(x, c + 2 * kStep), some(x, c + 3 * kStep)};
          };
          add(load_some(y, whole + i), load_some(dy, whole + i));
        }
        lane.Keep();
        hn::Store(are_fine, du, fine + g * kStep);
        hn::Store(are_live, du, live + g * kStep);
      }
    }
  }
  for (size_t g = 0; g < groups; ++g) {
    RowDoubles total;
    sums[g].Join();
    sums[g].Total(total);
    for (size_t i = 0; i < kStep; ++i) {
      moments[g * kStep + i].sum = total.of[i];
      moments[g * kStep + i].count = static_cast<double>(live[g * kStep + i]);
      moments[g * kStep + i].fine = fine[g * kStep + i] != 0;
    }
  }
}

// What pass 2 takes of each row of some groups. kUnit: T = 1.
template <bool kUnit, class Op>
struct InnerTaken {
  HWY_INLINE void Set(size_t i, const FastMoments& row) {
    if constexpr (kUnit) {
      of[i] = Op::OfRow(row);
    } else {
      wide[i] = Op::WideOfRow(row);
      least[i] = Op::LeastOfRow(row);
    }
  }

  HWY_ALIGN float of[kInnerGroups * kMostInner];
  HWY_ALIGN float least[kInnerGroups * kMostInner];
  HWY_ALIGN double wide[kInnerGroups * kMostInner];
};

// The operation for one group at a time.
template <bool kUnit, class Op>
class InnerOp {
 public:
  explicit HWY_INLINE InnerOp(double t) : low_(t), high_(t) {}

  HWY_INLINE void Take(const InnerTaken<kUnit, Op>& rows, size_t g) {
    const size_t i = g * kMostInner;
    if constexpr (kUnit) return low_.TakeRows(hn::Load(Singles(), rows.of + i));
    const SingleVec least = hn::Load(Singles(), rows.least + i);
    low_.TakeWideRows(hn::Load(WideDoubles(), rows.wide + i), least);
    high_.TakeWideRows(hn::Load(WideDoubles(), rows.wide + i + kMostInner / 2), least);
  }
  HWY_INLINE SingleVec Result(SingleVec y, SingleVec dy) const {
    if constexpr (kUnit) return FastResult<true>(low_, y, dy);
    return WideResult(low_, high_, y, dy);
  }

 private:
  Op low_;   // of the lower half of the lanes, or of all
  Op high_;  // of the upper half
};

// Pass 2 of some groups.
template <bool kUnit, class Op>
HWY_NOINLINE void WriteInnerGradients(double t, InnerFloats& saved, InnerFloats& upstream, size_t groups,
                                      const InnerTaken<kUnit, Op>& rows, const InnerFloatsOut& out, size_t n) {
  const Singles d;
  InnerOp<kUnit, Op> op(t);
  const auto store = [&](SingleVec v, size_t g, size_t j) ASSAY_LAMBDA {
    if (HWY_UNLIKELY(out.IsStreamed())) return hn::Stream(v, d, out.At(g, j));
    hn::StoreU(v, d, out.At(g, j));
  };
  for (size_t j = 0; j < n; j += 4) {
    const size_t count = HWY_MIN(4, n - j);
    for (size_t g = 0; g < groups; ++g) {
      op.Take(rows, g);
      const InnerColumns y = saved.Columns(g, j, count);
      const InnerColumns dy = upstream.Columns(g, j, count);
      if (HWY_LIKELY(count == 4)) {
        const Four p = {y.Load(0), y.Load(1), y.Load(2), y.Load(3)};
        const Four v = {dy.Load(0), dy.Load(1), dy.Load(2), dy.Load(3)};
        const Four result = Map([&](SingleVec a, SingleVec b) ASSAY_LAMBDA { return op.Result(a, b); }, p, v);
        store(result.v0, g, j);
        store(result.v1, g, j + 1);
        store(result.v2, g, j + 2);
        store(result.v3, g, j + 3);
        continue;
      }
      for (size_t i = 0; i < count; ++i) store(op.Result(y.Load(i), dy.Load(i)), g, j + i);
    }
  }
  if (out.IsStreamed()) hwy::FlushStream();
}
// The same of one group of any kind, `rows` being those of group g there.
template <bool kUnit, class Op>
HWY_NOINLINE void WriteInnerGradients(double t, InnerLogits& saved, InnerLogits& upstream,
                                      const InnerTaken<kUnit, Op>& rows, size_t g, const InnerOut& out, size_t n) {
  const Singles d;
  InnerOp<kUnit, Op> op(t);
  op.Take(rows, g);
  HWY_ALIGN float results[InnerLogits::kMostColumns * kMostInner];
  for (size_t j = 0; j < n; j += InnerLogits::kMostColumns) {
    const size_t count = HWY_MIN(InnerLogits::kMostColumns, n - j);
    const InnerColumns y = saved.Columns(0, j, count);
    const InnerColumns dy = upstream.Columns(0, j, count);
    HWY_UNROLL(4)
    for (size_t i = 0; i < count; ++i) {
      hn::Store(op.Result(y.Load(i), dy.Load(i)), d, results + i * kMostInner);
    }
    out.Store(results, j, count);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
