// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's attention, on targets with f32 lanes; elsewhere the exact tier serves.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fast_attention.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include <bit>
#include <cmath>

#include "attention.h"
#include "exact_attention-inl.h"
#include "fast_attention-inl.h"
#include "fast_decode-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

#if ASSAY_FLOAT_LANES

// A multiple of 64 bytes for a tile, or for a decoder.
size_t FastScratch(size_t head_dim, size_t value_dim) {
  const size_t tile = FastTile::ScratchBytes(head_dim, value_dim);
  const size_t decoder = Decoder::ScratchBytes(head_dim, value_dim);
  return (HWY_MAX(tile, decoder) + 63) / 64 * 64;
}

// The largest size of n numbers side by side, as bits: above those of infinity for NaN.
HWY_INLINE hn::Vec<SingleWords> LargestBits(const float* row, size_t n, hn::Vec<SingleWords> most) {
  const Singles d;
  const SingleWords du;
  size_t e = 0;
  const auto bits = [&](SingleVec x) ASSAY_LAMBDA { return hn::BitCast(du, hn::Abs(x)); };
  for (; e + hn::Lanes(d) <= n; e += hn::Lanes(d)) most = hn::Max(most, bits(hn::LoadU(d, row + e)));
  if (e < n) most = hn::Max(most, bits(hn::MaskedLoad(hn::FirstN(d, n - e), d, row + e)));
  return most;
}

// The largest value of a head, infinite where one is not finite.
HWY_NOINLINE inline double LargestValue(const internal::AttentionHead& head) {
  const assay_attention_args& a = head.request.args;
  const size_t keys = head.ranges.length();
  if (a.dtype == ASSAY_F32 && head.v.col_stride == 1) {
    const SingleWords d;
    auto most = hn::Zero(d);
    for (size_t j = 0; j < keys; ++j) {
      most = LargestBits(static_cast<const float*>(head.v.At(j, 0, sizeof(float))), a.value_dim, most);
    }
    const float largest = std::bit_cast<float>(hn::GetLane(hn::MaxOfLanes(d, most)));
    return largest == largest ? static_cast<double>(largest) : kInf;
  }
  double largest = 0;
  for (size_t j = 0; j < keys; ++j) {
    for (size_t e = 0; e < a.value_dim; ++e) {
      const double x = std::fabs(internal::LoadNumber(a.dtype, head.v.At(j, e, internal::BytesOf(a.dtype)), 0));
      if (!(x <= largest)) largest = x != x ? kInf : x;
    }
  }
  return largest;
}

// Whether f32 lanes keep their bound on such a head, values apart; if not, it is the exact tier's.
bool Serves(const internal::AttentionHead& head, const ExpScale& scale) {
  const assay_attention_args& a = head.request.args;
  const double cap = a.softcap;
  const double factor = std::fabs(head.request.scale) / (cap == 0 ? 1 : cap);
  if (a.seq_kv >= size_t{1} << 30 || !scale.InRange()) return false;
  if (factor != 0 && !(factor > 0x1p-60 && factor < 0x1p60)) return false;
  if (cap != 0 && !(cap > 0x1p-60 && cap < 0x1p60)) return false;
  if (!head.sink.present()) return true;
  const double sink = internal::LoadNumber(a.dtype, head.sink.data, 0);
  return sink == -kInf || std::fabs(sink) < 0x1p60;
}

void RunTiles(const internal::AttentionHead& head, FastTile& tile, void* exact_scratch) {
  const size_t seq_q = head.request.args.seq_q;
  for (size_t first = 0; first < seq_q; first += kTileQueries) {
    const uint64_t left = RunTile(tile, first, HWY_MIN(kTileQueries, seq_q - first));
    if (HWY_UNLIKELY(left != 0)) {  // before anything is written: out may be q
      ExactTile exact(head, exact_scratch);
      for (size_t i = 0; i < kTileQueries; ++i) {
        if ((left >> i & 1) != 0) RunExactTile(exact, first + i, 1);
      }
    }
    WriteOut(tile, left);
    if (head.lse.present()) WriteLse(tile, left);
  }
}

void FastAttentionForward(const internal::AttentionRequest& request) {
  const assay_attention_args& a = request.args;
  void* const exact_scratch = static_cast<uint8_t*>(a.scratch) + FastScratch(a.head_dim, a.value_dim);
  for (size_t batch = 0; batch < a.batch; ++batch) {
    for (size_t index = 0; index < a.num_heads; ++index) {
      const internal::AttentionHead head(request, batch, index);
      FastTile tile(head, a.scratch);
      if (!Serves(head, tile.scale)) {
        RunExactHead(head, exact_scratch);
      } else if (a.seq_q <= kDecodeQueries) {
        const Decoder decoder(head, tile.scale, tile.dressed, a.scratch);
        for (size_t i = 0; i < a.seq_q; ++i) {
          ExactTile exact(head, exact_scratch);
          if (!DecodeAny(decoder, i)) RunExactTile(exact, i, 1);
        }
      } else {
        tile.large_values = !(LargestValue(head) < ValueLimit(a.seq_kv));
        RunTiles(head, tile, exact_scratch);
      }
    }
  }
}

size_t FastAttentionScratch(size_t head_dim, size_t value_dim) {
  return FastScratch(head_dim, value_dim) + (ExactTile::ScratchBytes(head_dim, value_dim) + 63) / 64 * 64;
}

#endif  // ASSAY_FLOAT_LANES

const internal::AttentionGroup* FastAttention() {
#if ASSAY_FLOAT_LANES
  static constexpr internal::AttentionGroup kGroup = {HWY_TARGET, {&FastAttentionForward, &FastAttentionScratch}};
#else
  static constexpr internal::AttentionGroup kGroup = {HWY_TARGET, {}};
#endif
  return &kGroup;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(FastAttention);

const AttentionGroup* FastAttentionAt(std::size_t table_index) {
  return HWY_DISPATCH_TABLE(FastAttention)[table_index]();
}

}  // namespace assay::internal
#endif  // HWY_ONCE
