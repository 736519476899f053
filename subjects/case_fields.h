// SPDX-License-Identifier: Apache-2.0
//
// The fields of a JSON object as the case format writes them, read strictly: every refusal names the file, the field
// and the remedy.

#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "subjects/case.h"

namespace assay::subjects {

inline constexpr const char* kFloatRemedy =
    R"(write floats in hex, such as "0x1.8p+1", "-0x0p+0", "inf" or "nan:0x7fc00000")";

// Reading a field takes it out; what is left in the end is unknown.
class Fields {
 public:
  // `prefix` stands before the name of each field in messages: "attention.".
  Fields(std::filesystem::path path, nlohmann::json object, std::string prefix = "");

  [[noreturn]] void Fail(const std::string& what) const;  // throws CaseError
  [[noreturn]] void FailField(const std::string& field, const std::string& what) const;

  bool Has(const std::string& field) const { return left_.contains(field); }
  nlohmann::json Take(const std::string& field);
  void Drop(const std::string& field) { left_.erase(field); }
  std::string String(const std::string& field);
  std::size_t Size(const std::string& field);
  bool Bool(const std::string& field);
  double Float(const std::string& field);
  std::uint64_t HexWord(const std::string& field, const std::string& text) const;
  // The index of the field's text among `names`.
  std::size_t Choice(const std::string& field, std::span<const char* const> names);
  std::size_t IndexOf(const std::string& field, const std::string& text, std::span<const char* const> names) const;
  Layout ReadLayout(const std::string& field);  // the plain one where it is absent
  Fields Object(const std::string& field);
  // Refuses what is left.
  void FailUnknown() const;

 private:
  std::filesystem::path path_;
  nlohmann::json left_;
  std::string prefix_;
};

}  // namespace assay::subjects
