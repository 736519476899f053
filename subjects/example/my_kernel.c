/* SPDX-License-Identifier: Apache-2.0
 *
 * How to have your own kernel checked: a kernel as many programs have one, and twenty lines of glue.
 *   cc -std=c99 -O2 -shared -fPIC -I lib/include subjects/example/my_kernel.c -o my_kernel.so -lm */
#include <assay/assay.h>
#include <math.h>

/* The kernel: dense rows, T = 1, no mask. */
static void my_softmax(const float* x, float* y, size_t n) {
  float max = x[0], sum = 0;
  for (size_t i = 1; i < n; ++i) max = x[i] > max ? x[i] : max;
  for (size_t i = 0; i < n; ++i) sum += y[i] = expf(x[i] - max);
  for (size_t i = 0; i < n; ++i) y[i] /= sum;
}

/* The glue: what the call means for this kernel, and what the kernel can do. */
static assay_status run(const assay_softmax_args* a) {
  if (a->mask != NULL || a->temperature != 1) return ASSAY_UNSUPPORTED;
  if (a->cols == 0) return ASSAY_OK;
  for (size_t i = 0; i < a->rows; ++i) {
    my_softmax((const float*)a->logits + i * a->logits_row_stride, (float*)a->probs + i * a->probs_row_stride, a->cols);
  }
  return ASSAY_OK;
}

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const assay_subject*
assay_subject_v1(void) {
  static const assay_subject subject = {
      .struct_size = sizeof(assay_subject),
      .abi_major = ASSAY_ABI_MAJOR,
      .abi_minor = ASSAY_ABI_MINOR,
      .name = "my_kernel",
      .version = "1.0",
      .description = "A float loop that subtracts the maximum.",
      .features = ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_IN_PLACE, /* what is not named is skipped, not failed */
      .empty_row_unmasked = ASSAY_EMPTY_ROW_NAN,
      .softmax = run,
  };
  return &subject;
}
