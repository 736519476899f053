// SPDX-License-Identifier: Apache-2.0
//
// A small, strict reader of NumPy's .npy format, versions 1 to 3: little-endian f4 and f8, one or two dimensions, row
// by row. Everything else is refused with what to do about it. Nothing is allocated by a size the file only claims.

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace assay::reports {

// What is wrong with the file and what to do.
struct NpyError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct NpyArray {
  std::size_t rows = 1;  // 1 for a 1-D array
  std::size_t cols = 0;
  std::size_t dimensions = 1;
  std::string dtype;  // "<f4" or "<f8"
  // Values of an f8 file that are not f32 numbers and were rounded (beyond the largest f32: to infinity).
  std::uint64_t rounded_from_f64 = 0;
  std::vector<float> values;  // rows * cols, row-major
};

NpyArray ParseNpy(std::span<const std::byte> bytes);

// Reads and parses; the NpyError names the file.
NpyArray ReadNpy(const std::filesystem::path& path);

}  // namespace assay::reports
