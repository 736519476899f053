/* SPDX-License-Identifier: Apache-2.0
 *
 * The C API of Assay: descriptors of the operations, status codes, the library's own functions, and the
 * table by which any shared library presents its kernels to the verification suite (the subject ABI).
 * C99, no dependencies. Sizes and strides are in elements; what is in bytes ends in `_bytes`.
 */
#ifndef ASSAY_ASSAY_H_
#define ASSAY_ASSAY_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A different major version is refused; a larger minor version only appends fields, which are ignored. */
#define ASSAY_ABI_MAJOR 1
#define ASSAY_ABI_MINOR 0

/* What a call answers. Whenever it is not ASSAY_OK, nothing was written. */
typedef enum assay_status {
  ASSAY_OK = 0,
  ASSAY_BAD_STRUCT = 1,      /* struct_size is smaller than the first version of the struct */
  ASSAY_BAD_SHAPE = 2,       /* a stride is too small, or a size in bytes overflows ptrdiff_t */
  ASSAY_BAD_TEMPERATURE = 3, /* temperature is negative or NaN */
  ASSAY_BAD_ENUM = 4,        /* dtype or empty_row holds no value of its enumeration */
  ASSAY_NULL_POINTER = 5,    /* logits or probs is NULL though rows and cols are not 0 */
  ASSAY_OVERLAP = 6,         /* probs overlaps logits or mask and is not exactly in place */
  ASSAY_UNSUPPORTED = 7      /* a valid request that this kernel does not serve */
} assay_status;

typedef enum assay_dtype { ASSAY_F32 = 0 } assay_dtype;

/* What a row without a visible entry gives. AUTO: NaN where no mask is given, zeros where one is. */
typedef enum assay_empty_row {
  ASSAY_EMPTY_ROW_AUTO = 0,
  ASSAY_EMPTY_ROW_NAN = 1,
  ASSAY_EMPTY_ROW_ZERO = 2
} assay_empty_row;

/* One softmax over each row: probs[i, j] = exp(z[i, j]) / sum over visible k of exp(z[i, k]), z = logits / T.
 *
 * Shape    logits, probs and mask are [rows, cols], the columns contiguous. Between rows lie `*_row_stride`
 *          elements: at least cols for probs (where rows > 1); anything for logits and mask, 0 repeats one row.
 *          Gaps [cols, row_stride) are neither read nor written. rows = 0 or cols = 0: ASSAY_OK, nothing written.
 * Mask     one byte an entry, nonzero = visible; NULL = all visible. An entry is also invisible when its logit
 *          is -inf. Invisible entries give exactly +0 and what they hold never influences a bit.
 * T        a double >= 0; -0 counts as 0. T = 0 is the limit: equal shares among the row's maxima.
 *          T = +inf: equal shares among the visible entries. Subnormal T is an ordinary T.
 * Values   a visible NaN or +inf makes the whole row NaN (the canonical quiet NaN, 0x7FC00000); a row without a
 *          visible entry follows empty_row; one visible entry gives exactly 1; every zero is +0.
 * Overlap  exactly in place (probs == logits, equal row strides) is fine; any other overlap is ASSAY_OVERLAP,
 *          where a buffer reaches from its first to its last entry, gaps included. */
typedef struct assay_softmax_args {
  size_t struct_size; /* sizeof(assay_softmax_args) */
  const void* logits;
  void* probs;
  const uint8_t* mask;
  size_t rows;
  size_t cols;
  size_t logits_row_stride;
  size_t probs_row_stride;
  size_t mask_row_stride;
  double temperature;
  int32_t dtype;     /* assay_dtype */
  int32_t empty_row; /* assay_empty_row */
} assay_softmax_args;

typedef assay_status (*assay_softmax_fn)(const assay_softmax_args* args);

/* ---- What a subject declares about itself ------------------------------------------------------------- */

/* What a subject can do. A case that needs more is skipped, with this as the reason; never counted as passed. */
typedef enum assay_feature {
  ASSAY_FEATURE_MASK = 1 << 0,               /* a boolean mask */
  ASSAY_FEATURE_TEMPERATURE = 1 << 1,        /* any finite double T > 0 other than 1, beyond the range of float too */
  ASSAY_FEATURE_TEMPERATURE_LIMITS = 1 << 2, /* T = 0 and T = +inf */
  ASSAY_FEATURE_ROW_STRIDE = 1 << 3,         /* row strides other than cols */
  ASSAY_FEATURE_IN_PLACE = 1 << 4,           /* probs == logits */
  ASSAY_FEATURE_EMPTY_ROW = 1 << 5,          /* obeys args->empty_row; otherwise only the declared convention */
  ASSAY_FEATURE_STATUS = 1 << 6              /* refuses bad arguments by a status and writes nothing */
} assay_feature;
#define ASSAY_FEATURES_ALL 0x7F

typedef enum assay_claim_kind {
  ASSAY_CLAIM_NONE = 0,              /* held to the textbook bound of its dtype */
  ASSAY_CLAIM_MAX_ULP = 1,           /* |got - exact| <= max_ulp units in the last place of the exact value */
  ASSAY_CLAIM_CORRECTLY_ROUNDED = 2, /* got is the float nearest to the exact value */
} assay_claim_kind;

typedef struct assay_claim {
  int32_t kind; /* assay_claim_kind */
  int32_t reserved;
  double max_ulp; /* for ASSAY_CLAIM_MAX_ULP */
} assay_claim;

/* The table a subject returns. One function per operation; NULL = not implemented. */
typedef struct assay_subject {
  size_t struct_size; /* sizeof(assay_subject) */
  uint32_t abi_major; /* ASSAY_ABI_MAJOR */
  uint32_t abi_minor; /* ASSAY_ABI_MINOR */
  const char* name;
  const char* version;
  const char* description;    /* one sentence */
  uint64_t features;          /* a set of assay_feature */
  int32_t empty_row_unmasked; /* what AUTO gives without a mask: ASSAY_EMPTY_ROW_NAN or _ZERO */
  int32_t empty_row_masked;   /* what AUTO gives with one */
  size_t alignment_bytes;     /* every row of every buffer must start at a multiple; 0 or 1 = anywhere */
  size_t over_read_bytes;     /* how far past a buffer's end the kernel may read */
  assay_claim softmax_f32;    /* accuracy claim */
  assay_softmax_fn softmax;
} assay_subject;

/* The one symbol a subject library exports: `const assay_subject* assay_subject_v1(void)`. */
#define ASSAY_SUBJECT_SYMBOL "assay_subject_v1"
typedef const assay_subject* (*assay_subject_v1_fn)(void);

/* ---- The library -------------------------------------------------------------------------------------- */

/* Softmax as described at assay_softmax_args, each result correctly rounded (the f32 nearest to the real value,
 * so the same bits on every instruction set). Thread-safe; allocates nothing; scratch is 56 KiB of stack at most.
 * The caller's rounding mode, FTZ/DAZ, exception masks and sticky flags have no influence and are restored. */
assay_status assay_softmax(const assay_softmax_args* args);

/* The name of a status as written above, e.g. "ASSAY_BAD_SHAPE"; "unknown status" for any other number. */
const char* assay_status_name(assay_status status);

/* The instruction sets ("targets") this build contains and this machine can run, best first; assay_softmax uses
 * the first. assay_target_name(i) is NULL for i >= assay_num_targets(). */
size_t assay_num_targets(void);
const char* assay_target_name(size_t i);

/* The library as a subject whose functions run on one target, whatever the machine prefers; NULL for
 * i >= assay_num_targets(). The table is static. */
const assay_subject* assay_target_subject(size_t i);

#ifdef __cplusplus
}
#endif

#endif /* ASSAY_ASSAY_H_ */
