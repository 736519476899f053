// SPDX-License-Identifier: Apache-2.0
//
// Judging a subject's table, field by field.

#include "subjects/table.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <stdexcept>

namespace assay::subjects {
namespace {

constexpr std::size_t kMaxAlignment = 4096;
constexpr std::size_t kMaxOverRead = std::size_t{1} << 20;

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

std::string WrongClaim(const assay_claim& claim) {
  if (claim.kind < ASSAY_CLAIM_NONE || claim.kind > ASSAY_CLAIM_CORRECTLY_ROUNDED) {
    return fmt::format("declares softmax_f32.kind = {}; set it to an assay_claim_kind", claim.kind);
  }
  if (claim.kind == ASSAY_CLAIM_MAX_ULP && !(claim.max_ulp >= 0.5 && std::isfinite(claim.max_ulp))) {
    return fmt::format("claims max_ulp = {}; a float result is off by 0.5 ULP at times: claim at least that",
                       claim.max_ulp);
  }
  return {};
}

}  // namespace

std::string ReadTable(const assay_subject* table, Declaration* declaration) {
  if (table == nullptr) return "assay_subject_v1() returned NULL; return the address of a static assay_subject";
  if (table->struct_size >= offsetof(assay_subject, name) && table->abi_major != ASSAY_ABI_MAJOR) {
    return fmt::format("built for ABI {}, this program speaks {}: rebuild it with this version's assay/assay.h",
                       table->abi_major, ASSAY_ABI_MAJOR);
  }
  if (table->struct_size < sizeof(assay_subject)) {
    return fmt::format("its table says struct_size = {}, ABI {} has {}: set .struct_size = sizeof(assay_subject)",
                       table->struct_size, ASSAY_ABI_MAJOR, sizeof(assay_subject));
  }
  if (table->name == nullptr || table->name[0] == '\0') return "its table has no name; set .name";
  if (table->softmax == nullptr) return "implements no operation; set .softmax to its function";
  const std::int32_t unmasked = Convention(table->empty_row_unmasked, ASSAY_EMPTY_ROW_NAN);
  const std::int32_t masked = Convention(table->empty_row_masked, ASSAY_EMPTY_ROW_ZERO);
  if (!IsConvention(unmasked) || !IsConvention(masked)) {
    return fmt::format("declares the empty-row conventions {} and {}; use ASSAY_EMPTY_ROW_NAN or ASSAY_EMPTY_ROW_ZERO",
                       unmasked, masked);
  }
  const std::size_t alignment = table->alignment_bytes == 0 ? 1 : table->alignment_bytes;
  if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
    return fmt::format("declares alignment_bytes = {}; a power of two up to {} can be served", alignment,
                       kMaxAlignment);
  }
  if (table->over_read_bytes > kMaxOverRead) {
    return fmt::format("declares over_read_bytes = {}; up to {} can be served", table->over_read_bytes, kMaxOverRead);
  }
  if (std::string wrong = WrongClaim(table->softmax_f32); !wrong.empty()) return wrong;

  CopyText(table->name, declaration->name);
  CopyText(table->version, declaration->version);
  CopyText(table->description, declaration->description);
  declaration->features = table->features;
  declaration->empty_row_unmasked = unmasked;
  declaration->empty_row_masked = masked;
  declaration->alignment_bytes = alignment;
  declaration->over_read_bytes = table->over_read_bytes;
  declaration->softmax_f32 = table->softmax_f32;
  return {};
}

SubjectInfo ToInfo(const Declaration& declaration) {
  SubjectInfo info;
  info.name = declaration.name;
  info.version = declaration.version;
  info.description = declaration.description;
  info.features = declaration.features;
  info.empty_row_unmasked = static_cast<assay_empty_row>(declaration.empty_row_unmasked);
  info.empty_row_masked = static_cast<assay_empty_row>(declaration.empty_row_masked);
  info.alignment_bytes = declaration.alignment_bytes;
  info.over_read_bytes = declaration.over_read_bytes;
  info.softmax_f32 = declaration.softmax_f32;
  info.has_softmax = true;
  return info;
}

SubjectInfo InfoOf(const assay_subject& table) {
  Declaration declaration = {};
  const std::string refused = ReadTable(&table, &declaration);
  if (!refused.empty()) throw std::invalid_argument("subject table: " + refused);
  return ToInfo(declaration);
}

assay_status StatusOf(std::int32_t returned, std::string* detail) {
  if (returned >= ASSAY_OK && returned <= ASSAY_UNSUPPORTED) return static_cast<assay_status>(returned);
  *detail = fmt::format("returned {}, which is no assay_status", returned);
  return ASSAY_BAD_ENUM;
}

}  // namespace assay::subjects
