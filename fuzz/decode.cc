// SPDX-License-Identifier: Apache-2.0

#include "fuzz/decode.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "fuzz/decode_attention.h"
#include "subjects/layout.h"

namespace assay::fuzz {
namespace {

using subjects::Array;
using subjects::Case;
using subjects::Operand;
using subjects::Role;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

constexpr std::uint8_t kIgnoredLabel = 249;

using Header = std::array<std::uint8_t, kHeaderBytes>;  // of fixed size: nothing is out of it

template <class T>
T Word(const Header& header, std::size_t at) {
  T value;
  std::memcpy(&value, &header[at], sizeof(value));
  return value;
}

// Member k, modulo their number, of a set of operations.
assay_op OpIn(properties::Ops ops, std::size_t k) {
  k %= static_cast<std::size_t>(std::popcount(ops));
  int op = 0;
  while ((ops >> op & 1) == 0 || k-- != 0) ++op;
  return static_cast<assay_op>(op);
}

bool IsMatrix(const Case& c, Role role) {
  return role != Role::kMask && role != Role::kLabels && (role != Role::kUpstream || !subjects::IsLoss(c.op));
}

void DecodeScalars(const Header& header, Case& c) {
  c.guard = (header[4] & 8) != 0 ? subjects::Guard::kBefore : subjects::Guard::kAfter;
  constexpr assay_empty_row kEmptyRows[] = {ASSAY_EMPTY_ROW_AUTO, ASSAY_EMPTY_ROW_NAN, ASSAY_EMPTY_ROW_ZERO,
                                            ASSAY_EMPTY_ROW_AUTO};
  c.empty_row = kEmptyRows[(header[4] >> 4) & 3];
  c.offset = header[6] % 32;
  constexpr double kTemperatures[] = {1, 0.1, 0.7, 3, 0, -0.0, kInf, 1e-310, 1e300, -1};
  const std::size_t t = header[7] % (std::size(kTemperatures) + 2);
  c.temperature = t < std::size(kTemperatures) ? kTemperatures[t] : Word<double>(header, 32);
  c.law_key = Word<std::uint64_t>(header, 40);
  if (!subjects::IsLoss(c.op)) return;
  constexpr assay_reduction kReductions[] = {ASSAY_REDUCTION_NONE, ASSAY_REDUCTION_SUM, ASSAY_REDUCTION_MEAN,
                                             ASSAY_REDUCTION_NONE};
  c.reduction = kReductions[header[5] & 3];
  constexpr double kSmoothings[] = {0, 0.1, 0.25, 0.9, 1, 0x1p-60, -0.5, kNaN};
  c.label_smoothing = kSmoothings[(header[5] >> 2) & 7];
  constexpr std::int64_t kIgnored[] = {-100, 0, 1, std::numeric_limits<std::int64_t>::min()};
  const std::size_t ignored = header[5] >> 5;
  c.has_ignore_index = ignored >= 4 && (header[4] & 128) == 0;
  if (c.has_ignore_index) c.ignore_index = kIgnored[ignored - 4];
}

// Operands in `c` without values yet, so that their number is known.
void DecodeOperands(const Header& header, Case& c) {
  const auto give = [&c](Role role, bool given) { c.operand(role).given = given; };
  const bool backward = subjects::IsBackwardOfActivation(c.op);
  const bool loss = subjects::IsLoss(c.op);
  const bool targets = (header[4] & 128) != 0;
  give(Role::kLogits, !backward);
  give(Role::kBias, !backward && (header[4] & 2) != 0);
  give(Role::kMask, subjects::TakesMask(c.op) && (header[4] & 1) != 0);
  give(Role::kSaved, backward);
  give(Role::kUpstream, backward || (c.op == ASSAY_CROSS_ENTROPY_BACKWARD && (header[4] & 64) != 0));
  give(Role::kTargets, loss && targets);
  give(Role::kLabels, loss && !targets);
}

void DecodeLayouts(const Header& header, Case& c) {
  const auto layout_of = [&](Role role) {
    constexpr std::size_t kGaps[] = {0, 1, 3, 4, 7, 8, 16, 19};
    constexpr std::size_t kSteps[] = {1, 1, 2, 3};
    // Eight bytes: those of the inputs, then that of out.
    const std::size_t at = role == Role::kOut ? 7 : static_cast<std::size_t>(role);
    const std::uint8_t bits = header[10 + at];
    return subjects::Layout{kGaps[bits & 7], kSteps[bits >> 3 & 3], (bits & 32) != 0, (bits & 64) != 0,
                            (bits & 128) != 0};
  };
  c.in_place = (header[4] & 4) != 0 && subjects::CanBeInPlace(c.op);
  c.out = layout_of(Role::kOut);
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    operand.layout = layout_of(role);
    const bool is_out = c.in_place && role == subjects::InPlaceRole(c.op);
    operand.layout.repeats_row = !is_out && (header[9] >> static_cast<int>(role) & 1) != 0;
  });
}

// Every row becomes the first.
void RepeatRow(Array& values, std::size_t cols) {
  for (std::size_t i = cols; i < values.size(); ++i) values.SetBits(i, values.Bits(i - cols));
}

}  // namespace

const std::vector<const properties::Property*>& Laws() {
  static const std::vector<const properties::Property*> laws = [] {
    std::vector<const properties::Property*> fuzzed;
    for (const properties::Property& law : properties::Catalogue()) {
      if (!law.nightly) fuzzed.push_back(&law);
    }
    return fuzzed;
  }();
  return laws;
}

subjects::Element ElementIn(std::span<const std::uint8_t> bytes) {
  return subjects::ElementOf(static_cast<assay_dtype>(bytes.size() > 2 ? bytes[2] % ASSAY_NUM_DTYPES : 0));
}

Decoded Decode(std::span<const std::uint8_t> bytes) {
  Header header{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), header.size()), header.begin());
  const auto data = bytes.subspan(std::min(bytes.size(), header.size()));

  Decoded decoded{Laws()[header[0] % Laws().size()], {}};
  Case& c = decoded.c;
  c.op = OpIn(decoded.property->ops, header[1]);
  c.dtype = static_cast<assay_dtype>(header[2] % ASSAY_NUM_DTYPES);
  c.property = decoded.property->name;
  c.origin = "fuzz";
  if (subjects::IsAttention(c.op)) {
    DecodeAttention(header, data, c);
    return decoded;
  }
  c.rows = header[3] % 6 == 5 ? 1 : header[3] % 6;
  DecodeScalars(header, c);
  DecodeOperands(header, c);
  DecodeLayouts(header, c);

  const std::size_t element_bytes = subjects::BytesOf(subjects::ElementOf(c.dtype));
  const std::size_t elements = data.size() / element_bytes;
  const std::size_t repeat = header[8] >= 192 ? 1 + header[8] % 64 : 1;
  std::size_t matrices = 0;
  subjects::ForEachInput(c, [&](Role role, const Operand&) { matrices += IsMatrix(c, role) ? 1 : 0; });
  c.cols = c.rows == 0 ? elements % 8 : elements / (c.rows * matrices) * repeat;

  std::size_t first = 0;  // element of the next matrix
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    const subjects::Shape shape = subjects::ShapeOf(c, role);
    operand.values = Array(subjects::ElementOf(c, role), shape.size());
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (role == Role::kMask) {
        operand.values.SetBits(i, Word<std::uint64_t>(header, 48) >> (i % 64) & 1);
      } else if (role == Role::kLabels) {
        const std::uint8_t label = header[24 + i % 8];
        const bool ignored = label == kIgnoredLabel && c.has_ignore_index;
        const std::size_t other =
            label > kIgnoredLabel || c.cols == 0 ? c.cols + label - kIgnoredLabel : label % c.cols;
        operand.values.SetBits(i, ignored ? static_cast<std::uint64_t>(c.ignore_index) : other);
      } else if (elements != 0) {
        std::memcpy(operand.values.data() + i * element_bytes,
                    data.data() + (first + i / repeat) % elements * element_bytes, element_bytes);
      }
    }
    if (IsMatrix(c, role)) first += shape.size() / repeat;
    if (operand.layout.repeats_row) RepeatRow(operand.values, shape.cols);
  });
  return decoded;
}

}  // namespace assay::fuzz
