// SPDX-License-Identifier: Apache-2.0
//
// The tables of the two references, and what `scalar` claims.

#include "subjects/scalar/scalar.h"

#include "subjects/scalar/attention.h"

namespace assay::subjects {
namespace {

template <class Real>
struct ScalarSteps : RowSteps<ScalarSteps<Real>, Real> {};

struct ScalarFamily {
  template <assay_op kOp, assay_dtype kDtype>
  using Of = ScalarSteps<ScalarReal<kOp, kDtype>>;
  static assay_claim Claim(assay_op op, assay_dtype dtype) { return ScalarClaim(op, dtype); }
  static assay_attention_kernel Attention(assay_op op) { return ScalarAttention(op); }
};

template <class Real, class Wide>
struct PlainTextbook : TextbookSteps<PlainTextbook<Real, Wide>, Real, Wide> {};

struct TextbookFamily {
  template <assay_op kOp, assay_dtype kDtype>
  using Of = std::conditional_t<kDtype == ASSAY_F64, PlainTextbook<double, long double>, PlainTextbook<float, double>>;
  static assay_claim Claim(assay_op, assay_dtype) { return {ASSAY_CLAIM_NONE, 0, 0, 0}; }
  static assay_attention_kernel Attention(assay_op op) { return TextbookAttention(op); }
};

// By the type of the numbers; what is none of them is for the checks to refuse.
template <class Family, assay_op kOp>
assay_status RunAny(const assay_row_args* args) {
  const bool f64 = args != nullptr && args->struct_size >= sizeof *args && args->dtype == ASSAY_F64;
  return f64 ? Run<typename Family::template Of<kOp, ASSAY_F64>, kOp>(args)
             : Run<typename Family::template Of<kOp, ASSAY_F32>, kOp>(args);
}

template <class Family, assay_op kOp>
assay_row_kernel Kernel() {
  assay_row_kernel kernel = {};
  kernel.run = &RunAny<Family, kOp>;
  kernel.dtypes = (1U << ASSAY_NUM_DTYPES) - 1;
  for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
    kernel.claims[dtype] = Family::Claim(kOp, static_cast<assay_dtype>(dtype));
  }
  return kernel;
}

template <class Family>
BuiltIn Make(const char* name, const char* description) {
  static const assay_subject table = {
      .struct_size = sizeof(assay_subject),
      .abi_major = ASSAY_ABI_MAJOR,
      .abi_minor = ASSAY_ABI_MINOR,
      .name = name,
      .version = "1",
      .description = description,
      .features = ASSAY_FEATURES_ALL,
      .empty_row_unmasked = ASSAY_EMPTY_ROW_NAN,
      .empty_row_masked = ASSAY_EMPTY_ROW_ZERO,
      .plus_inf = ASSAY_PLUS_INF_NAN_ROW,
      .reserved = 0,
      .alignment_bytes = 1,
      .over_read_bytes = 0,
      .softmax = Kernel<Family, ASSAY_SOFTMAX>(),
      .log_softmax = Kernel<Family, ASSAY_LOG_SOFTMAX>(),
      .logsumexp = Kernel<Family, ASSAY_LOGSUMEXP>(),
      .sigmoid = Kernel<Family, ASSAY_SIGMOID>(),
      .softmax_backward = Kernel<Family, ASSAY_SOFTMAX_BACKWARD>(),
      .log_softmax_backward = Kernel<Family, ASSAY_LOG_SOFTMAX_BACKWARD>(),
      .cross_entropy = Kernel<Family, ASSAY_CROSS_ENTROPY>(),
      .cross_entropy_backward = Kernel<Family, ASSAY_CROSS_ENTROPY_BACKWARD>(),
      .sparsemax = Kernel<Family, ASSAY_SPARSEMAX>(),
      .sparsemax_backward = Kernel<Family, ASSAY_SPARSEMAX_BACKWARD>(),
      .attention = Family::Attention(ASSAY_ATTENTION),
      .attention_backward = Family::Attention(ASSAY_ATTENTION_BACKWARD),
  };
  return {.name = name, .kind = Kind::kReference, .breaks = "", .mechanism = "", .table = &table};
}

}  // namespace

// Errors before the last rounding, u = 2^-53 in double and 2^-64 in long double. exp, log1p and log of glibc are within
// 2 u. Sums are compensated: 2 u, and n^2 u^2, below u up to n = 2^26 in double.
//
// softmax, sigmoid   z is within 4 u |z| (Difference), so exp(z) within (4 |z| + 2) u; in the sum the average |z|
// counts,
//     weighted by p, and that is at most log n; the quotient adds 4 u.
//     In double: a result of 2^-150 or more has |z| <= 104 + log n; all is below 2^-43, 2^-19 ulp of an f32: 0.501.
//     In long double: normal results of f64 have |z| <= 709 + log n, 4 * 709 u = 1.39 * 2^-53, and an ulp is at least
//     2^-53 of the value; 100 u for log n and the rest. With half an ulp for the last rounding below 2. Subnormal
//     results have |z| <= 745 + log n, and ulps at least twice as large.
// log_softmax, cross_entropy   sums of terms of one sign, |z| and log1p(others), others within (4 |z| + 5) u as above;
//     products with t and divisions add 5 u.
// logsumexp   z of the maximum has an error of 4 u, log1p(others) that of others, relatively; they may cancel, hence
//     `terms`. An others that matters is above 2^-150 or 2^-1075: (4 |z| + 10) u is below 2^-44 or 2^-52.
// gradients   in long double: exp(saved) within 2 u; sums, products and quotients below 8 u of the terms. In that of
//     cross-entropy p as above, but 1 / T may bring up any p that is not 0 in long double: |z| <= 11356, 4 |z| u <
//     2^-48.
// sparsemax   exact but for a few u of the last quotient: 0.501, in f64 2^-8 ulp more than half of one. Its gradient:
//     a mean, a difference, a quotient.
assay_claim ScalarClaim(assay_op op, assay_dtype dtype) {
  const bool f64 = dtype == ASSAY_F64;
  const auto bound = [](double max_ulp, double terms) { return assay_claim{ASSAY_CLAIM_BOUND, 0, max_ulp, terms}; };
  switch (op) {
    case ASSAY_SOFTMAX:
    case ASSAY_LOG_SOFTMAX:
    case ASSAY_SIGMOID:
    case ASSAY_CROSS_ENTROPY:
      return bound(f64 ? 2 : 0.501, 0);
    case ASSAY_LOGSUMEXP:
      return bound(0.501, f64 ? 0x1p-52 : 0x1p-44);
    case ASSAY_CROSS_ENTROPY_BACKWARD:
      return bound(0.501, 0x1p-48);
    case ASSAY_SPARSEMAX:
      return bound(f64 ? 0.51 : 0.501, 0);
    case ASSAY_SOFTMAX_BACKWARD:
    case ASSAY_LOG_SOFTMAX_BACKWARD:
    case ASSAY_SPARSEMAX_BACKWARD:
      return bound(0.501, 0x1p-58);
    case ASSAY_ATTENTION:
    case ASSAY_ATTENTION_BACKWARD:
      break;  // ScalarAttentionClaim
  }
  return bound(2, 0);
}

BuiltIn Scalar() { return Make<ScalarFamily>("scalar", "Plain C++ one type wider than the results."); }

BuiltIn Textbook() {
  return Make<TextbookFamily>(
      "textbook", "Subtracts the maximum, then exponentials, sums and logarithms in the working precision.");
}

}  // namespace assay::subjects
