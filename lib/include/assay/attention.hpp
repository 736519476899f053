// SPDX-License-Identifier: Apache-2.0

/// @file
/// The C++ front of attention and its backward, for float, Float16 and BFloat16 in both tiers.
///
/// q, k, v and out are TensorViews [batch, heads, positions, dim] of one element type; sizes that contradict one
/// another answer kBadShape. What is written, which keys are visible, special values, overlap and errors:
/// assay_attention_args in assay.h. On any status but kOk nothing is written. Scratch is the caller's, kept from call
/// to call if he likes:
///
///     std::vector<assay::ScratchBlock> scratch(assay::AttentionScratchBlocks(head_dim, value_dim));

#pragma once

#include <array>
#include <cmath>

#include "assay/view.hpp"

namespace assay {

/// The element types of attention.
template <class T>
concept AttentionElement = Element<T> && !std::same_as<T, double>;

/// A [batch, heads, positions, dim] tensor; entry [b, h, i, j] lies at data + b * strides[0] + h * strides[1] + i *
/// strides[2] + j * strides[3]. Strides are in elements, of any sign; 0 repeats an input. Without data: absent.
template <class T>
struct TensorView {
  T* data = nullptr;                           ///< entry [0, 0, 0, 0]
  std::size_t batch = 0;                       ///< number of sequences
  std::size_t heads = 0;                       ///< number of heads
  std::size_t positions = 0;                   ///< length of the sequence
  std::size_t dim = 0;                         ///< numbers at each position
  std::array<std::ptrdiff_t, 4> strides = {};  ///< from a batch, head, position, number to the next

  /// Absent.
  constexpr TensorView() noexcept = default;
  /// Dense, [batch, heads, positions, dim].
  constexpr TensorView(T* data_in, std::size_t batch_in, std::size_t heads_in, std::size_t positions_in,
                       std::size_t dim_in) noexcept
      : TensorView(data_in, batch_in, heads_in, positions_in, dim_in,
                   {static_cast<std::ptrdiff_t>(heads_in * positions_in * dim_in),
                    static_cast<std::ptrdiff_t>(positions_in * dim_in), static_cast<std::ptrdiff_t>(dim_in), 1}) {}
  /// With any strides.
  constexpr TensorView(T* data_in, std::size_t batch_in, std::size_t heads_in, std::size_t positions_in,
                       std::size_t dim_in, const std::array<std::ptrdiff_t, 4>& strides_in) noexcept
      : data(data_in), batch(batch_in), heads(heads_in), positions(positions_in), dim(dim_in), strides(strides_in) {}
  /// The same, to be read only.
  constexpr operator TensorView<const T>() const noexcept requires(!std::is_const_v<T>) {
    return {data, batch, heads, positions, dim, strides};
  }
  /// Dense, [batch, positions, heads, dim]: what a projection of the whole sequence leaves.
  static constexpr TensorView HeadsInside(T* data, std::size_t batch, std::size_t positions, std::size_t heads,
                                          std::size_t dim) noexcept {
    return {data,
            batch,
            heads,
            positions,
            dim,
            {static_cast<std::ptrdiff_t>(positions * heads * dim), static_cast<std::ptrdiff_t>(dim),
             static_cast<std::ptrdiff_t>(heads * dim), 1}};
  }
  /// The first `count` positions alone: the filled part of a cache.
  constexpr TensorView First(std::size_t count) const noexcept { return {data, batch, heads, count, dim, strides}; }
};

/// A tensor of any element type: what the options hold. It must be of the type of the call, otherwise kBadParameter.
struct AnyTensorView {
  const void* data = nullptr;                  ///< entry [0, 0, 0, 0]; null: absent
  std::size_t batch = 0;                       ///< number of sequences
  std::size_t heads = 0;                       ///< number of heads
  std::size_t positions = 0;                   ///< length of the sequence
  std::size_t dim = 0;                         ///< numbers at each position
  std::array<std::ptrdiff_t, 4> strides = {};  ///< from a batch, head, position, number to the next
  assay_dtype dtype = ASSAY_F32;               ///< what the entries are

  /// Absent.
  constexpr AnyTensorView() noexcept = default;
  /// Of this view's type.
  template <class T>
  requires Element<std::remove_const_t<T>>
  constexpr AnyTensorView(const TensorView<T>& t) noexcept  // NOLINT: the same view
      : data(t.data),
        batch(t.batch),
        heads(t.heads),
        positions(t.positions),
        dim(t.dim),
        strides(t.strides),
        dtype(kDtypeOf<std::remove_const_t<T>>) {}
};

/// A number for each head, of any element type. It must be of the type of the call, otherwise kBadParameter.
struct AnyVectorView {
  const void* data = nullptr;     ///< entry 0; null: absent
  std::size_t size = 0;           ///< number of entries
  std::ptrdiff_t stride = 1;      ///< from an entry to the next
  assay_dtype dtype = ASSAY_F32;  ///< what the entries are

  /// Absent.
  constexpr AnyVectorView() noexcept = default;
  /// Of this view's type.
  template <class T>
  requires Element<std::remove_const_t<T>>
  constexpr AnyVectorView(const VectorView<T>& v) noexcept  // NOLINT: the same view
      : data(v.data), size(v.size), stride(v.stride), dtype(kDtypeOf<std::remove_const_t<T>>) {}
  /// A span, vector or array.
  template <class Row>
  requires requires(Row&& row) { std::span(row); }
  constexpr AnyVectorView(Row&& row) noexcept  // NOLINT: a span is a view
      : AnyVectorView(VectorView(std::span(row).data(), std::span(row).size())) {}
};

/// Which query the last key belongs to: see assay_alignment.
enum class Alignment : int {
  kBottomRight = ASSAY_BOTTOM_RIGHT,  ///< the last query sees the last key
  kTopLeft = ASSAY_TOP_LEFT,          ///< the first query sees the first key
};

/// Options of attention and its backward: one struct for both, since both must get the same.
struct AttentionOptions {
  std::optional<double> scale = {};               ///< of the scores; none: 1 / sqrt(head_dim)
  double softcap = 0.0;                           ///< softcap tanh(score / softcap); 0: none
  bool causal = false;                            ///< no key behind the query
  Alignment alignment = Alignment::kBottomRight;  ///< where queries stand, for causal and window
  std::size_t window = 0;                         ///< keys that a query sees, its own included; 0: all
  TensorView<const std::uint8_t> mask = {};       ///< [batch, heads, queries, keys], nonzero = visible; absent: all
  AnyTensorView bias = {};                        ///< the same shape, added to the scores; -inf hides a key
  VectorView<const std::int64_t> lengths = {};    ///< how many keys of each batch exist; absent: all
  AnyVectorView sink = {};                        ///< a logit for each head without a value; forward alone
  Tier tier = Tier::kExact;                       ///< how accurate; the backward is the same in both
};

/// 64 bytes of scratch, aligned as attention asks.
struct alignas(64) ScratchBlock {
  std::byte bytes[64];  ///< of no meaning before or after a call
};

/// How many of them any call with these sizes needs, forward or backward, whatever the lengths of the sequences.
inline std::size_t AttentionScratchBlocks(std::size_t head_dim, std::size_t value_dim) noexcept {
  assay_attention_args args = {};
  args.struct_size = sizeof(args);
  args.batch = args.num_heads = args.num_kv_heads = args.seq_q = args.seq_kv = 1;
  args.head_dim = head_dim;
  args.value_dim = value_dim;
  return (assay_attention_scratch_bytes(&args) + sizeof(ScratchBlock) - 1) / sizeof(ScratchBlock);
}

/// Where AttentionBackward writes the gradients with respect to each; any may be absent.
template <AttentionElement T>
struct AttentionGradients {
  TensorView<T> q = {};     ///< as q
  TensorView<T> k = {};     ///< as k
  TensorView<T> v = {};     ///< as v
  TensorView<T> bias = {};  ///< as the bias of the options, and only with it
};

namespace detail {

// A call of attention in the making: collects operands and whether their sizes and types agree.
class AttentionCall {
 public:
  template <class T>
  AttentionCall(const TensorView<const T>& q, const TensorView<const T>& k, const TensorView<const T>& v,
                std::span<ScratchBlock> scratch, const AttentionOptions& options) noexcept {
    args_.struct_size = sizeof(args_);
    args_.batch = q.batch;
    args_.num_heads = q.heads;
    args_.num_kv_heads = k.heads;
    args_.seq_q = q.positions;
    args_.seq_kv = k.positions;
    args_.head_dim = q.dim;
    args_.value_dim = v.dim;
    args_.dtype = kDtypeOf<T>;
    args_.q = In(q, q.heads, q.positions, q.dim);
    args_.k = In(k, k.heads, k.positions, q.dim);
    args_.v = In(v, k.heads, k.positions, v.dim);
    args_.scratch = scratch.data();
    args_.scratch_bytes = scratch.size_bytes();
    Set(options);
  }

  assay_attention_args& args() noexcept { return args_; }

  template <class View>
  assay_const_tensor In(const View& t, std::size_t heads, std::size_t positions, std::size_t dim) noexcept {
    if (t.batch != args_.batch || t.heads != heads || t.positions != positions || t.dim != dim) {
      Refuse(Status::kBadShape);
    }
    return {t.data, {t.strides[0], t.strides[1], t.strides[2], t.strides[3]}};
  }

  // An output, or none where the view is absent.
  template <class T>
  assay_tensor Out(const TensorView<T>& t, std::size_t heads, std::size_t positions, std::size_t dim) noexcept {
    if (t.data == nullptr) return {};
    const assay_const_tensor place = In(t, heads, positions, dim);
    return {t.data, {place.strides[0], place.strides[1], place.strides[2], place.strides[3]}};
  }

  Status Run(Tier tier, assay_attention_fn exact, assay_attention_fn fast) noexcept {
    if (status_ != Status::kOk) return status_;
    if (tier != Tier::kExact && tier != Tier::kFast) return Status::kBadEnum;
    return static_cast<Status>((tier == Tier::kFast ? fast : exact)(&args_));
  }

 private:
  void Refuse(Status status) noexcept {
    if (status_ == Status::kOk) status_ = status;
  }

  void Set(const AttentionOptions& options) noexcept {
    args_.has_scale = options.scale.has_value() ? 1 : 0;
    args_.scale = options.scale.value_or(0);
    args_.softcap = options.softcap;
    args_.causal = options.causal ? 1 : 0;
    args_.alignment = static_cast<std::int32_t>(options.alignment);
    args_.window = options.window;
    if (options.mask.data != nullptr) args_.mask = In(options.mask, args_.num_heads, args_.seq_q, args_.seq_kv);
    if (options.bias.data != nullptr) {
      args_.bias = In(options.bias, args_.num_heads, args_.seq_q, args_.seq_kv);
      if (options.bias.dtype != args_.dtype) Refuse(Status::kBadParameter);
    }
    if (options.lengths.data != nullptr) {
      if (options.lengths.size != args_.batch) Refuse(Status::kBadShape);
      args_.lengths = {options.lengths.data, {options.lengths.stride, 0, 0, 0}};
    }
    if (options.sink.data != nullptr) {
      if (options.sink.size != args_.num_heads) Refuse(Status::kBadShape);
      if (options.sink.dtype != args_.dtype) Refuse(Status::kBadParameter);
      args_.sink = {options.sink.data, {0, options.sink.stride, 0, 0}};
    }
  }

  assay_attention_args args_ = {};
  Status status_ = Status::kOk;
};

}  // namespace detail

/// out = softmax(scale q k^T + bias) v for each head; query head h uses the key head h / (heads of q / heads of k).
/// `lse`, of float or double, gets log of the sum of exponentials of each query ([batch, heads, queries, 1]).
template <AttentionElement T, class Lse = float>
Status Attention(std::type_identity_t<TensorView<const T>> q, std::type_identity_t<TensorView<const T>> k,
                 std::type_identity_t<TensorView<const T>> v, TensorView<T> out, std::span<ScratchBlock> scratch,
                 const AttentionOptions& options = {}, TensorView<Lse> lse = {}) noexcept {
  static_assert(std::same_as<Lse, float> || std::same_as<Lse, double>, "lse holds float or double");
  detail::AttentionCall call(q, k, v, scratch, options);
  call.args().out = call.Out(out, q.heads, q.positions, v.dim);
  call.args().lse = call.Out(lse, q.heads, q.positions, 1);
  call.args().lse_dtype = kDtypeOf<Lse>;
  return call.Run(options.tier, &assay_attention, &assay_fast_attention);
}

/// The gradients of attention with these options (without a sink: it is in lse), from its out and lse and the gradient
/// of the loss with respect to out. No quadratic memory.
template <AttentionElement T, class Lse>
Status AttentionBackward(std::type_identity_t<TensorView<const T>> q, std::type_identity_t<TensorView<const T>> k,
                         std::type_identity_t<TensorView<const T>> v, std::type_identity_t<TensorView<const T>> out,
                         TensorView<Lse> lse, std::type_identity_t<TensorView<const T>> upstream,
                         const AttentionGradients<T>& gradients, std::span<ScratchBlock> scratch,
                         const AttentionOptions& options = {}) noexcept {
  using LseElement = std::remove_const_t<Lse>;
  static_assert(std::same_as<LseElement, float> || std::same_as<LseElement, double>, "lse holds float or double");
  detail::AttentionCall call(q, k, v, scratch, options);
  assay_attention_args& args = call.args();
  args.saved_out = call.In(out, q.heads, q.positions, v.dim);
  args.saved_lse = call.In(lse, q.heads, q.positions, 1);
  args.lse_dtype = kDtypeOf<LseElement>;
  args.upstream = call.In(upstream, q.heads, q.positions, v.dim);
  args.dq = call.Out(gradients.q, q.heads, q.positions, q.dim);
  args.dk = call.Out(gradients.k, k.heads, k.positions, q.dim);
  args.dv = call.Out(gradients.v, k.heads, k.positions, v.dim);
  args.dbias = call.Out(gradients.bias, q.heads, q.positions, k.positions);
  return call.Run(options.tier, &assay_attention_backward, &assay_fast_attention_backward);
}

}  // namespace assay
