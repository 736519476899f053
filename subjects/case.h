// SPDX-License-Identifier: Apache-2.0
//
// A Case: one call of one operation, with everything that may influence its result. It has an exact text form
// (case_io.h); equal cases put equal bytes in front of a subject on any machine.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "assay/assay.h"
#include "subjects/array.h"

namespace assay::subjects {

// Which end of every buffer touches the inaccessible page.
enum class Guard { kAfter, kBefore };

// Where the entries of a [rows, cols] operand lie. Entries of a row are `step` elements apart; behind the last of them
// `gap` more are free before the next row begins. The other fields turn that around.
struct Layout {
  std::size_t gap = 0;
  std::size_t step = 1;        // at least 1
  bool columns_outer = false;  // columns lie one behind the other: read "column" for "row" above
  bool rows_backward = false;  // negative row stride
  bool cols_backward = false;  // negative column stride
  bool repeats_row = false;    // row stride 0, inputs only: every row is the first (Validate compares them)

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

// The operands by role; attention will append its own.
enum class Role { kLogits, kBias, kMask, kSaved, kUpstream, kTargets, kLabels, kOut };
inline constexpr int kInputRoles = 7;  // all but kOut
const char* RoleName(Role role);       // "logits"

struct Shape {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t size() const { return rows * cols; }
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

const char* OpName(assay_op op);           // "log_softmax"
bool IsBackwardOfActivation(assay_op op);  // softmax_, log_softmax_, sparsemax_backward: saved and upstream
bool IsLoss(assay_op op);                  // cross_entropy and its gradient
bool HasLogits(assay_op op);               // all but IsBackwardOfActivation
bool TakesMask(assay_op op);               // HasLogits but sigmoid
bool HasZeroTemperature(assay_op op);      // T = 0 is a limit, not an error

// The case's shape of an operand, whether given or not: [rows, cols], [rows, 1] or [1, 1].
Shape ShapeOf(const Case& c, Role role);

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

// True iff both put the same bytes in front of a subject (NaN payloads and signs of zero included); where they come
// from does not count, law_key does.
bool SameBits(const Case& a, const Case& b);

// Gives the operand values of the case's shape and right type, zeros (mask: ones).
void Give(Case& c, Role role);
void Take(Case& c, Role role);  // not given any more

// An ordinary case: required operands given (logits or saved and upstream, labels for losses), all zeros.
Case MakeCase(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols);

// True iff both put the same bytes in front of a subject (sign and payload of every number included); law_key, property
// and origin do not matter.
bool SameBits(const Case& a, const Case& b);

// The case reduced to one of its rows: operands, loss and upstream as that row alone has them. The reduction stays, so
// that the mean of the one row has the divisor 1 (0 where it is ignored), not that of the whole case.
Case OneRow(const Case& c, std::size_t row);

// The case with only the columns for which keep(j) holds. Labels move along; a label of a dropped column becomes 0.
template <class Keep>
Case KeepColumns(Case c, Keep keep);

// Throws std::invalid_argument naming the first field that contradicts another (sizes against rows * cols ...). What a
// kernel must refuse (T < 0, labels out of range) is no contradiction.
void Validate(const Case& c);

template <class Keep>
Case KeepColumns(Case c, Keep keep) {
  const std::size_t cols = c.cols;
  std::size_t kept = 0;
  for (std::size_t j = 0; j < cols; ++j) kept += keep(j) ? 1 : 0;
  ForEachInput(c, [&](Role role, Operand& operand) {
    if (role == Role::kLabels) {
      for (std::size_t r = 0; r < operand.values.size(); ++r) {
        const auto label = static_cast<std::int64_t>(operand.values.Bits(r));
        if ((c.has_ignore_index && label == c.ignore_index) || label < 0 || static_cast<std::size_t>(label) >= cols) {
          continue;
        }
        std::size_t moved = 0;
        for (std::size_t j = 0; j < static_cast<std::size_t>(label); ++j) moved += keep(j) ? 1 : 0;
        operand.values.SetBits(r, keep(static_cast<std::size_t>(label)) ? moved : 0);
      }
    } else if (ShapeOf(c, role).cols == cols && role != Role::kUpstream) {
      operand.values.Filter([&](std::size_t i) { return keep(i % cols); });
    } else if (role == Role::kUpstream && IsBackwardOfActivation(c.op)) {
      operand.values.Filter([&](std::size_t i) { return keep(i % cols); });
    }
  });
  c.cols = kept;
  return c;
}

}  // namespace assay::subjects
