/* SPDX-License-Identifier: Apache-2.0
 *
 * How to have your own kernel checked: a kernel as many programs have one, and twenty lines of glue.
 *   cc -std=c99 -O2 -shared -fPIC -I lib/include subjects/example/my_kernel.c -o my_kernel.so -lm */
#include <assay/assay.h>
#include <math.h>

/* The kernel: contiguous floats, T = 1, no mask. */
static void my_softmax(const float* x, float* y, size_t n) {
  float max = x[0], sum = 0;
  for (size_t i = 1; i < n; ++i) max = x[i] > max ? x[i] : max;
  for (size_t i = 0; i < n; ++i) sum += y[i] = expf(x[i] - max);
  for (size_t i = 0; i < n; ++i) y[i] /= sum;
}

/* The glue: what the call means for this kernel, and what the kernel can do. */
static assay_status run(const assay_row_args* a) {
  if (a->mask.data || a->bias.data || a->temperature != 1) return ASSAY_UNSUPPORTED;
  for (size_t i = 0; i < a->rows && a->cols != 0; ++i) {
    my_softmax((const float*)a->logits.data + (ptrdiff_t)i * a->logits.row_stride,
               (float*)a->out.data + (ptrdiff_t)i * a->out.row_stride, a->cols);
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
      /* What is not named here is skipped, not failed. */
      .features = ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_IN_PLACE | ASSAY_FEATURE_CONCURRENT,
      .softmax = {.run = run},
  };
  return &subject;
}
