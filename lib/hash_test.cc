// SPDX-License-Identifier: Apache-2.0
//
// The exact tier gives the same bits on every target: a hash for each operation and type over fixed cases, compared
// with the one written here. After a change that means to change bits, the table that the failing test prints replaces
// this.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include "assay/assay.h"
#include "fixed_cases.h"

namespace assay::internal {
namespace {

struct Operation {
  const char* name;
  assay_row_kernel assay_subject::*kernel;
  std::array<std::uint64_t, ASSAY_NUM_DTYPES> hashes;  // f32, f64, f16, bf16
};

// clang-format off: a table.
const Operation kOperations[ASSAY_NUM_ROW_OPS] = {
    {"softmax",
     &assay_subject::softmax,
     {0xf5294c861749f2ce, 0x12cdc4cb82d83a48, 0x61a5e832451a7794, 0x1f8086275a6f3033}},
    {"log_softmax",
     &assay_subject::log_softmax,
     {0x8b63a3e4b1ec664e, 0xde09e49acde17104, 0xa4a16828cdce1461, 0x870fbb7cde6136f5}},
    {"logsumexp",
     &assay_subject::logsumexp,
     {0x900fb35087541710, 0x53e7a37f529f65fe, 0xadf83c7177b82da6, 0x5718e10a10ede133}},
    {"sigmoid",
     &assay_subject::sigmoid,
     {0x9ab71b44cd99badf, 0x2fcd0a0571704931, 0xe32f0681e56bb169, 0xebda381eb1dbb45a}},
    {"softmax_backward",
     &assay_subject::softmax_backward,
     {0xe5902ad2530040a2, 0x8b4659269ef0493b, 0xff3960e085775d60, 0xcb21c915feaf0354}},
    {"log_softmax_backward",
     &assay_subject::log_softmax_backward,
     {0xa6f8a7ee52e6a546, 0xff4456b3d111714f, 0xd663219190864e3c, 0xe77dccb23f711a8a}},
    {"cross_entropy",
     &assay_subject::cross_entropy,
     {0xf90600a630b54efb, 0xa3ef82ede6c3a6c8, 0x6625a99a67cc026c, 0x276bfa57b5120ef1}},
    {"cross_entropy_backward",
     &assay_subject::cross_entropy_backward,
     {0x8d8f94ab0f36b3d3, 0xac2fc4d20bedb15d, 0x3b0ee58377bb3fb8, 0x24460b065fd9257e}},
    {"sparsemax",
     &assay_subject::sparsemax,
     {0x26250be238158694, 0xc93422a54c54d30e, 0x4f559dbbf3ea3965, 0x700815724442d032}},
    {"sparsemax_backward",
     &assay_subject::sparsemax_backward,
     {0x820b465cd3856569, 0x9d6b33536555f215, 0x05ba503ef02019f8, 0x377f8d1c50521677}},
};
// clang-format on

constexpr std::uint64_t kInputsHash = 0xd3ad8b283f87a1f9;

// FNV-1a of every status and every byte of every out.
std::uint64_t HashOf(const assay_subject& subject, assay_op op, assay_dtype dtype) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (std::size_t i = 0; i < kFixedCases; ++i) {
    const FixedCase one(op, dtype, i);
    const assay_status status = (subject.*kOperations[op].kernel).run(&one.args());
    EXPECT_TRUE(status == ASSAY_OK || (status == ASSAY_BAD_TEMPERATURE && one.args().temperature == 0))
        << kOperations[op].name << " case " << i << ": " << assay_status_name(status);
    add(static_cast<std::uint8_t>(status));
    for (const std::uint8_t byte : one.out()) add(byte);
  }
  return hash;
}

std::string TableLine(const Operation& operation, const std::array<std::uint64_t, ASSAY_NUM_DTYPES>& hashes) {
  std::string line = std::string("    {\"") + operation.name + "\", &assay_subject::" + operation.name + ", {";
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(hashes[i]));
    line += (i == 0 ? "" : ", ") + std::string(text);
  }
  return line + "}},";
}

using Hashes = std::array<std::array<std::uint64_t, ASSAY_NUM_DTYPES>, ASSAY_NUM_ROW_OPS>;

Hashes HashesOf(const assay_subject& subject) {
  Hashes hashes{};
  for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
      hashes[op][dtype] = HashOf(subject, static_cast<assay_op>(op), static_cast<assay_dtype>(dtype));
    }
  }
  return hashes;
}

TEST(HashTest, IsTheSameOnEveryTarget) {
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    const Hashes hashes = HashesOf(*assay_target_subject(target, ASSAY_TIER_EXACT));
    std::string table;
    for (std::size_t op = 0; op < hashes.size(); ++op) {
      table += TableLine(kOperations[op], hashes[op]) + "\n";
      for (std::size_t dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
        EXPECT_EQ(hashes[op][dtype], kOperations[op].hashes[dtype])
            << assay_target_name(target) << ", " << kOperations[op].name << ", dtype " << dtype;
      }
    }
    if (HasFailure()) std::printf("%s gives\n%s", assay_target_name(target), table.c_str());
  }
}

// What a case looks like, in one number: the hash of inputs alone. Tells a machine that makes other cases from one that
// computes other results.
TEST(FixedCaseTest, IsTheSameEverywhere) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
      for (std::size_t i = 0; i < kFixedCases; ++i) {
        const FixedCase one(static_cast<assay_op>(op), static_cast<assay_dtype>(dtype), i);
        for (const std::uint8_t byte : one.inputs()) hash = (hash ^ byte) * 0x100000001b3;
      }
    }
  }
  EXPECT_EQ(hash, kInputsHash) << std::hex << hash;
}

}  // namespace
}  // namespace assay::internal
