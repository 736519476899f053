/* SPDX-License-Identifier: Apache-2.0
 *
 * The C API of Assay: the descriptors of the row operations and of attention, status codes, the library's own
 * functions, and the table by which any shared library presents its kernels to the verification suite (the subject
 * ABI). C99, no dependencies. Sizes and strides are in elements; what is in bytes ends in `_bytes`.
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
#define ASSAY_ABI_MINOR 2 /* see ASSAY_ABI_MAJOR */

/* What a call answers. Whenever it is not ASSAY_OK, nothing was written. */
typedef enum assay_status {
  ASSAY_OK = 0,
  ASSAY_BAD_STRUCT = 1,      /* struct_size is smaller than the first version of the struct */
  ASSAY_BAD_SHAPE = 2,       /* entries of an output share a place, a size in bytes overflows ptrdiff_t, heads do not divide */
  ASSAY_BAD_TEMPERATURE = 3, /* temperature is negative or NaN, or 0 where the operation has no limit there */
  ASSAY_BAD_ENUM = 4,        /* dtype, empty_row, reduction, alignment or lse_dtype holds no value of its enumeration */
  ASSAY_NULL_POINTER = 5,    /* an operand that the operation needs is NULL though it has elements */
  ASSAY_OVERLAP = 6,         /* out overlaps an input and is not exactly in place */
  ASSAY_UNSUPPORTED = 7,     /* a valid request that this kernel does not serve */
  ASSAY_BAD_LABEL = 8,       /* a label is neither ignore_index nor in [0, cols) */
  ASSAY_BAD_PARAMETER = 9,   /* label_smoothing is not in [0, 1], scale or softcap is not what assay_attention_args says,
                                or an operand is given that the operation has not */
  ASSAY_BAD_LENGTH = 10,     /* a key length is not in [0, seq_kv] */
  ASSAY_SMALL_SCRATCH = 11   /* scratch is NULL or smaller than what the kernel asks for */
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

/* The operations. Those of rows, first: z = logits / T + bias, in real numbers; an entry is visible if neither the mask hides it nor
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
 *
 * ATTENTION and ATTENTION_BACKWARD: see assay_attention_args.
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
  ASSAY_SPARSEMAX_BACKWARD = 9,
  ASSAY_ATTENTION = 10,
  ASSAY_ATTENTION_BACKWARD = 11
} assay_op;
#define ASSAY_NUM_ROW_OPS 10 /* the operations of rows come first */
#define ASSAY_NUM_OPS 12     /* values of assay_op */

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

/* Entry [b, h, i, j] lies at data + b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3], in elements.
 * data = NULL: absent. */
typedef struct assay_const_tensor {
  const void* data;     /* entry [0, 0, 0, 0] */
  ptrdiff_t strides[4]; /* batch, head, position in the sequence, dimension */
} assay_const_tensor;

/* The same, to be written. */
typedef struct assay_tensor {
  void* data;           /* entry [0, 0, 0, 0] */
  ptrdiff_t strides[4]; /* batch, head, position in the sequence, dimension */
} assay_tensor;

/* Which query the last key belongs to, for causal and window. With L keys, query i stands at the position
 * t = i + L - seq_q (bottom right: the last query sees the last key), or t = i (top left). */
typedef enum assay_alignment { ASSAY_BOTTOM_RIGHT = 0, ASSAY_TOP_LEFT = 1 } assay_alignment;

/* One call of attention, or of its backward. Fields that the operation does not read are zero. N = batch, H = num_heads,
 * G = num_kv_heads, I = seq_q, J = seq_kv, D = head_dim, E = value_dim. Query head h uses the key head h / (H / G).
 *
 *   score  s_ij = scale * sum_d q_id k_jd;  z_ij = softcap * tanh(s_ij / softcap) + bias_ij (softcap = 0: s_ij + bias_ij)
 *   share  p_ij = exp(z_ij) / (sum over visible j of exp(z_ij) + exp(sink_h)), 0 where invisible; without a sink no such term
 *   ATTENTION           out_ie = sum_j p_ij v_je, and lse_i = log of that denominator
 *   ATTENTION_BACKWARD  of the loss whose gradient with respect to out is upstream; exact in the saved_out and saved_lse it
 *                       is given: p_ij = exp(z_ij - saved_lse_i), delta_i = sum_e upstream_ie saved_out_ie,
 *                       g_ij = p_ij (sum_e upstream_ie v_je - delta_i), f_ij = 1 - tanh(s_ij / softcap)^2 (softcap = 0: 1)
 *                       dv_je = sum_i p_ij upstream_ie     dq_id = scale sum_j g_ij f_ij k_jd
 *                       dbias_ij = g_ij                    dk_jd = scale sum_i g_ij f_ij q_id
 *                       where dk and dv sum over the query heads of their key head, too.
 *
 * Visible  key j is visible to query i iff j < L, the mask does not hide it, z_ij > -inf, j <= t if causal, and
 *          j > t - window if window is not 0; L = lengths[n], without lengths J; t: see assay_alignment.
 *          What an invisible key, value, bias or upstream entry holds never influences a bit.
 * Nothing visible  out (unless the sink is NaN or +inf) and all its gradients +0, lse = -inf, with a sink lse = sink. I, J, N = 0: ASSAY_OK. D = 0: s = 0. E = 0: only lse.
 * One visible key and no sink: out is its value row, bit for bit, but for the zeros and NaNs of Values.
 * Values   a NaN or +inf among the visible z (or as sink): out of that query NaN, lse NaN or +inf (NaN where there is one); a
 *          sink of -inf is none. A value that is NaN or infinite makes its column, of the queries that see it, NaN or
 *          infinite. Finite inputs never give NaN: what overflows a float is computed wider. Every NaN written is the
 *          canonical one, every zero +0. Backward: a row whose saved_lse is -inf contributes nothing; where inputs are NaN or
 *          infinite, nothing more is said than which results they reach.
 * Strides  any, negative too; 0 repeats an input along that dimension. Entries of an output must not share a place. What
 *          lies between entries is neither read nor written.
 * Overlap  out may be q, exactly (same data, strides and E = D); any other overlap of an output with an input or another
 *          output is an error, where a buffer reaches from its lowest to its highest entry, gaps included.
 * Scratch  of the size that the kernel asks for (assay_attention_kernel), aligned to 64 bytes; a kernel that asks for none
 *          is given NULL. Its content matters neither before nor after. */
typedef struct assay_attention_args {
  size_t struct_size;  /* sizeof(assay_attention_args) */
  size_t batch;        /* N */
  size_t num_heads;    /* H, a multiple of G */
  size_t num_kv_heads; /* G; 0 only where H = 0 */
  size_t seq_q;        /* I */
  size_t seq_kv;       /* J */
  size_t head_dim;     /* D */
  size_t value_dim;    /* E */
  double scale;        /* finite, negative too; read if has_scale is not 0, else it is 1 / sqrt(D) */
  double softcap;      /* finite and > 0; 0: none */
  size_t window;       /* keys that a query sees, its own included; 0: all */
  int32_t has_scale;   /* see scale */
  int32_t causal;      /* not 0: no key behind the query */
  int32_t alignment;   /* assay_alignment */
  int32_t dtype;       /* assay_dtype of everything but mask, lengths and lse */
  int32_t lse_dtype;   /* assay_dtype of lse and saved_lse: ASSAY_F32 or ASSAY_F64 */
  int32_t reserved;
  assay_const_tensor q;         /* [N, H, I, D] */
  assay_const_tensor k;         /* [N, G, J, D] */
  assay_const_tensor v;         /* [N, G, J, E] */
  assay_const_tensor bias;      /* [N, H, I, J], may be absent */
  assay_const_tensor mask;      /* [N, H, I, J], uint8_t, nonzero = visible; may be absent */
  assay_const_tensor lengths;   /* [N, 1, 1, 1], int64_t: how many keys of each batch exist; may be absent */
  assay_const_tensor sink;      /* [1, H, 1, 1]: a logit of each head without a value; may be absent, absent for backward */
  assay_const_tensor saved_out; /* backward: [N, H, I, E], as ATTENTION gave it */
  assay_const_tensor saved_lse; /* backward: [N, H, I, 1] */
  assay_const_tensor upstream;  /* backward: [N, H, I, E] */
  assay_tensor out;             /* [N, H, I, E] */
  assay_tensor lse;             /* [N, H, I, 1]; may be absent */
  assay_tensor dq;              /* as q; each of the four may be absent */
  assay_tensor dk;              /* as k */
  assay_tensor dv;              /* as v */
  assay_tensor dbias;           /* [N, H, I, J]; only where bias is given */
  void* scratch;                /* see Scratch */
  size_t scratch_bytes;         /* its size */
} assay_attention_args;

/* Attention or its backward: assay_attention and its kin, or somebody else's. */
typedef assay_status (*assay_attention_fn)(const assay_attention_args* args);

/* The bytes of scratch that a call needs, of a call that is right but for data and scratch. A function of the sizes
 * and flags of args alone. */
typedef size_t (*assay_attention_scratch_fn)(const assay_attention_args* args);

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
  ASSAY_FEATURE_CANONICAL_NAN = 1 << 15,      /* every NaN written is the positive quiet one without payload */
  /* Of attention: */
  ASSAY_FEATURE_CAUSAL = 1 << 16,             /* causal, aligned to the bottom right */
  ASSAY_FEATURE_TOP_LEFT = 1 << 17,           /* the other alignment as well */
  ASSAY_FEATURE_WINDOW = 1 << 18,             /* a sliding window */
  ASSAY_FEATURE_LENGTHS = 1 << 19,            /* key lengths */
  ASSAY_FEATURE_GROUPED_HEADS = 1 << 20,      /* num_kv_heads other than num_heads */
  ASSAY_FEATURE_VALUE_DIM = 1 << 21,          /* value_dim other than head_dim */
  ASSAY_FEATURE_SCALE = 1 << 22,              /* a scale of the caller's */
  ASSAY_FEATURE_SOFTCAP = 1 << 23,            /* a softcap */
  ASSAY_FEATURE_SINK = 1 << 24,               /* a sink */
  ASSAY_FEATURE_LSE = 1 << 25,                /* lse as a second output */
  ASSAY_FEATURE_LSE_F64 = 1 << 26             /* lse in F64 as well as F32 */
} assay_feature;
#define ASSAY_FEATURES_ALL 0x7FFFFFF /* all of assay_feature */

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

/* What a claim says of each result of attention, got, against the real value, exact:
 *   |got - exact| <= max_ulp ulp(exact) + (terms + keys n + (scores + scores_dim D) S) * W
 * S is the largest, over the visible pairs that the result depends on, of |scale| sum_d |q_id k_jd| + |bias_ij|, for
 * gradients under a softcap times 1 + 2 / softcap, since the slope bends so much. n is J; of dq and dbias J + E, of dk and
 * dv I (H / G) + E. W: of out sum_j p_ij |v_je|; of lse 1 + |lse|; of a gradient the sum of the absolute values of everything
 * its formula above adds, products multiplied out, with f_ij as 1.
 * Where (scores + scores_dim D) S is 1 or more, shares may be anything: of out only W + max_j |v_je| is asked then, of gradients
 * nothing; nor is anything asked of a gradient where a p_ij is beyond the largest float (F64: double), as no forward pass
 * saves it. */
typedef struct assay_attention_claim {
  int32_t kind; /* assay_claim_kind; CORRECTLY_ROUNDED as BOUND of 0.5 ULP alone */
  int32_t reserved;
  double max_ulp;    /* at least 0.5 */
  double terms;      /* these four: 0 or more, a few units of roundoff */
  double keys;       /* for each of n */
  double scores;     /* for each unit of S */
  double scores_dim; /* for each unit of S and dimension */
} assay_attention_claim;

/* A subject's kernel for attention or its backward. */
typedef struct assay_attention_kernel {
  assay_attention_fn run;                   /* NULL = not implemented */
  assay_attention_scratch_fn scratch_bytes; /* NULL = needs none */
  uint64_t without;                         /* features of the table that this operation has not */
  uint32_t dtypes;                          /* a set of 1 << assay_dtype; 0 = F32 alone */
  uint32_t reserved;
  assay_attention_claim claims[ASSAY_NUM_DTYPES]; /* accuracy, by assay_dtype */
} assay_attention_kernel;

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
  /* Since ABI 1.2; a table that ends before them has none. */
  assay_attention_kernel attention;
  assay_attention_kernel attention_backward; /* likewise */
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

/* Attention and its backward, exact tier and fast tier: all that is written at assay_attention_args, every feature, F32,
 * F16 and BF16 (F64: ASSAY_UNSUPPORTED). Scratch comes from the caller: assay_attention_scratch_bytes(args) serves any
 * of the four and depends on head_dim and value_dim alone. Otherwise as the row operations. */
assay_status assay_attention(const assay_attention_args* args);
assay_status assay_attention_backward(const assay_attention_args* args); /* see assay_attention */
assay_status assay_fast_attention(const assay_attention_args* args); /* see assay_attention */
assay_status assay_fast_attention_backward(const assay_attention_args* args); /* see assay_attention */
size_t assay_attention_scratch_bytes(const assay_attention_args* args); /* a multiple of 64; only sizes are read */

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
