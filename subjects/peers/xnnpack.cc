// SPDX-License-Identifier: Apache-2.0
//
// XNNPACK's softmax and sigmoid operators. An operator is made once for its shape and set up once for its buffers and
// rows; only running it is left to a call that is like the one before.

#include <xnnpack.h>

#include <cstdint>

#include "subjects/peers/peer.h"

namespace assay::peers {
namespace {

using Create = xnn_status (*)(std::size_t channels, std::size_t input_stride, std::size_t output_stride,
                              std::uint32_t flags, xnn_operator_t* op);
using Setup = xnn_status (*)(xnn_operator_t op, std::size_t batch, const float* in, float* out, pthreadpool_t pool);

template <Create kCreate, Setup kSetup>
class Operator {
 public:
  ~Operator() { Drop(); }

  assay_status Run(const assay_row_args& a) {
    if (IsEmpty(a)) return ASSAY_OK;
    // Strides of a single row mean nothing, and XNNPACK refuses those below the channels.
    const Shape shape = {a.cols, a.rows == 1 ? a.cols : static_cast<std::size_t>(a.logits.row_stride),
                         a.rows == 1 ? a.cols : static_cast<std::size_t>(a.out.row_stride)};
    if (op_ == nullptr || shape != shape_) {
      Drop();
      static const xnn_status ready = xnn_initialize(nullptr);
      if (ready != xnn_status_success) return ASSAY_UNSUPPORTED;
      if (kCreate(shape.cols, shape.in, shape.out, 0, &op_) != xnn_status_success) return ASSAY_UNSUPPORTED;
      shape_ = shape;
    }
    const Buffers buffers = {a.rows, static_cast<const float*>(a.logits.data), static_cast<float*>(a.out.data)};
    if (buffers != buffers_) {
      buffers_ = {};  // a failed set-up leaves none
      if (kSetup(op_, buffers.rows, buffers.in, buffers.out, nullptr) != xnn_status_success) return ASSAY_UNSUPPORTED;
      buffers_ = buffers;
    }
    return xnn_run_operator(op_, nullptr) == xnn_status_success ? ASSAY_OK : ASSAY_UNSUPPORTED;
  }

 private:
  struct Shape {
    std::size_t cols = 0;
    std::size_t in = 0;
    std::size_t out = 0;
    bool operator==(const Shape&) const = default;
  };
  struct Buffers {
    std::size_t rows = 0;
    const float* in = nullptr;
    float* out = nullptr;
    bool operator==(const Buffers&) const = default;
  };

  void Drop() {
    if (op_ != nullptr) xnn_delete_operator(op_);
    op_ = nullptr;
    buffers_ = {};
  }

  xnn_operator_t op_ = nullptr;
  Shape shape_;
  Buffers buffers_;
};

template <class Op>
assay_status Run(const assay_row_args* args) {
  static thread_local Op op;
  return op.Run(*args);
}

assay_subject Table() {
  assay_subject table = {};
  table.struct_size = sizeof table;
  table.abi_major = ASSAY_ABI_MAJOR;
  table.abi_minor = ASSAY_ABI_MINOR;
  table.name = "xnnpack";
  table.version = ASSAY_PEER_VERSION;  // of the package: the library names none
  table.description = "The operators softmax_nc_f32 and sigmoid_nc_f32 of XNNPACK, run by one thread.";
  table.features = ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_CONCURRENT;
  table.over_read_bytes = XNN_EXTRA_BYTES;
  table.softmax.run = Run<Operator<xnn_create_softmax_nc_f32, xnn_setup_softmax_nc_f32>>;
  table.sigmoid.run = Run<Operator<xnn_create_sigmoid_nc_f32, xnn_setup_sigmoid_nc_f32>>;
  return table;
}

}  // namespace
}  // namespace assay::peers

ASSAY_PEER_EXPORT const assay_subject* assay_subject_v1() {
  static const assay_subject table = assay::peers::Table();
  return &table;
}
