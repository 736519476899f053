// SPDX-License-Identifier: Apache-2.0

#include "fuzz/decode.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace assay::fuzz {

Decoded Decode(std::span<const std::uint8_t> bytes) {
  std::array<std::uint8_t, kHeaderBytes> header{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), header.size()), header.begin());
  const auto data = bytes.subspan(std::min(bytes.size(), header.size()));
  const auto word = [&header](std::size_t at, auto& value) { std::memcpy(&value, &header[at], sizeof(value)); };

  const auto catalogue = properties::Catalogue();
  Decoded decoded{&catalogue[header[0] % catalogue.size()], {}};
  subjects::Case& c = decoded.c;
  c.has_mask = (header[1] & 1) != 0;
  c.in_place = (header[1] & 2) != 0;
  c.guard = (header[1] & 4) != 0 ? subjects::Guard::kBefore : subjects::Guard::kAfter;
  constexpr assay_empty_row kEmptyRows[] = {ASSAY_EMPTY_ROW_AUTO, ASSAY_EMPTY_ROW_NAN, ASSAY_EMPTY_ROW_ZERO,
                                            ASSAY_EMPTY_ROW_AUTO};
  c.empty_row = kEmptyRows[(header[1] >> 3) & 3];
  c.rows = header[2] % 6 == 5 ? 1 : header[2] % 6;
  c.logits_gap = header[3] % 20;
  c.probs_gap = header[4] % 20;
  c.offset = header[5] % 16;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  constexpr double kTemperatures[] = {1, 0.1, 0.7, 3, 0, -0.0, kInf, 1e-310, 1e300, -1};
  if (const std::size_t t = header[6] % (std::size(kTemperatures) + 2); t < std::size(kTemperatures)) {
    c.temperature = kTemperatures[t];
  } else {
    word(8, c.temperature);
  }
  const std::size_t repeat = header[7] >= 192 ? 1 + header[7] % 64 : 1;
  word(16, c.law_key);
  std::uint64_t mask_bits = 0;
  word(24, mask_bits);

  const std::size_t floats = data.size() / sizeof(float);
  c.cols = c.rows == 0 ? floats % 8 : floats / c.rows * repeat;
  c.logits.resize(c.rows * c.cols);
  for (std::size_t i = 0; i < c.logits.size(); ++i) {
    std::memcpy(&c.logits[i], data.data() + i / repeat * sizeof(float), sizeof(float));
  }
  if (c.has_mask) {
    c.mask.resize(c.logits.size());
    for (std::size_t i = 0; i < c.mask.size(); ++i) c.mask[i] = (mask_bits >> (i % 64)) & 1;
  }
  c.property = decoded.property->name;
  c.origin = "fuzz";
  return decoded;
}

}  // namespace assay::fuzz
