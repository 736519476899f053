// SPDX-License-Identifier: Apache-2.0
//
// The attention kernels of the two references, and what `scalar` claims.

#include "subjects/scalar/attention.h"

namespace assay::subjects {
namespace {

struct Scalar : ScalarAttentionSteps<Scalar> {};

template <class Real, class Wide>
struct Textbook : TextbookAttentionSteps<Textbook<Real, Wide>, Real, Wide> {};

bool IsF64(const assay_attention_args* args) {
  return args != nullptr && args->struct_size >= sizeof *args && args->dtype == ASSAY_F64;
}

// By the type of the numbers; what is none of them is for the checks to refuse.
template <assay_op kOp>
assay_status RunTextbook(const assay_attention_args* args) {
  return IsF64(args) ? RunAttention<Textbook<double, long double>, kOp>(args)
                     : RunAttention<Textbook<float, double>, kOp>(args);
}

std::size_t TextbookScratch(const assay_attention_args* args) {
  return IsF64(args) ? AttentionScratch<Textbook<double, long double>>(args)
                     : AttentionScratch<Textbook<float, double>>(args);
}

constexpr std::uint32_t kAllDtypes = (1U << ASSAY_NUM_DTYPES) - 1;

}  // namespace

// With U = 2^-64 the roundoff of long double (on machines where it is wider, all the less), and for a pair with
// S = |scale| sum |q k| + |bias|:
//
// z        a product of two numbers is within U (of 24 bits and less exact), the compensated sum of products within
//     2 U, 1 / sqrt(D) within 2 U, the product with it U: 6 U of |scale| sum |q k|. The division by the softcap, tanh
//     (2 U; its relative condition is at most 1) and the product with the softcap: 5 U more. Adding the bias: U (|s| +
//     |bias|). 12 U S altogether.
// weight   exp(z - top) with what the difference drops put back: 3 U, and twice the error of z (top is a z, too; a sink
// is
//     exact): (3 + 24 S) U. Never more than the largest is, so nothing underflows that counts: the range of long double
//     is 2^16382 wide.
// out      a product with v U, two compensated sums 2 U each (n^2 U^2 of theirs is below U up to n = 2^32), the
// quotient
//     U; weights as above, in the numerator and in the sum: (12 + 48 S) U sum p |v|.
// lse      the sum within (5 + 24 S) U, its logarithm U more of at most |lse| + S + 45 (n < 2^64): below (12 S + 60) U
//     (1 + |lse|) with U (|top| + |lse|) for the last addition, |top| at most S, or the sink, at most |lse| + 45.
// backward p = exp(z - lse), lse exact: (3 + 12 S) U; the sums along v and saved_out 3 U of their terms, their
//     difference U; 1 - tanh^2 as (1 - tanh)(1 + tanh), below 12 U of the 1 that the claim counts; four products 4 U;
//     the last sum 2 U and the scale 3 U: (32 + 12 S) U of all that is added.
//
// All is below (64 + 48 S) U. At the last rounding the computed value may lie beyond the power of two next to the exact
// one, where an ulp is twice as long: the power of two is a number of the type, so the rounding adds no more than the
// error before. Twice (64 + 48 S) U, then, is less than 2^-57 + 2^-57 S, and half an ulp.
assay_attention_claim ScalarAttentionClaim(assay_op, assay_dtype) {
  return {ASSAY_CLAIM_BOUND, 0, 0.5, 0x1p-57, 0, 0x1p-57, 0};
}

bool HasResults(const assay_attention_args& args, assay_op op) {
  const bool rows = args.batch > 0 && args.num_heads > 0 && args.seq_q > 0;
  if (op == ASSAY_ATTENTION) return rows && (args.value_dim > 0 || args.lse.data != nullptr);
  const bool keys = args.batch > 0 && args.num_kv_heads > 0 && args.seq_kv > 0;
  return (rows && args.head_dim > 0 && args.dq.data != nullptr) || (rows && keys && args.dbias.data != nullptr) ||
         (keys && args.head_dim > 0 && args.dk.data != nullptr) ||
         (keys && args.value_dim > 0 && args.dv.data != nullptr);
}

assay_attention_kernel ScalarAttention(assay_op op) {
  assay_attention_kernel kernel = {};
  kernel.run =
      op == ASSAY_ATTENTION ? &RunAttention<Scalar, ASSAY_ATTENTION> : &RunAttention<Scalar, ASSAY_ATTENTION_BACKWARD>;
  kernel.dtypes = kAllDtypes;
  for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
    kernel.claims[dtype] = ScalarAttentionClaim(op, static_cast<assay_dtype>(dtype));
  }
  return kernel;
}

assay_attention_kernel TextbookAttention(assay_op op) {
  assay_attention_kernel kernel = {};
  kernel.run = op == ASSAY_ATTENTION ? &RunTextbook<ASSAY_ATTENTION> : &RunTextbook<ASSAY_ATTENTION_BACKWARD>;
  if (op == ASSAY_ATTENTION) kernel.scratch_bytes = &TextbookScratch;
  kernel.dtypes = kAllDtypes;
  return kernel;
}

}  // namespace assay::subjects
