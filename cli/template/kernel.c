/* NAME: a kernel and the glue by which `assay` checks it. Put your own kernel in place of NAME_softmax. */
#include <assay/assay.h>
#include <math.h>

/* The kernel: dense rows of float, T = 1, no mask. */
static void NAME_softmax(const float* x, float* y, size_t rows, size_t cols) {
  for (; rows > 0; --rows, x += cols, y += cols) {
    float max = -INFINITY, sum = 0;
    for (size_t j = 0; j < cols; ++j) max = x[j] > max ? x[j] : max;
    for (size_t j = 0; j < cols; ++j) sum += y[j] = expf(x[j] - max);
    for (size_t j = 0; j < cols; ++j) y[j] /= sum;
  }
}

/* The glue. Nothing is declared below but dense float rows, so no call asks for more. */
static assay_status run(const assay_row_args* a) {
  NAME_softmax((const float*)a->logits.data, (float*)a->out.data, a->rows, a->cols);
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
      .name = "NAME",
      .version = "0.1",
      .description = "A float loop that subtracts the maximum.",
      .features = 0,           /* what it can do beyond that: ASSAY_FEATURE_MASK | ... */
      .softmax = {.run = run}, /* .claims[ASSAY_F32] = {ASSAY_CLAIM_BOUND, .max_ulp = 4} says how accurate it is */
  };
  return &subject;
}
