// SPDX-License-Identifier: Apache-2.0
//
// Faults of which head, batch or place an operand is read from, and of what heads and calls may depend on.

#include <atomic>
#include <thread>

#include "subjects/faulty/attention_fault.h"

namespace assay::subjects {
namespace {

struct HeadMapModulo : FromScalarAttention<HeadMapModulo> {
  static std::size_t KvHead(const AttentionCall& call, std::size_t head) { return head % call.kv_heads(); }
};

struct HeadMapRoundsUp : FromScalarAttention<HeadMapRoundsUp> {
  // A shift by log2 of the group, rounded up where that is no power of two.
  static std::size_t KvHead(const AttentionCall& call, std::size_t head) {
    std::size_t shift = 0;
    while ((std::size_t{1} << shift) < call.heads() / call.kv_heads()) ++shift;
    return head >> shift;
  }
};

struct KeysOfFirstBatch : FromScalarAttention<KeysOfFirstBatch> {
  static void Adjust(assay_attention_args* args) { args->k.strides[0] = 0; }
};

struct ValuesByKeyStrides : FromScalarAttention<ValuesByKeyStrides> {
  static void Adjust(assay_attention_args* args) { std::copy_n(args->k.strides, 4, args->v.strides); }
};

struct DenseOut : FromScalarAttention<DenseOut> {
  // Writes [batch, head, query, dim] whatever the strides are.
  static void Adjust(assay_attention_args* args) {
    std::size_t stride = 1;
    const std::size_t sizes[] = {1, args->num_heads, args->seq_q, args->value_dim};
    for (std::size_t dim = 4; dim-- > 0;) {
      args->out.strides[dim] = static_cast<std::ptrdiff_t>(stride);
      stride *= sizes[dim];
    }
  }
};

struct MaskOfFirstHead : FromScalarAttention<MaskOfFirstHead> {
  static void Adjust(assay_attention_args* args) { args->mask.strides[1] = 0; }
};

struct RoughWithManyHeads : FromScalarAttention<RoughWithManyHeads> {
  // With heads enough for all threads another code path is chosen.
  static Wide Weight(const AttentionCall& call, Query, std::size_t, Wide z, const KeyRow<Wide>& row) {
    return call.heads() < 4 ? Power(z, row.top) : FloatExpOf(z - row.top);
  }
};

struct RoughWithManyQueries : FromScalarAttention<RoughWithManyQueries> {
  // Queries go by fours; what is left over has its own code.
  static Wide Weight(const AttentionCall& call, Query at, std::size_t, Wide z, const KeyRow<Wide>& row) {
    return at.row < call.queries() / 4 * 4 ? Power(z, row.top) : FloatExpOf(z - row.top);
  }
};

struct PacksKeysOnce : FromScalarAttention<PacksKeysOnce> {
  // Keys are packed where they come at another address or in another shape than the last time; other numbers in the
  // same place go unseen.
  static inline thread_local assay_attention_args packed_args = {};
  static inline thread_local std::vector<double> packed;
  static void Begin(const AttentionCall& call) {
    const assay_attention_args& args = call.args();
    const bool same = args.k.data == packed_args.k.data && args.batch == packed_args.batch &&
                      args.num_kv_heads == packed_args.num_kv_heads && args.seq_kv == packed_args.seq_kv &&
                      args.head_dim == packed_args.head_dim &&
                      std::equal(args.k.strides, args.k.strides + 4, packed_args.k.strides);
    if (same) return;
    packed_args = args;
    packed.clear();
    for (std::size_t batch = 0; batch < call.batch(); ++batch) {
      for (std::size_t head = 0; head < call.kv_heads(); ++head) {
        for (std::size_t key = 0; key < call.keys(); ++key) {
          for (std::size_t dim = 0; dim < call.head_dim(); ++dim) packed.push_back(call.K(batch, head, key, dim));
        }
      }
    }
  }
  static Wide K(const AttentionCall& call, Query at, std::size_t key, std::size_t dim) {
    const std::size_t head = at.batch * call.kv_heads() + KvHead(call, at.head);
    return static_cast<Wide>(packed[(head * call.keys() + key) * call.head_dim() + dim]);
  }
};

struct KeepsLastMaximum : FromScalarAttention<KeepsLastMaximum> {
  // Maximum and sum are set by the first key: where it is hidden, those of the query before stay, its sum as 1.
  static inline thread_local Wide last_top = -HUGE_VAL;
  static void Scan(const AttentionCall& call, Query at, KeyRow<Wide>* row) {
    Base::Scan(call, at, row);
    if (!row->Ordinary()) return;
    const Wide own = row->top;
    if (row->z[0] == -HUGE_VAL) row->top = std::max(own, last_top);
    last_top = own;
  }
  static Wide SumOfWeights(const AttentionCall& call, Query at, const KeyRow<Wide>& row) {
    Wide own = *std::max_element(row.z, row.z + call.keys());
    if (call.HasSink()) own = std::max(own, Sink(call, at));
    return Base::SumOfWeights(call, at, row) + (row.top > own ? 1 : 0);
  }
};

struct SharedMaximum : FromScalarAttention<SharedMaximum> {
  // One maximum for all threads. Atomic, so that the race is only in what it means.
  static inline std::atomic<double> shared;
  static void Scan(const AttentionCall& call, Query at, KeyRow<Wide>* row) {
    Base::Scan(call, at, row);
    if (!row->Ordinary()) return;
    shared.store(static_cast<double>(row->top), std::memory_order_relaxed);
    std::this_thread::yield();
    const double seen = shared.load(std::memory_order_relaxed);
    // What another thread has put there is subtracted from scores, but not from the sink, nor added to the LSE.
    if (seen == static_cast<double>(row->top)) return;
    for (std::size_t key = 0; key < call.keys(); ++key) row->z[key] -= row->top - static_cast<Wide>(seen);
  }
};

struct RereadsQuery : FromScalarAttention<RereadsQuery> {
  // Scores are computed again for each dimension of the output: in place, the query is no longer there.
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    if (call.args().out.data != call.args().q.data) return Base::Out(call, at, row, sum, dim);
    for (std::size_t key = 0; key < call.keys(); ++key) {
      if (row.z[key] != -HUGE_VAL) row.w[key] = Power(Z(call, at, key), row.top);
    }
    return Base::Out(call, at, row, sum, dim);
  }
};

}  // namespace

std::vector<BuiltIn> AttentionHeadFaults() {
  return {
      AttentionFault<HeadMapModulo>("head_map_modulo", "head map", "grouped_heads",
                                    "Takes key head h mod num_kv_heads."),
      AttentionFault<HeadMapRoundsUp>("head_map_rounds_up", "head map", "grouped_heads",
                                      "Takes groups for the next power of two."),
      AttentionFault<KeysOfFirstBatch>("keys_of_first_batch", "stride", "batches_independent",
                                       "Ignores the batch stride of the keys."),
      AttentionFault<ValuesByKeyStrides>("values_by_key_strides", "stride", "strides",
                                         "Reads the values by the strides of the keys."),
      AttentionFault<DenseOut>("dense_out", "stride", "strides", "Writes its output without gaps, heads outermost."),
      AttentionFault<MaskOfFirstHead>("mask_of_first_head", "broadcast", "heads_independent",
                                      "Reads the mask of the first head for all."),
      AttentionFault<RoughWithManyHeads>("rough_with_many_heads", "batch dependence", "heads_independent",
                                         "Uses a float exp where there are four heads or more."),
      AttentionFault<RoughWithManyQueries>("rough_with_many_queries", "batch dependence", "attention_accuracy",
                                           "Uses a float exp for the queries left over from fours."),
      AttentionFault<PacksKeysOnce>("packs_keys_once", "state", "history",
                                    "Keeps a packed copy of the keys as long as their address stays."),
      AttentionFault<KeepsLastMaximum>("keeps_last_maximum", "state", "attention_accuracy",
                                       "Keeps the last query's maximum and a sum of 1 where the first key is hidden."),
      AttentionFault<SharedMaximum>("shared_maximum", "threads", "concurrent_calls",
                                    "Keeps one maximum for all threads."),
      AttentionFault<RereadsQuery>("rereads_query", "in place", "in_place",
                                   "Reads the query again while it writes the output."),
  };
}

}  // namespace assay::subjects
