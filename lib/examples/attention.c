/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention from C: one head, 2 queries and 3 keys of 2 dimensions, causal: the last query sees the last key.
 */
#include <assay/assay.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void dense(ptrdiff_t strides[4], ptrdiff_t positions, ptrdiff_t dim) {
  strides[0] = strides[1] = positions * dim;
  strides[2] = dim;
  strides[3] = 1;
}

int main(void) {
  const float q[2][2] = {{1, 0}, {0, 2}};
  const float k[3][2] = {{1, 1}, {-1, 0}, {0, 2}};
  const float v[3][2] = {{1, 0}, {0, 2}, {4, 4}};
  float out[2][2];
  double lse[2];
  unsigned char* memory;
  assay_status status;
  assay_attention_args args = {0};
  args.struct_size = sizeof(args);
  args.batch = args.num_heads = args.num_kv_heads = 1;
  args.seq_q = 2;
  args.seq_kv = 3;
  args.head_dim = args.value_dim = 2;
  args.causal = 1;
  args.dtype = ASSAY_F32;
  args.lse_dtype = ASSAY_F64;
  args.q.data = q;
  dense(args.q.strides, 2, 2);
  args.k.data = k;
  dense(args.k.strides, 3, 2);
  args.v.data = v;
  dense(args.v.strides, 3, 2);
  args.out.data = out;
  dense(args.out.strides, 2, 2);
  args.lse.data = lse;
  dense(args.lse.strides, 2, 1);

  /* Scratch depends on head_dim and value_dim alone, so one serves every call of a model. Aligned to 64 bytes. */
  args.scratch_bytes = assay_attention_scratch_bytes(&args);
  memory = malloc(args.scratch_bytes + 63);
  if (memory == NULL) return 1;
  args.scratch = memory + (64 - (uintptr_t)memory % 64) % 64;
  status = assay_attention(&args);
  free(memory);
  if (status != ASSAY_OK) {
    fprintf(stderr, "%s\n", assay_status_name(status));
    return 1;
  }
  printf("%.9g %.9g lse %.6f\n", (double)out[0][0], (double)out[0][1], lse[0]);
  printf("%.9g %.9g lse %.6f\n", (double)out[1][0], (double)out[1][1], lse[1]);
  return 0;
}
