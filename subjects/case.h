// SPDX-License-Identifier: Apache-2.0
//
// A Case: one call of one operation, with everything that may influence its result. It has an exact text form
// (case_io.h); equal cases put equal bytes in front of a subject on any machine.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "subjects/array.h"

namespace assay::subjects {

// Which end of every buffer touches the inaccessible page.
enum class Guard { kAfter, kBefore };

// Where the entries of a [rows, cols] operand lie. Entries of a row are `step` elements apart; behind the last of them
// `gap` more are free before the next row begins. The other fields turn that around. An operand of attention is such a
// matrix of positions by dimensions for each head of each batch, one behind the other.
struct Layout {
  std::size_t gap = 0;
  std::size_t step = 1;        // at least 1
  bool columns_outer = false;  // columns lie one behind the other: read "column" for "row" above
  bool rows_backward = false;  // negative row stride
  bool cols_backward = false;  // negative column stride
  bool repeats_row = false;    // row stride 0, inputs only: every row is the first (Validate compares them)
  // Of attention alone.
  bool heads_inner = false;    // [batch, position, head, dimension]; not with columns_outer, repeats_row
  bool repeats_head = false;   // head stride 0, inputs only: every head of a batch is its first
  bool repeats_batch = false;  // batch stride 0, inputs only

  bool operator==(const Layout&) const = default;
};

// An input of the call: values dense and row by row, as many as the operation says; and where they lie.
struct Operand {
  bool given = false;
  Array values;
  Layout layout;

  double operator[](std::size_t i) const { return values[i]; }
  bool operator==(const Operand&) const = default;
};

// The operands by role: inputs, then outputs.
enum class Role {
  kLogits,
  kBias,  // of attention, too
  kMask,  // of attention, too
  kSaved,
  kUpstream,  // of attention, too
  kTargets,
  kLabels,
  kQ,
  kK,
  kV,
  kLengths,
  kSink,
  kSavedOut,
  kSavedLse,
  kOut,
  kLse,
  kDq,
  kDk,
  kDv,
  kDbias
};
inline constexpr int kInputRoles = 14;  // those before kOut
inline constexpr int kOutputRoles = 6;  // kOut and those behind it
const char* RoleName(Role role);        // "logits"

// What the dimensions of operands run over.
enum class Axis { kOne, kRow, kCol, kBatch, kHead, kKvHead, kQuery, kKey, kHeadDim, kValueDim };
using Dims = std::array<std::size_t, 4>;  // batch, head, row or position, column or dimension

struct Shape {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t size() const { return rows * cols; }
};

// What a call of attention has beside operands; the fields are those of assay_attention_args.
struct Attention {
  std::size_t batch = 1;
  std::size_t num_heads = 1;
  std::size_t num_kv_heads = 1;
  std::size_t seq_q = 1;
  std::size_t seq_kv = 1;
  std::size_t head_dim = 1;
  std::size_t value_dim = 1;
  bool has_scale = false;
  double scale = 0;  // 0 where has_scale is false
  double softcap = 0;
  std::size_t window = 0;
  bool causal = false;
  assay_alignment alignment = ASSAY_BOTTOM_RIGHT;
  assay_dtype lse_dtype = ASSAY_F32;
  std::uint32_t skipped = 0;  // a set of 1 << (role - kOut): outputs that are not asked for

  bool operator==(const Attention&) const = default;
};

struct Case {
  assay_op op = ASSAY_SOFTMAX;
  assay_dtype dtype = ASSAY_F32;
  std::size_t rows = 1;
  std::size_t cols = 1;
  double temperature = 1.0;
  assay_empty_row empty_row = ASSAY_EMPTY_ROW_AUTO;
  assay_reduction reduction = ASSAY_REDUCTION_NONE;
  double label_smoothing = 0;
  bool has_ignore_index = false;
  std::int64_t ignore_index = 0;

  Operand logits;
  Operand bias;
  Operand mask;  // u8, 1 = visible
  Operand saved;
  Operand upstream;
  Operand targets;
  Operand labels;  // i64
  Layout out;      // ignored in place

  // Attention, which has no rows, cols, temperature, empty_row, reduction ... (they keep their defaults).
  Attention attention;
  Operand q;
  Operand k;
  Operand v;
  Operand lengths;  // i64
  Operand sink;
  Operand saved_out;
  Operand saved_lse;                                    // of lse_dtype
  std::array<Layout, kOutputRoles - 1> more_outs = {};  // of the outputs behind kOut, by role

  // Elements between the buffers and their guard page: moves the alignment of every row.
  std::size_t offset = 0;
  Guard guard = Guard::kAfter;
  bool in_place = false;  // out is the in-place operand (InPlaceRole) itself, its layout included

  // Seeds whatever a law derives from the case (a shift, a replacement for masked content ...).
  std::uint64_t law_key = 0;
  // Where the case comes from; no influence on the call.
  std::string property;
  std::string origin;

  Operand& operand(Role role);
  const Operand& operand(Role role) const;

  // Forward operations: not masked, and neither logit nor bias is -inf (a NaN is visible). Backward of the
  // activations: the saved probability is not 0.
  bool Visible(std::size_t row, std::size_t col) const;
  bool operator==(const Case&) const = default;
};

// ---- What an operation has ---------------------------------------------------------------------------------

bool IsAttention(assay_op op);  // attention and its backward

const char* OpName(assay_op op);           // "log_softmax"
bool IsBackwardOfActivation(assay_op op);  // softmax_, log_softmax_, sparsemax_backward: saved and upstream
bool IsLoss(assay_op op);                  // cross_entropy and its gradient
bool HasLogits(assay_op op);               // all but IsBackwardOfActivation
bool TakesMask(assay_op op);               // HasLogits but sigmoid
bool HasZeroTemperature(assay_op op);      // T = 0 is a limit, not an error

// Whether the operation has the operand at all, and whether it may be absent (labels and targets apart: one of them).
struct Need {
  bool has;
  bool optional;
};
Need NeedOf(assay_op op, Role role);

// What the dimensions of an operand run over: {kOne, kOne, kRow, kCol} of logits.
std::array<Axis, 4> AxesOf(const Case& c, Role role);
std::size_t SizeOf(const Case& c, Axis axis);
Dims DimsOf(const Case& c, Role role);

// The same as a matrix, whether given or not: [rows, cols], [rows, 1] or [1, 1]; of attention the first three
// dimensions are its rows.
Shape ShapeOf(const Case& c, Role role);

// The outputs that the call writes, kOut (of attention's backward: kDq ...) first; skipped ones are absent.
std::vector<Role> OutputsOf(const Case& c);
bool Skips(const Case& c, Role output);  // whether it is in attention.skipped
void Skip(Case& c, Role output);         // puts it there and its layout back to the plain one
// As the case holds it; in place, LayoutOf (layout.h) tells that of kOut.
const Layout& OutLayout(const Case& c, Role output);
Layout& OutLayout(Case& c, Role output);

// The input that out may be: logits, or upstream of a backward of an activation. Meaningless where out has another
// shape (logsumexp, cross_entropy).
Role InPlaceRole(assay_op op);
bool CanBeInPlace(assay_op op);

// Calls visit(role, operand) for every given input.
template <class AnyCase, class Visit>
void ForEachInput(AnyCase& c, Visit visit) {
  for (int i = 0; i < kInputRoles; ++i) {
    auto& operand = c.operand(static_cast<Role>(i));
    if (operand.given) visit(static_cast<Role>(i), operand);
  }
}

// ---- Working with cases ------------------------------------------------------------------------------------

// Gives the operand values of the case's shape and right type, zeros (mask: ones).
void Give(Case& c, Role role);
// Not given any more; without bias, dbias is skipped.
void Take(Case& c, Role role);

// An ordinary case: required operands given (logits or saved and upstream, labels for losses), all zeros.
Case MakeCase(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols);
// The same of attention; where bias is not given, dbias is skipped.
Case MakeAttention(assay_op op, assay_dtype dtype, const Attention& attention);

// True iff both put the same bytes in front of a subject (sign and payload of every number included); law_key, property
// and origin do not matter.
bool SameBits(const Case& a, const Case& b);

// The case reduced to one of its rows: operands, loss and upstream as that row alone has them. The reduction stays, so
// that the mean of the one row has the divisor 1 (0 where it is ignored), not that of the whole case.
Case OneRow(const Case& c, std::size_t row);

// The case with only those indices of an axis for which keep(i) holds, in every operand that has it. kHead drops whole
// groups: it asks for each key head (as kKvHead), and the query heads of a dropped one go with it. Labels and lengths
// move along: the label of a dropped column becomes 0, a length counts the keys kept of those it had. Where out in
// place would lose the shape of its input, it is in place no more.
Case KeepAlong(const Case& c, Axis axis, const std::function<bool(std::size_t)>& keep);

// The same of the query heads (kHead) or the key heads (kKvHead) alone: groups become smaller, or heads do not divide.
Case KeepHeads(const Case& c, Axis axis, const std::function<bool(std::size_t)>& keep);
bool HeadsDivide(const Attention& attention);  // num_heads is a multiple of num_kv_heads; 0 only of 0

// The case with only the columns for which keep(j) holds: KeepAlong kCol.
template <class Keep>
Case KeepColumns(const Case& c, Keep keep) {
  return KeepAlong(c, Axis::kCol, keep);
}

// Throws std::invalid_argument naming the first field that contradicts another (sizes against rows * cols ...). What a
// kernel must refuse (T < 0, labels out of range) is no contradiction.
void Validate(const Case& c);

}  // namespace assay::subjects
