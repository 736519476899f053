/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax from C: one row at temperature 0.5.
 */
#include <assay/assay.h>
#include <assay/calibration.h>
#include <assay/sampling.h>
#include <stdio.h>

int main(void) {
  const float logits[3] = {2.0f, 1.0f, 0.0f};
  float probs[3];
  assay_status status;
  assay_row_args args = {0};
  args.struct_size = sizeof(args);
  args.rows = 1;
  args.cols = 3;
  args.temperature = 0.5;
  args.dtype = ASSAY_F32;
  args.logits.data = logits;
  args.logits.col_stride = 1;
  args.out.data = probs;
  args.out.col_stride = 1;
  status = assay_softmax(&args);
  if (status != ASSAY_OK) {
    fprintf(stderr, "%s\n", assay_status_name(status));
    return 1;
  }
  printf("%.9g %.9g %.9g\n", (double)probs[0], (double)probs[1], (double)probs[2]);
  return 0;
}
