/* NAME: a kernel and the glue by which `assay` checks it. Put your own kernel in place of NAME_attention. */
#include <assay/assay.h>
#include <math.h>

/* In double: a float would overflow on queries and keys that are themselves fine. */
static double score(const float* q, const float* k, size_t dim) {
  double sum = 0;
  for (size_t d = 0; d < dim; ++d) sum += (double)q[d] * k[d];
  return sum / sqrt((double)dim);
}

/* The kernel, one head: q and out are dense [queries, dim], k and v [keys, dim]. */
static void NAME_attention(const float* q, const float* k, const float* v, float* out, size_t queries, size_t keys,
                           size_t dim, int causal) {
  for (size_t i = 0; i < queries; ++i, q += dim, out += dim) {
    const size_t behind = causal ? queries - 1 - i : 0; /* the last query sees the last key */
    const size_t seen = behind < keys ? keys - behind : 0;
    double max = -INFINITY, sum = 0;
    for (size_t e = 0; e < dim; ++e) out[e] = 0;
    for (size_t j = 0; j < seen; ++j) max = fmax(max, score(q, k + j * dim, dim));
    for (size_t j = 0; j < seen; ++j) sum += exp(score(q, k + j * dim, dim) - max);
    for (size_t j = 0; j < seen; ++j) {
      const double s = score(q, k + j * dim, dim);
      const float p = (float)(exp(s - max) / sum);
      for (size_t e = 0; e < dim && s != -INFINITY; ++e) out[e] += p * v[j * dim + e];
    }
  }
}

/* The glue. What is not declared below (masks, strides, a scale ...) no call asks for. */
static assay_status run(const assay_attention_args* a) {
  const size_t queries = a->seq_q * a->head_dim, keys = a->seq_kv * a->head_dim;
  for (size_t b = 0; b < a->batch; ++b) {
    for (size_t h = 0; h < a->num_heads; ++h) {
      const size_t head = b * a->num_heads + h;
      const size_t kv_head = b * a->num_kv_heads + h / (a->num_heads / a->num_kv_heads);
      NAME_attention((const float*)a->q.data + head * queries, (const float*)a->k.data + kv_head * keys,
                     (const float*)a->v.data + kv_head * keys, (float*)a->out.data + head * queries, a->seq_q,
                     a->seq_kv, a->head_dim, a->causal);
    }
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
      .name = "NAME",
      .version = "0.1",
      .description = "A loop over queries and keys that subtracts the maximum.",
      .features = ASSAY_FEATURE_CAUSAL | ASSAY_FEATURE_GROUPED_HEADS, /* and what else it can do */
      .attention = {.run = run}, /* .claims[ASSAY_F32] = {ASSAY_CLAIM_BOUND, ...} says how accurate it is */
  };
  return &subject;
}
