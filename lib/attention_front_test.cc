// SPDX-License-Identifier: Apache-2.0
//
// The C++ front of attention hands the C API what it is given: each call beside the same one written out in C.

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "assay/attention.hpp"

namespace assay {
namespace {

constexpr std::size_t kBatch = 2, kHeads = 4, kKvHeads = 2, kQueries = 3, kKeys = 5, kDim = 3, kValueDim = 2;

template <class T>
T Number(std::size_t i);
template <>
float Number<float>(std::size_t i) {
  return 0.25f * static_cast<float>(i % 7);
}
template <>
Float16 Number<Float16>(std::size_t i) {
  constexpr std::uint16_t kNumbers[] = {0x0000, 0x3400, 0x3800, 0x3A00, 0x3C00, 0x3D00, 0x3E00};
  return {kNumbers[i % 7]};
}
template <>
BFloat16 Number<BFloat16>(std::size_t i) {
  constexpr std::uint16_t kNumbers[] = {0x0000, 0x3E80, 0x3F00, 0x3F40, 0x3F80, 0x3FA0, 0x3FC0};
  return {kNumbers[i % 7]};
}

template <class View>
assay_const_tensor In(const View& t) {
  return {t.data, {t.strides[0], t.strides[1], t.strides[2], t.strides[3]}};
}
template <class View>
assay_tensor Out(const View& t) {
  return {t.data, {t.strides[0], t.strides[1], t.strides[2], t.strides[3]}};
}

template <class T>
class AttentionFrontTest : public testing::Test {
 protected:
  using Buffer = std::vector<T>;

  AttentionFrontTest() {
    for (std::size_t i = 0; i < 512; ++i) {
      q_[i] = Number<T>(i * i);
      k_[i] = Number<T>(3 * i + 1);
      v_[i] = Number<T>(i * i + i);
      bias_[i] = Number<T>(5 * i + 2);
      mask_[i] = i % 4 != 1;
    }
  }

  // Positions lie outside of heads, with a gap behind each position.
  static TensorView<T> View(Buffer& data, std::size_t heads, std::size_t positions, std::size_t dim) {
    const auto step = static_cast<std::ptrdiff_t>(dim + 1);
    const auto row = static_cast<std::ptrdiff_t>(heads) * step;
    return {data.data(), kBatch, heads, positions, dim, {static_cast<std::ptrdiff_t>(positions) * row, step, row, 1}};
  }
  TensorView<T> Q() { return View(q_, kHeads, kQueries, kDim); }
  TensorView<T> K() { return View(k_, kKvHeads, kKeys, kDim); }
  TensorView<T> V() { return View(v_, kKvHeads, kKeys, kValueDim); }
  TensorView<T> Bias() { return View(bias_, kHeads, kQueries, kKeys); }
  TensorView<T> OutIn(Buffer& data) { return View(data, kHeads, kQueries, kValueDim); }
  TensorView<const std::uint8_t> Mask() { return {mask_.data(), kBatch, kHeads, kQueries, kKeys}; }

  assay_attention_args Args() {
    assay_attention_args args = {};
    args.struct_size = sizeof(args);
    args.batch = kBatch;
    args.num_heads = kHeads;
    args.num_kv_heads = kKvHeads;
    args.seq_q = kQueries;
    args.seq_kv = kKeys;
    args.head_dim = kDim;
    args.value_dim = kValueDim;
    args.dtype = kDtypeOf<T>;
    args.q = In(Q());
    args.k = In(K());
    args.v = In(V());
    args.scratch = scratch_.data();
    args.scratch_bytes = scratch_.size() * sizeof(ScratchBlock);
    return args;
  }

  // Everything but the tier in use at once.
  AttentionOptions Options(Tier tier) {
    AttentionOptions options;
    options.scale = 0.75;
    options.softcap = 2;
    options.causal = true;
    options.alignment = Alignment::kTopLeft;
    options.window = 2;
    options.mask = Mask();
    options.bias = Bias();
    options.lengths = lengths_;
    options.tier = tier;
    return options;
  }
  void Set(assay_attention_args* args) {
    args->has_scale = 1;
    args->scale = 0.75;
    args->softcap = 2;
    args->causal = 1;
    args->alignment = ASSAY_TOP_LEFT;
    args->window = 2;
    args->mask = In(Mask());
    args->bias = In(Bias());
    args->lengths = {lengths_.data(), {1, 0, 0, 0}};
  }

  static bool SameBits(const Buffer& a, const Buffer& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
  }

  Buffer q_ = Buffer(512), k_ = Buffer(512), v_ = Buffer(512), bias_ = Buffer(512), zero_ = Buffer(512);
  std::vector<std::uint8_t> mask_ = std::vector<std::uint8_t>(512);
  std::vector<std::int64_t> lengths_ = {5, 2};
  std::vector<ScratchBlock> scratch_ = std::vector<ScratchBlock>(AttentionScratchBlocks(kDim, kValueDim));
};

using Types = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(AttentionFrontTest, Types);

TYPED_TEST(AttentionFrontTest, ForwardsEveryOption) {
  typename TestFixture::Buffer sinks = {Number<TypeParam>(1), Number<TypeParam>(2), Number<TypeParam>(3),
                                        Number<TypeParam>(4)};
  for (const Tier tier : {Tier::kExact, Tier::kFast}) {
    auto got = this->zero_, want = this->zero_;
    std::vector<double> got_lse(kBatch * kHeads * kQueries), want_lse = got_lse;
    AttentionOptions options = this->Options(tier);
    options.sink = sinks;
    const Status status = Attention(this->Q(), this->K(), this->V(), this->OutIn(got), this->scratch_, options,
                                    TensorView(got_lse.data(), kBatch, kHeads, kQueries, 1));
    assay_attention_args args = this->Args();
    this->Set(&args);
    args.sink = {sinks.data(), {0, 1, 0, 0}};
    args.out = Out(this->OutIn(want));
    args.lse = Out(TensorView(want_lse.data(), kBatch, kHeads, kQueries, 1));
    args.lse_dtype = ASSAY_F64;
    EXPECT_EQ(static_cast<int>(status), ASSAY_OK);
    ASSERT_EQ((tier == Tier::kFast ? assay_fast_attention : assay_attention)(&args), ASSAY_OK);
    EXPECT_TRUE(this->SameBits(got, want));
    EXPECT_FALSE(this->SameBits(got, this->zero_));
    EXPECT_EQ(got_lse, want_lse);
  }
}

TYPED_TEST(AttentionFrontTest, ForwardsTheBackward) {
  for (const Tier tier : {Tier::kExact, Tier::kFast}) {
    const AttentionOptions options = this->Options(tier);
    auto out = this->zero_, dq = out, dk = out, dv = out, dbias = out, want_dq = out, want_dk = out, want_dv = out,
         want_dbias = out;
    std::vector<float> lse(kBatch * kHeads * kQueries);
    const TensorView lse_view(lse.data(), kBatch, kHeads, kQueries, 1);
    ASSERT_EQ(Attention(this->Q(), this->K(), this->V(), this->OutIn(out), this->scratch_, options, lse_view),
              Status::kOk);
    AttentionGradients<TypeParam> gradients;
    gradients.q = this->View(dq, kHeads, kQueries, kDim);
    gradients.k = this->View(dk, kKvHeads, kKeys, kDim);
    gradients.v = this->View(dv, kKvHeads, kKeys, kValueDim);
    gradients.bias = this->View(dbias, kHeads, kQueries, kKeys);
    const auto upstream = this->OutIn(this->q_);
    EXPECT_EQ(AttentionBackward(this->Q(), this->K(), this->V(), this->OutIn(out), lse_view, upstream, gradients,
                                this->scratch_, options),
              Status::kOk);
    assay_attention_args args = this->Args();
    this->Set(&args);
    args.saved_out = In(this->OutIn(out));
    args.saved_lse = In(lse_view);
    args.upstream = In(upstream);
    args.dq = Out(this->View(want_dq, kHeads, kQueries, kDim));
    args.dk = Out(this->View(want_dk, kKvHeads, kKeys, kDim));
    args.dv = Out(this->View(want_dv, kKvHeads, kKeys, kValueDim));
    args.dbias = Out(this->View(want_dbias, kHeads, kQueries, kKeys));
    ASSERT_EQ((tier == Tier::kFast ? assay_fast_attention_backward : assay_attention_backward)(&args), ASSAY_OK);
    EXPECT_TRUE(this->SameBits(dq, want_dq));
    EXPECT_TRUE(this->SameBits(dk, want_dk));
    EXPECT_TRUE(this->SameBits(dv, want_dv));
    EXPECT_TRUE(this->SameBits(dbias, want_dbias));
    EXPECT_FALSE(this->SameBits(dbias, this->zero_));
  }
}

TEST(AttentionFrontTest, RefusesWhatContradicts) {
  std::vector<float> x(256), out(256);
  std::vector<ScratchBlock> scratch(AttentionScratchBlocks(4, 4));
  const auto view = [&](std::size_t heads, std::size_t positions, std::size_t dim) {
    return TensorView<const float>(x.data(), 1, heads, positions, dim);
  };
  const TensorView<float> to(out.data(), 1, 2, 3, 4);
  const auto q = view(2, 3, 4), k = view(1, 5, 4);
  AttentionOptions options;
  EXPECT_EQ(Attention(q, k, k, to, scratch), Status::kOk);
  out.assign(256, 0);
  EXPECT_EQ(Attention(q, view(1, 5, 3), k, to, scratch), Status::kBadShape);
  EXPECT_EQ(Attention(q, k, view(1, 4, 4), to, scratch), Status::kBadShape);
  EXPECT_EQ(Attention(q, k, view(2, 5, 4), to, scratch), Status::kBadShape);
  EXPECT_EQ(Attention(q, k, k, to.First(2), scratch), Status::kBadShape);
  EXPECT_EQ(Attention(q, k, k, to, std::span(scratch).first(0)), Status::kSmallScratch);
  const std::vector<std::int64_t> lengths = {6};
  options.lengths = lengths;
  EXPECT_EQ(Attention(q, k, k, to, scratch, options), Status::kBadLength);
  const std::vector<std::uint8_t> mask(29, 1);
  options = {};
  options.mask = TensorView(mask.data(), 1, 2, 3, 4);
  EXPECT_EQ(Attention(q, k, k, to, scratch, options), Status::kBadShape);
  const std::vector<double> doubles(30);
  options = {};
  options.bias = TensorView(doubles.data(), 1, 2, 3, 5);
  EXPECT_EQ(Attention(q, k, k, to, scratch, options), Status::kBadParameter);
  options = {};
  options.sink = doubles;
  EXPECT_EQ(Attention(q, k, k, to, scratch, options), Status::kBadShape);
  options.sink = std::span(doubles).first(2);
  EXPECT_EQ(Attention(q, k, k, to, scratch, options), Status::kBadParameter);
  options = {};
  options.tier = static_cast<Tier>(2);
  EXPECT_EQ(Attention(q, k, k, to, scratch, options), Status::kBadEnum);
  EXPECT_EQ(out, std::vector<float>(256));
}

}  // namespace
}  // namespace assay
