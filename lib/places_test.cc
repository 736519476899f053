// SPDX-License-Identifier: Apache-2.0
//
// The walk over rows: each entry is reached once, whatever the strides, directly or through a tile.

#include "places.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace assay::internal {
namespace {

// A [rows, cols] matrix of f32 somewhere in a buffer, its strides as given; entry [i, j] holds 1000 i + j.
struct Matrix {
  std::vector<float> buffer;
  std::ptrdiff_t origin = 0;
  std::ptrdiff_t row_stride;
  std::ptrdiff_t col_stride;

  Matrix(std::size_t rows, std::size_t cols, std::ptrdiff_t row, std::ptrdiff_t col)
      : row_stride(row), col_stride(col) {
    const auto last_row = static_cast<std::ptrdiff_t>(rows - 1) * row;
    const auto last_col = static_cast<std::ptrdiff_t>(cols - 1) * col;
    origin = std::max<std::ptrdiff_t>(0, -last_row) + std::max<std::ptrdiff_t>(0, -last_col);
    const auto above = std::max<std::ptrdiff_t>(0, last_row) + std::max<std::ptrdiff_t>(0, last_col);
    buffer.assign(static_cast<std::size_t>(origin + above + 1), -1.0f);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) At(i, j) = static_cast<float>(1000 * i + j);
    }
  }
  float& At(std::size_t i, std::size_t j) {
    return buffer[static_cast<std::size_t>(origin + static_cast<std::ptrdiff_t>(i) * row_stride +
                                           static_cast<std::ptrdiff_t>(j) * col_stride)];
  }
  const float* data() const { return buffer.data() + origin; }
};

// Negates every entry, row by row, the way kernels walk.
void Negate(const Request& request) {
  const auto row = [&](const RowPlaces& places) {
    for (std::size_t j = 0; j < request.args.cols; ++j) {
      const auto at = static_cast<std::ptrdiff_t>(j);
      const float x = static_cast<const float*>(places.logits.data)[at * places.logits.stride];
      const std::uint8_t shown =
          places.mask.data == nullptr ? 1 : static_cast<const std::uint8_t*>(places.mask.data)[at * places.mask.stride];
      static_cast<float*>(places.out.data)[at * places.out.stride] = shown != 0 ? -x : 0;
    }
  };
  if (Tile::Wanted(request)) {
    ForEachRowInTiles(request, &CopyBlock, row);
  } else {
    for (std::size_t i = 0; i < request.args.rows; ++i) row(PlacesOf(request, i));
  }
}

TEST(PlacesTest, ReachEveryEntryOnceWhateverTheStrides) {
  struct Layout {
    std::size_t rows, cols;
    std::ptrdiff_t row, col;
    bool tiled;
  };
  // Contiguous, padded, backwards, inner rows (one tile and several), columns apart and backwards, too long for a tile.
  const Layout layouts[] = {{5, 7, 7, 1, false},    {5, 7, 9, 1, false},   {5, 7, -9, 1, false}, {17, 7, 1, 17, true},
                            {8, 300, 1, 9, true},   {9, 200, 1, 9, true},  {3, 7, 40, 5, true},  {3, 7, 40, -5, true},
                            {2, 4000, 1, 2, false}, {2, 1500, 1, 2, true}, {1, 7, 0, 3, true},   {4, 1, 3, 99, false}};
  for (const Layout& l : layouts) {
    for (const bool in_place : {false, true}) {
      Matrix in(l.rows, l.cols, l.row, l.col);
      Matrix out(l.rows, l.cols, l.row, l.col);
      std::vector<std::uint8_t> mask(l.rows * l.cols, 1);
      mask[0] = 0;
      Request request{};
      request.op = ASSAY_SOFTMAX;
      request.args.rows = l.rows;
      request.args.cols = l.cols;
      request.args.dtype = ASSAY_F32;
      request.args.logits = {in.data(), l.row, l.col};
      request.args.mask = {mask.data(), static_cast<std::ptrdiff_t>(l.cols), 1};
      Matrix& result = in_place ? in : out;
      request.args.out = {const_cast<float*>(result.data()), l.row, l.col};
      EXPECT_EQ(Tile::Wanted(request), l.tiled) << l.rows << " x " << l.cols << " by " << l.row << ", " << l.col;
      Negate(request);
      for (std::size_t i = 0; i < l.rows; ++i) {
        for (std::size_t j = 0; j < l.cols; ++j) {
          const float want = i == 0 && j == 0 ? 0.0f : -static_cast<float>(1000 * i + j);
          ASSERT_EQ(result.At(i, j), want) << i << ", " << j << " of " << l.rows << " x " << l.cols;
        }
      }
      std::size_t untouched = 0;
      for (const float x : result.buffer) untouched += x == -1.0f ? 1 : 0;
      // Entry [0, 1] became -1 itself.
      EXPECT_EQ(untouched, result.buffer.size() - l.rows * l.cols + (l.cols > 1 ? 1 : 0));
    }
  }
}

TEST(PlacesTest, SayWhereARowIsOverwrittenAsItIsRead) {
  float x[4] = {};
  float y[4] = {};
  Request request{};
  request.op = ASSAY_SOFTMAX_BACKWARD;
  request.args.rows = 2;
  request.args.cols = 2;
  request.args.saved = {x, 2, 1};
  request.args.upstream = {y, 2, 1};
  request.args.out = {y, 2, 1};
  EXPECT_TRUE(PlacesOf(request, 1).in_place);
  EXPECT_EQ(PlacesOf(request, 1).upstream.data, y + 2);
  request.op = ASSAY_LOGSUMEXP;
  request.args.saved = {};
  request.args.upstream = {};
  request.args.logits = {x, 2, 1};
  request.args.out = {y, 3, 1};
  EXPECT_FALSE(PlacesOf(request, 1).in_place);
  EXPECT_EQ(PlacesOf(request, 1).out.data, y + 3);
}

}  // namespace
}  // namespace assay::internal
