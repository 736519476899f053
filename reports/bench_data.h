// SPDX-License-Identifier: Apache-2.0
//
// The operands of a benchmark: what a call reads, where it writes, and how far what it wrote is from the truth.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "oracle/oracle.h"
#include "reports/bench_buffer.h"
#include "subjects/case.h"

namespace assay::reports {

struct BenchCall {
  assay_op op = ASSAY_SOFTMAX;
  assay_dtype dtype = ASSAY_F32;
  std::size_t rows = 0;
  std::size_t cols = 0;
  double temperature = 1;
  bool mask = false;       // a quarter of the entries hidden
  std::uint64_t seed = 1;  // of the values: logits and upstream N(0, 1)
};

// A call that cannot be made: no such mask, no elements, more memory than the machine has ...
struct BadBenchCall : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// Throws BadBenchCall where the call cannot be made.
void CheckCall(const BenchCall& call);

// The same call for 2 rows of 4 columns: what a subject must be able to do.
subjects::Case FeaturesOf(const BenchCall& call);

class BenchData {
 public:
  explicit BenchData(const BenchCall& call);  // BadBenchCall
  ~BenchData();
  BenchData(const BenchData&) = delete;
  BenchData& operator=(const BenchData&) = delete;

  const assay_row_args& args() const { return args_; }
  // The yardsticks copy the first input of [rows, cols] to a buffer of its size.
  const void* copy_from() const;
  void* copy_to() const;
  std::size_t copy_bytes() const;

  void ClearOut();
  // The largest error of the rows that are in out now, of the first rows with at most kMaxJudged entries together (one
  // at least); inf where a number is missing. Nothing for rows longer than that and where the oracle cannot decide.
  std::optional<double> MaxErrUlp();

 private:
  BenchBuffer& Add(std::size_t bytes);
  assay_const_matrix AddMatrix(std::size_t cols, std::size_t element_bytes);
  void FillNormal(const assay_const_matrix& matrix, std::uint64_t stream);
  void FillSaved();
  std::vector<double> RowOf(const assay_const_matrix& matrix, std::size_t row) const;
  std::vector<oracle::Exact> ExactRow(std::size_t row) const;

  BenchCall call_;
  assay_row_args args_ = {};
  std::size_t out_cols_ = 0;
  std::vector<std::unique_ptr<BenchBuffer>> buffers_;
  BenchBuffer* copy_ = nullptr;
  std::map<std::size_t, std::vector<oracle::Exact>> exact_;  // by row, once asked for
};

inline constexpr std::size_t kMaxJudged = std::size_t{1} << 22;
inline constexpr std::size_t kUsuallyJudged = 4096;  // entries; longer rows are judged alone

}  // namespace assay::reports
