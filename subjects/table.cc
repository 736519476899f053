// SPDX-License-Identifier: Apache-2.0
//
// Judging a subject's table, field by field.

#include "subjects/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace assay::subjects {
namespace {

constexpr std::size_t kMaxAlignment = 4096;
constexpr std::size_t kMaxOverRead = std::size_t{1} << 20;
constexpr std::size_t kSmallestTable = offsetof(assay_subject, attention);  // that of ABI 1.1
constexpr std::uint32_t kAllDtypes = (1U << ASSAY_NUM_DTYPES) - 1;
constexpr const char* kDtypes[ASSAY_NUM_DTYPES] = {"ASSAY_F32", "ASSAY_F64", "ASSAY_F16", "ASSAY_BF16"};

template <std::size_t kSize>
void CopyText(const char* from, char (&to)[kSize]) {
  std::memset(to, 0, kSize);
  if (from != nullptr) std::strncpy(to, from, kSize - 1);
}

// AUTO, the zero of a field nobody set, means what assay.h recommends.
std::int32_t Convention(std::int32_t declared, std::int32_t recommended) {
  return declared == ASSAY_EMPTY_ROW_AUTO ? recommended : declared;
}

bool IsConvention(std::int32_t value) { return value == ASSAY_EMPTY_ROW_NAN || value == ASSAY_EMPTY_ROW_ZERO; }

std::string WrongClaim(const std::string& field, const assay_claim& claim) {
  if (claim.kind < ASSAY_CLAIM_NONE || claim.kind > ASSAY_CLAIM_CORRECTLY_ROUNDED) {
    return fmt::format("declares {}.kind = {}; set it to an assay_claim_kind", field, claim.kind);
  }
  if (claim.kind != ASSAY_CLAIM_BOUND) return {};
  if (!(claim.max_ulp >= 0.5 && std::isfinite(claim.max_ulp))) {
    return fmt::format("claims {}.max_ulp = {}; a rounded result is off by 0.5 ULP at times: claim at least that",
                       field, claim.max_ulp);
  }
  if (!(claim.terms >= 0 && std::isfinite(claim.terms))) {
    return fmt::format("claims {}.terms = {}; use a finite number >= 0, 0 for a bound in ULP alone", field,
                       claim.terms);
  }
  return {};
}

std::string WrongClaim(const std::string& field, const assay_attention_claim& claim) {
  const assay_claim ulp = {claim.kind, 0, claim.max_ulp, 0};
  if (std::string wrong = WrongClaim(field, ulp); !wrong.empty() || claim.kind != ASSAY_CLAIM_BOUND) return wrong;
  const std::pair<const char*, double> numbers[] = {
      {"terms", claim.terms}, {"keys", claim.keys}, {"scores", claim.scores}, {"scores_dim", claim.scores_dim}};
  for (const auto& [name, number] : numbers) {
    if (number >= 0 && std::isfinite(number)) continue;
    return fmt::format("claims {}.{} = {}; use a finite number >= 0", field, name, number);
  }
  return {};
}

template <class Kernel>
std::uint32_t DtypesOf(const Kernel& kernel) {
  return kernel.dtypes == 0 ? 1U << ASSAY_F32 : kernel.dtypes;
}

template <class Kernel>
std::string WrongKernel(const char* op, const Kernel& kernel) {
  if (kernel.run == nullptr) return {};
  const std::uint32_t dtypes = DtypesOf(kernel);
  if ((dtypes & ~kAllDtypes) != 0) {
    return fmt::format("declares {}.dtypes = {:#x}; combine 1 << ASSAY_F32 and the like, or leave it 0 for F32 alone",
                       op, kernel.dtypes);
  }
  for (std::size_t i = 0; i < ASSAY_NUM_DTYPES; ++i) {
    if ((dtypes >> i & 1) == 0) continue;
    const std::string wrong = WrongClaim(fmt::format("{}.claims[{}]", op, kDtypes[i]), kernel.claims[i]);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

void CopyClaims(const assay_row_kernel& kernel, OpInfo* info) {
  std::copy(std::begin(kernel.claims), std::end(kernel.claims), info->claims.begin());
}
void CopyClaims(const assay_attention_kernel& kernel, OpInfo* info) {
  std::copy(std::begin(kernel.claims), std::end(kernel.claims), info->attention_claims.begin());
}

template <class Kernel>
OpInfo ReadKernel(const Kernel& kernel, std::uint64_t features) {
  OpInfo info;
  if (kernel.run == nullptr) return info;
  info.implemented = true;
  info.dtypes = DtypesOf(kernel);
  info.features = features & ~kernel.without & ASSAY_FEATURES_ALL;  // a newer minor version's are ignored
  CopyClaims(kernel, &info);
  return info;
}

// Calls visit(op, kernel) for every operation.
template <class Visit>
void ForEachKernel(const assay_subject& table, Visit visit) {
  for (int i = 0; i < ASSAY_NUM_OPS; ++i) {
    const auto op = static_cast<assay_op>(i);
    if (IsAttention(op)) {
      visit(op, AttentionKernelOf(table, op));
    } else {
      visit(op, KernelOf(table, op));
    }
  }
}

}  // namespace

const assay_row_kernel& KernelOf(const assay_subject& table, assay_op op) {
  switch (op) {
    case ASSAY_SOFTMAX:
      return table.softmax;
    case ASSAY_LOG_SOFTMAX:
      return table.log_softmax;
    case ASSAY_LOGSUMEXP:
      return table.logsumexp;
    case ASSAY_SIGMOID:
      return table.sigmoid;
    case ASSAY_SOFTMAX_BACKWARD:
      return table.softmax_backward;
    case ASSAY_LOG_SOFTMAX_BACKWARD:
      return table.log_softmax_backward;
    case ASSAY_CROSS_ENTROPY:
      return table.cross_entropy;
    case ASSAY_CROSS_ENTROPY_BACKWARD:
      return table.cross_entropy_backward;
    case ASSAY_SPARSEMAX:
      return table.sparsemax;
    case ASSAY_SPARSEMAX_BACKWARD:
      return table.sparsemax_backward;
    case ASSAY_ATTENTION:
    case ASSAY_ATTENTION_BACKWARD:
      break;
  }
  throw std::invalid_argument("op is none of rows");
}

const assay_attention_kernel& AttentionKernelOf(const assay_subject& table, assay_op op) {
  static constexpr assay_attention_kernel kNone = {};
  const bool forward = op == ASSAY_ATTENTION;
  const std::size_t at = forward ? offsetof(assay_subject, attention) : offsetof(assay_subject, attention_backward);
  if (table.struct_size < at + sizeof(assay_attention_kernel)) return kNone;
  return forward ? table.attention : table.attention_backward;
}

std::string ReadTable(const assay_subject* table, Declaration* declaration) {
  if (table == nullptr) return "assay_subject_v1() returned NULL; return the address of a static assay_subject";
  if (table->struct_size >= offsetof(assay_subject, name) && table->abi_major != ASSAY_ABI_MAJOR) {
    return fmt::format("built for ABI {}, this program speaks {}: rebuild it with this version's assay/assay.h",
                       table->abi_major, ASSAY_ABI_MAJOR);
  }
  if (table->struct_size < kSmallestTable) {
    return fmt::format(
        "its table says struct_size = {}, ABI {}.{} has {}: set .struct_size = sizeof(assay_subject), and rebuild it "
        "with this version's assay/assay.h",
        table->struct_size, ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR, sizeof(assay_subject));
  }
  if (table->name == nullptr || table->name[0] == '\0') return "its table has no name; set .name";
  bool any = false;
  std::string wrong;
  ForEachKernel(*table, [&](assay_op op, const auto& kernel) {
    any = any || kernel.run != nullptr;
    if (wrong.empty()) wrong = WrongKernel(OpName(op), kernel);
  });
  if (!wrong.empty()) return wrong;
  if (!any) return "implements no operation; set .softmax.run, or that of another operation, to its function";
  const std::int32_t unmasked = Convention(table->empty_row_unmasked, ASSAY_EMPTY_ROW_NAN);
  const std::int32_t masked = Convention(table->empty_row_masked, ASSAY_EMPTY_ROW_ZERO);
  if (!IsConvention(unmasked) || !IsConvention(masked)) {
    return fmt::format("declares the empty-row conventions {} and {}; use ASSAY_EMPTY_ROW_NAN or ASSAY_EMPTY_ROW_ZERO",
                       unmasked, masked);
  }
  if (table->plus_inf != ASSAY_PLUS_INF_NAN_ROW && table->plus_inf != ASSAY_PLUS_INF_ANYTHING) {
    return fmt::format("declares plus_inf = {}; use ASSAY_PLUS_INF_NAN_ROW or ASSAY_PLUS_INF_ANYTHING",
                       table->plus_inf);
  }
  const std::size_t alignment = table->alignment_bytes == 0 ? 1 : table->alignment_bytes;
  if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
    return fmt::format("declares alignment_bytes = {}; a power of two up to {} can be served", alignment,
                       kMaxAlignment);
  }
  if (table->over_read_bytes > kMaxOverRead) {
    return fmt::format("declares over_read_bytes = {}; up to {} can be served", table->over_read_bytes, kMaxOverRead);
  }

  CopyText(table->name, declaration->name);
  CopyText(table->version, declaration->version);
  CopyText(table->description, declaration->description);
  declaration->empty_row_unmasked = unmasked;
  declaration->empty_row_masked = masked;
  declaration->plus_inf = table->plus_inf;
  declaration->alignment_bytes = alignment;
  declaration->over_read_bytes = table->over_read_bytes;
  ForEachKernel(*table, [&](assay_op op, const auto& kernel) {
    declaration->ops[static_cast<std::size_t>(op)] = ReadKernel(kernel, table->features);
  });
  return {};
}

SubjectInfo ToInfo(const Declaration& declaration) {
  SubjectInfo info;
  info.name = declaration.name;
  info.version = declaration.version;
  info.description = declaration.description;
  info.empty_row_unmasked = static_cast<assay_empty_row>(declaration.empty_row_unmasked);
  info.empty_row_masked = static_cast<assay_empty_row>(declaration.empty_row_masked);
  info.plus_inf = static_cast<assay_plus_inf>(declaration.plus_inf);
  info.alignment_bytes = declaration.alignment_bytes;
  info.over_read_bytes = declaration.over_read_bytes;
  info.ops = declaration.ops;
  return info;
}

SubjectInfo InfoOf(const assay_subject& table) {
  Declaration declaration = {};
  const std::string refused = ReadTable(&table, &declaration);
  if (!refused.empty()) throw std::invalid_argument("subject table: " + refused);
  return ToInfo(declaration);
}

assay_status StatusOf(std::int32_t returned, std::string* detail) {
  if (returned >= ASSAY_OK && returned <= ASSAY_SMALL_SCRATCH) return static_cast<assay_status>(returned);
  *detail = fmt::format("returned {}, which is no assay_status", returned);
  return ASSAY_BAD_ENUM;
}

}  // namespace assay::subjects
