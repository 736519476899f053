// SPDX-License-Identifier: Apache-2.0
//
// Replays the committed corpus of NPY files without libFuzzer.

#include <gtest/gtest.h>

#include <span>

#include "fuzz/corpus.h"
#include "reports/npy.h"

namespace assay::fuzz {
namespace {

TEST(NpyReplayTest, TheReaderSurvivesItsCorpus) {
  std::size_t read = 0;
  std::size_t refused = 0;
  for (const auto& file : FilesIn("npy")) {
    const std::vector<std::uint8_t> bytes = Read(file);
    try {
      const reports::NpyArray array = reports::ParseNpy(std::as_bytes(std::span(bytes)));
      EXPECT_EQ(array.values.size(), array.rows * array.cols) << file;
      ++read;
    } catch (const reports::NpyError&) {
      ++refused;
    }
  }
  EXPECT_GT(read, 0u);
  EXPECT_GT(refused, 0u);
}

}  // namespace
}  // namespace assay::fuzz
