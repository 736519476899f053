/* SPDX-License-Identifier: Apache-2.0
 *
 * The C API of Assay: the descriptor of the row operations, status codes, the library's own functions, and the table
 * by which any shared library presents its kernels to the verification suite (the subject ABI).
 * C99, no dependencies. Sizes and strides are in elements; what is in bytes ends in `_bytes`.
 */
/* It would fill the tables in comments like prose. */
/* clang-format off */
#ifndef ASSAY_ASSAY_H_
#define ASSAY_ASSAY_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A different major version is refused; a larger minor version only appends fields, which are ignored. */
#define ASSAY_ABI_MAJOR 1
#define ASSAY_ABI_MINOR 1 /* see ASSAY_ABI_MAJOR */

/* What a call answers. Whenever it is not ASSAY_OK, nothing was written. */
typedef enum assay_status {
  ASSAY_OK = 0,
  ASSAY_BAD_STRUCT = 1,      /* struct_size is smaller than the first version of the struct */
  ASSAY_BAD_SHAPE = 2,       /* entries of out share a place, or a size in bytes overflows ptrdiff_t */
  ASSAY_BAD_TEMPERATURE = 3, /* temperature is negative or NaN, or 0 where the operation has no limit there */
  ASSAY_BAD_ENUM = 4,        /* dtype, empty_row or reduction holds no value of its enumeration */
  ASSAY_NULL_POINTER = 5,    /* an operand that the operation needs is NULL though it has elements */
  ASSAY_OVERLAP = 6,         /* out overlaps an input and is not exactly in place */
  ASSAY_UNSUPPORTED = 7,     /* a valid request that this kernel does not serve */
  ASSAY_BAD_LABEL = 8,       /* a label is neither ignore_index nor in [0, cols) */
  ASSAY_BAD_PARAMETER = 9    /* label_smoothing is not in [0, 1], or an operand is given that the operation has not */
} assay_status;

/* The type of every matrix of a call but mask (bytes) and labels (int64_t). F16 is IEEE binary16, BF16 the upper half
 * of an F32; both are stored as uint16_t. */
typedef enum assay_dtype { ASSAY_F32 = 0, ASSAY_F64 = 1, ASSAY_F16 = 2, ASSAY_BF16 = 3 } assay_dtype;
#define ASSAY_NUM_DTYPES 4 /* values of assay_dtype */

/* What a row without a visible entry gives: NaN; or the result of no mass, zeros (-inf for log_softmax).
 * AUTO: NaN where no mask is given, zeros where one is. */
typedef enum assay_empty_row {
  ASSAY_EMPTY_ROW_AUTO = 0,
  ASSAY_EMPTY_ROW_NAN = 1,
  ASSAY_EMPTY_ROW_ZERO = 2
} assay_empty_row;

/* Of the rows' losses. MEAN divides by the number of rows that are not ignored. */
typedef enum assay_reduction {
  ASSAY_REDUCTION_NONE = 0,
  ASSAY_REDUCTION_SUM = 1,
  ASSAY_REDUCTION_MEAN = 2
} assay_reduction;

/* The row operations. z = logits / T + bias, in real numbers; an entry is visible if neither the mask hides it nor
 * its logit or its bias is -inf. `v` runs over the visible entries of a row.
 *
 *                         reads (? = may be absent)             out             value
 *   SOFTMAX               logits bias? mask?                    [rows, cols]    p = exp(z) / sum_v exp(z)
 *   LOG_SOFTMAX           logits bias? mask?                    [rows, cols]    z - log(sum_v exp(z))
 *   LOGSUMEXP             logits bias? mask?                    [rows, 1]       log(sum_v exp(z))
 *   SIGMOID               logits bias?                          [rows, cols]    1 / (1 + exp(-z)), entry by entry
 *   SOFTMAX_BACKWARD      saved = p, upstream                   [rows, cols]    p (upstream - sum p upstream) / T
 *   LOG_SOFTMAX_BACKWARD  saved = log p, upstream               [rows, cols]    (upstream - exp(saved) sum upstream) / T
 *   CROSS_ENTROPY         logits bias? mask? labels|targets     [rows, 1]|[1, 1]  -sum t log p
 *   CROSS_ENTROPY_BACKWARD  the same, upstream?                 [rows, cols]    upstream (p sum t - t) / T
 *   SPARSEMAX             logits bias? mask?                    [rows, cols]    max(z - tau, 0), with sum 1
 *   SPARSEMAX_BACKWARD    saved = p, upstream                   [rows, cols]    (upstream - mean over p > 0) / T, 0 else
 */
typedef enum assay_op {
  ASSAY_SOFTMAX = 0,
  ASSAY_LOG_SOFTMAX = 1,
  ASSAY_LOGSUMEXP = 2,
  ASSAY_SIGMOID = 3,
  ASSAY_SOFTMAX_BACKWARD = 4,
  ASSAY_LOG_SOFTMAX_BACKWARD = 5,
  ASSAY_CROSS_ENTROPY = 6,
  ASSAY_CROSS_ENTROPY_BACKWARD = 7,
  ASSAY_SPARSEMAX = 8,
  ASSAY_SPARSEMAX_BACKWARD = 9
} assay_op;
#define ASSAY_NUM_ROW_OPS 10 /* values of assay_op */

/* Entry [i, j] lies at data + i * row_stride + j * col_stride, in elements. data = NULL: absent. */
typedef struct assay_const_matrix {
  const void* data;     /* entry [0, 0] */
  ptrdiff_t row_stride; /* from a row to the next */
  ptrdiff_t col_stride; /* from a column to the next */
} assay_const_matrix;

/* The same, to be written. */
typedef struct assay_matrix {
  void* data;           /* entry [0, 0] */
  ptrdiff_t row_stride; /* from a row to the next */
  ptrdiff_t col_stride; /* from a column to the next */
} assay_matrix;

/* One call of a row operation. Fields that the operation does not read are zero.
 *
 * Strides  any, negative too; 0 repeats an input. Entries of out must not share a place: one stride must be larger
 *          than the reach of the other dimension. What lies between entries is neither read nor written.
 * Empty    rows = 0: ASSAY_OK, nothing written (but cross_entropy's sum, +0, and mean, NaN). cols = 0: likewise, but
 *          logsumexp gives -inf.
 * Mask     one byte an entry, nonzero = visible. What an invisible entry holds never influences a bit.
 * T        a double >= 0; -0 counts as 0. T = inf: z = bias (without bias: equal shares). T = 0, the limit: only the
 *          row's largest visible logits live, with z = bias (without bias: equal shares among the maxima); an error
 *          for logsumexp, cross_entropy and every backward. Subnormal T is an ordinary T.
 * Values   invisible: exactly +0, in log_softmax -inf, in gradients +0. A visible NaN or +inf (in logits or bias) makes
 *          the whole row NaN, invisible entries included; but logsumexp of +inf without NaN is +inf. Sigmoid: +inf gives
 *          1, -inf gives +0, NaN gives NaN; an infinity in logits or bias counts as such at every T.
 *          Nothing visible: see empty_row; logsumexp gives -inf, a loss what Loss says. One visible entry: exactly 1, log exactly +0.
 *          Every NaN written is the canonical quiet one, every zero +0.
 * Backward exact in the saved output it is given. An entry with p = 0 (saved = 0; in log_softmax -inf) gives +0
 *          and its upstream is ignored, whatever it holds. A NaN in saved makes the row's other entries NaN. Where p is
 *          not 0 and upstream NaN or infinite, they are NaN or infinite as the arithmetic has it: not checked.
 * Loss     one of labels [rows, 1] and targets [rows, cols]. t = (1 - s) target + s / (visible entries) with
 *          s = label_smoothing, a visible entry's only; a label is a target of 1. 0 times -inf is 0; a positive t at an
 *          invisible entry costs +inf. Targets that are negative, NaN or infinite make the row NaN. A row whose label is
 *          ignore_index counts nowhere: loss +0, gradient +0; labels elsewhere outside [0, cols) are an error. The mean
 *          over no row is NaN. upstream is [rows, 1] without reduction, else [1, 1]; absent it is 1. The gradient is of
 *          the reduced loss, with respect to logits; it treats the mask as constant: +0 where invisible.
 * Overlap  exactly in place (data and strides of a [rows, cols] input of the same type) is fine; any other overlap of
 *          out with an input is an error, where a buffer reaches from its lowest to its highest entry, gaps included. */
typedef struct assay_row_args {
  size_t struct_size; /* sizeof(assay_row_args) */
  size_t rows;        /* of logits or saved */
  size_t cols;        /* of logits or saved: what a row is reduced over */
  double temperature; /* T */
  double label_smoothing; /* s, see Loss */
  int64_t ignore_index;   /* the label of rows that count nowhere, if has_ignore_index is not 0 */
  int32_t dtype;     /* assay_dtype */
  int32_t empty_row; /* assay_empty_row */
  int32_t reduction; /* assay_reduction */
  int32_t has_ignore_index;    /* 0: no label is special */
  assay_const_matrix logits;   /* [rows, cols] */
  assay_const_matrix bias;     /* [rows, cols] */
  assay_const_matrix mask;     /* [rows, cols], uint8_t */
  assay_const_matrix saved;    /* [rows, cols] */
  assay_const_matrix upstream; /* as out of the forward operation */
  assay_const_matrix targets;  /* [rows, cols] */
  assay_const_matrix labels;   /* [rows, 1], int64_t */
  assay_matrix out;            /* see assay_op */
} assay_row_args;

/* A row operation: assay_softmax and its kin, or somebody else's. */
typedef assay_status (*assay_row_fn)(const assay_row_args* args);

/* ---- What a subject declares about itself ------------------------------------------------------------- */

/* What a subject can do. A case that needs more is skipped, with this as the reason; never counted as passed. */
typedef enum assay_feature {
  ASSAY_FEATURE_MASK = 1 << 0,                /* a boolean mask */
  ASSAY_FEATURE_TEMPERATURE = 1 << 1,         /* any finite double T > 0 other than 1, beyond the range of float too */
  ASSAY_FEATURE_TEMPERATURE_LIMITS = 1 << 2,  /* T = 0 (where it has a limit) and T = +inf */
  ASSAY_FEATURE_ROW_STRIDE = 1 << 3,          /* row strides above cols, columns contiguous */
  ASSAY_FEATURE_IN_PLACE = 1 << 4,            /* out == logits (backward: upstream) */
  ASSAY_FEATURE_EMPTY_ROW = 1 << 5,           /* obeys args->empty_row; otherwise only the declared convention */
  ASSAY_FEATURE_STATUS = 1 << 6,              /* refuses bad T, labels, smoothing by a status and writes nothing */
  ASSAY_FEATURE_ANY_STRIDE = 1 << 7,          /* any strides: columns apart or outermost, negative, 0 for inputs */
  ASSAY_FEATURE_BIAS = 1 << 8,                /* an additive bias */
  ASSAY_FEATURE_PROBABILITY_TARGETS = 1 << 9, /* cross-entropy against targets as well as labels */
  ASSAY_FEATURE_LABEL_SMOOTHING = 1 << 10,    /* label_smoothing other than 0 */
  ASSAY_FEATURE_IGNORE_INDEX = 1 << 11,       /* rows that are ignored */
  ASSAY_FEATURE_REDUCTION = 1 << 12,          /* sum and mean of the losses as well as none */
  ASSAY_FEATURE_CONCURRENT = 1 << 13,         /* calls from several threads at once */
  ASSAY_FEATURE_FP_ENVIRONMENT = 1 << 14,     /* rounding mode, FTZ/DAZ of the caller without influence, flags kept */
  ASSAY_FEATURE_CANONICAL_NAN = 1 << 15       /* every NaN written is the positive quiet one without payload */
} assay_feature;
#define ASSAY_FEATURES_ALL 0xFFFF /* all of assay_feature */

/* What a visible +inf gives in softmax, log_softmax and sparsemax; see Values above. */
typedef enum assay_plus_inf {
  ASSAY_PLUS_INF_NAN_ROW = 0,
  ASSAY_PLUS_INF_ANYTHING = 1 /* not checked */
} assay_plus_inf;

/* What a claim says of each result, got, against the real value, exact. */
typedef enum assay_claim_kind {
  ASSAY_CLAIM_NONE = 0,              /* held to the textbook bound of its dtype */
  ASSAY_CLAIM_BOUND = 1,             /* |got - exact| <= max_ulp ulp(exact) + terms * (sum of |terms|) */
  ASSAY_CLAIM_CORRECTLY_ROUNDED = 2, /* got is the number of its type nearest to the exact value */
} assay_claim_kind;

/* ulp(exact) is the unit in the last place of the exact value in the result's type, subnormal spacing at least.
 * The sum of |terms|: of everything the formula above adds, e.g. p (|upstream| + sum p |upstream|) / T. */
typedef struct assay_claim {
  int32_t kind; /* assay_claim_kind */
  int32_t reserved;
  double max_ulp; /* at least 0.5 */
  double terms;   /* 0: in ULP alone */
} assay_claim;

/* A subject's kernel for one operation. */
typedef struct assay_row_kernel {
  assay_row_fn run;                     /* NULL = not implemented */
  uint64_t without;                     /* features of the table that this operation has not */
  uint32_t dtypes;                      /* a set of 1 << assay_dtype; 0 = F32 alone */
  uint32_t reserved;
  assay_claim claims[ASSAY_NUM_DTYPES]; /* accuracy, by assay_dtype */
} assay_row_kernel;

/* The table a subject returns. */
typedef struct assay_subject {
  size_t struct_size; /* sizeof(assay_subject) */
  uint32_t abi_major; /* ASSAY_ABI_MAJOR */
  uint32_t abi_minor; /* ASSAY_ABI_MINOR */
  const char* name;           /* as reports print it */
  const char* version;        /* likewise */
  const char* description;    /* one sentence */
  uint64_t features;          /* a set of assay_feature */
  int32_t empty_row_unmasked; /* what AUTO gives without a mask: ASSAY_EMPTY_ROW_NAN or _ZERO; 0 = NAN */
  int32_t empty_row_masked;   /* what AUTO gives with one; 0 = ZERO */
  int32_t plus_inf;           /* assay_plus_inf */
  int32_t reserved;
  size_t alignment_bytes; /* every row must start at a multiple ([rows, 1]: the first); 0 or 1 = anywhere */
  size_t over_read_bytes; /* how far past a buffer's end the kernel may read */
  assay_row_kernel softmax;
  assay_row_kernel log_softmax;
  assay_row_kernel logsumexp;
  assay_row_kernel sigmoid;
  assay_row_kernel softmax_backward;
  assay_row_kernel log_softmax_backward;
  assay_row_kernel cross_entropy;
  assay_row_kernel cross_entropy_backward;
  assay_row_kernel sparsemax;
  assay_row_kernel sparsemax_backward;
} assay_subject;

/* The one symbol a subject library exports: `const assay_subject* assay_subject_v1(void)`. */
#define ASSAY_SUBJECT_SYMBOL "assay_subject_v1"
/* Its type. */
typedef const assay_subject* (*assay_subject_v1_fn)(void);

/* ---- The library -------------------------------------------------------------------------------------- */

/* How accurate, against how fast.
 * EXACT  softmax, log_softmax, logsumexp and sigmoid of F32, F16, BF16 correctly rounded: each result is the number of
 *        its type nearest to the real value. F64, gradients, losses and sparsemax: reproducible, that is the same bits on
 *        every instruction set and compiler.
 * FAST   softmax and its kin within 4 ULP for every T and bias, subnormals kept, no mass lost.
 * What each claims for each operation and type stands in the tables of assay_target_subject. */
typedef enum assay_tier { ASSAY_TIER_EXACT = 0, ASSAY_TIER_FAST = 1 } assay_tier;
#define ASSAY_NUM_TIERS 2 /* values of assay_tier */

/* The row operations, exact tier and fast tier: all that is written at assay_op and assay_row_args, every feature of
 * assay_feature. Thread-safe; nothing is allocated; scratch is 64 KiB of stack at most. The caller's rounding mode,
 * FTZ/DAZ, exception masks and sticky flags have no influence and are restored. */
assay_status assay_softmax(const assay_row_args* args);
assay_status assay_log_softmax(const assay_row_args* args);
assay_status assay_logsumexp(const assay_row_args* args);
assay_status assay_sigmoid(const assay_row_args* args);
assay_status assay_softmax_backward(const assay_row_args* args);
assay_status assay_log_softmax_backward(const assay_row_args* args);
assay_status assay_cross_entropy(const assay_row_args* args);
assay_status assay_cross_entropy_backward(const assay_row_args* args);
assay_status assay_sparsemax(const assay_row_args* args);
assay_status assay_sparsemax_backward(const assay_row_args* args);

assay_status assay_fast_softmax(const assay_row_args* args);
assay_status assay_fast_log_softmax(const assay_row_args* args);
assay_status assay_fast_logsumexp(const assay_row_args* args);
assay_status assay_fast_sigmoid(const assay_row_args* args);
assay_status assay_fast_softmax_backward(const assay_row_args* args);
assay_status assay_fast_log_softmax_backward(const assay_row_args* args);
assay_status assay_fast_cross_entropy(const assay_row_args* args);
assay_status assay_fast_cross_entropy_backward(const assay_row_args* args);
assay_status assay_fast_sparsemax(const assay_row_args* args);
assay_status assay_fast_sparsemax_backward(const assay_row_args* args);

/* The name of a status as written above, e.g. "ASSAY_BAD_SHAPE"; "unknown status" for any other number. */
const char* assay_status_name(assay_status status);

/* The instruction sets ("targets") this build contains and this machine can run, best first; the functions above use
 * the first. assay_target_name(i) is NULL for i >= assay_num_targets(). */
size_t assay_num_targets(void);
const char* assay_target_name(size_t i); /* see assay_num_targets */

/* A tier of the library as a subject whose functions run on one target, whatever the machine prefers; NULL for
 * i >= assay_num_targets() and for any other tier. The table is static. */
const assay_subject* assay_target_subject(size_t i, assay_tier tier);

#ifdef __cplusplus
}
#endif

#endif /* ASSAY_ASSAY_H_ */
