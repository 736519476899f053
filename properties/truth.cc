// SPDX-License-Identifier: Apache-2.0

#include "properties/truth.h"

#include <algorithm>
#include <stdexcept>

namespace assay::properties {
namespace {

using oracle::Exact;
using oracle::Tier;
using subjects::Case;
using subjects::Operand;

std::vector<double> RowOf(const Operand& operand, std::size_t row, std::size_t cols) {
  std::vector<double> values(operand.given ? cols : 0);
  for (std::size_t j = 0; j < values.size(); ++j) values[j] = operand[row * cols + j];
  return values;
}

// A row of logits with the values that oracle::Row only points to.
struct LogitsRow {
  std::vector<double> logits;
  std::vector<double> bias;
  std::vector<std::uint8_t> mask;
  std::vector<double> targets;

  LogitsRow(const Case& c, std::size_t row)
      : logits(RowOf(c.logits, row, c.cols)), bias(RowOf(c.bias, row, c.cols)), targets(RowOf(c.targets, row, c.cols)) {
    if (c.mask.given) {
      for (std::size_t j = 0; j < c.cols; ++j) {
        mask.push_back(static_cast<std::uint8_t>(c.mask.values.Bits(row * c.cols + j)));
      }
    }
    if (c.labels.given) {
      targets.assign(c.cols, 0.0);
      const auto label = static_cast<std::size_t>(c.labels.values.Bits(row));
      if (label < c.cols) targets[label] = 1;
    }
  }
};

Exact Zero(const Case& c) {
  Exact zero;
  zero.ulp = subjects::UlpOf(subjects::ElementOf(c.dtype), 0);
  return zero;
}

bool Ignored(const Case& c, std::size_t row) {
  return c.has_ignore_index && c.labels.given && static_cast<std::int64_t>(c.labels.values.Bits(row)) == c.ignore_index;
}

std::vector<Exact> Losses(const Case& c, const std::vector<LogitsRow>& data, const std::vector<oracle::LossRow>& rows,
                          Tier tier) {
  std::vector<Exact> out;
  if (c.reduction == ASSAY_REDUCTION_NONE) {
    for (std::size_t r = 0; r < data.size(); ++r) {
      out.push_back(Ignored(c, r) ? Zero(c) : oracle::CrossEntropy({&rows[r], 1}, 1, tier));
    }
    return out;
  }
  std::vector<oracle::LossRow> counted;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (!Ignored(c, r)) counted.push_back(rows[r]);
  }
  const bool mean = c.reduction == ASSAY_REDUCTION_MEAN;
  if (counted.empty() && !mean) return {Zero(c)};
  return {oracle::CrossEntropy(counted, mean ? static_cast<double>(counted.size()) : 1.0, tier)};
}

std::vector<Exact> LossGradients(const Case& c, const std::vector<oracle::LossRow>& rows, Tier tier) {
  double divisor = 1;
  if (c.reduction == ASSAY_REDUCTION_MEAN) {
    divisor = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) divisor += Ignored(c, r) ? 0 : 1;
  }
  std::vector<Exact> out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (Ignored(c, r)) {
      out.insert(out.end(), c.cols, Zero(c));
      continue;
    }
    const double upstream = !c.upstream.given ? 1 : c.reduction == ASSAY_REDUCTION_NONE ? c.upstream[r] : c.upstream[0];
    const auto row = oracle::CrossEntropyBackward(rows[r], upstream, divisor, tier);
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

}  // namespace

oracle::Format FormatOf(assay_dtype dtype) {
  switch (dtype) {
    case ASSAY_F32:
      return oracle::Format::kF32;
    case ASSAY_F64:
      return oracle::Format::kF64;
    case ASSAY_F16:
      return oracle::Format::kF16;
    case ASSAY_BF16:
      return oracle::Format::kBF16;
  }
  throw std::invalid_argument("dtype " + std::to_string(static_cast<int>(dtype)) + " is no type of results");
}

assay_empty_row EmptyRowOf(const Case& c, const subjects::SubjectInfo& info) {
  if (c.empty_row != ASSAY_EMPTY_ROW_AUTO) return c.empty_row;
  return c.mask.given ? info.empty_row_masked : info.empty_row_unmasked;
}

std::vector<Exact> ExactOf(const Case& c, const subjects::SubjectInfo& info, Tier tier, std::uint64_t repeat) {
  const oracle::Format format = FormatOf(c.dtype);
  const oracle::EmptyRow empty =
      EmptyRowOf(c, info) == ASSAY_EMPTY_ROW_ZERO ? oracle::EmptyRow::kZero : oracle::EmptyRow::kNaN;
  std::vector<Exact> out;
  const auto append = [&out](const std::vector<Exact>& row) { out.insert(out.end(), row.begin(), row.end()); };

  if (subjects::IsBackwardOfActivation(c.op)) {
    if (repeat != 1) throw std::invalid_argument(std::string(subjects::OpName(c.op)) + " has no repeated rows");
    for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
      const std::vector<double> saved = RowOf(c.saved, r, c.cols);
      const std::vector<double> upstream = RowOf(c.upstream, r, c.cols);
      const oracle::Gradient row{saved, upstream, c.temperature, format};
      append(c.op == ASSAY_SOFTMAX_BACKWARD       ? oracle::SoftmaxBackward(row, tier)
             : c.op == ASSAY_LOG_SOFTMAX_BACKWARD ? oracle::LogSoftmaxBackward(row, tier)
                                                  : oracle::SparsemaxBackward(row, tier));
    }
    return out;
  }

  std::vector<LogitsRow> data;
  data.reserve(c.rows);
  for (std::size_t r = 0; r < c.rows; ++r) data.emplace_back(c, r);
  std::vector<oracle::Row> rows;
  rows.reserve(c.rows);
  for (const LogitsRow& row : data) {
    rows.push_back({row.logits, row.bias, row.mask, c.temperature, empty, format, repeat});
  }
  if (subjects::IsLoss(c.op)) {
    if (repeat != 1) throw std::invalid_argument(std::string(subjects::OpName(c.op)) + " has no repeated rows");
    std::vector<oracle::LossRow> losses;
    losses.reserve(c.rows);
    for (std::size_t r = 0; r < c.rows; ++r) losses.push_back({rows[r], data[r].targets, c.label_smoothing});
    return c.op == ASSAY_CROSS_ENTROPY ? Losses(c, data, losses, tier) : LossGradients(c, losses, tier);
  }
  for (const oracle::Row& row : rows) {
    switch (c.op) {
      case ASSAY_SOFTMAX:
        append(oracle::Softmax(row, tier));
        break;
      case ASSAY_LOG_SOFTMAX:
        append(oracle::LogSoftmax(row, tier));
        break;
      case ASSAY_SIGMOID:
        append(oracle::Sigmoid(row, tier));
        break;
      case ASSAY_SPARSEMAX:
        append(oracle::Sparsemax(row, tier));
        break;
      case ASSAY_LOGSUMEXP:
        out.push_back(oracle::LogSumExp(row, tier));
        break;
      default:
        throw std::invalid_argument("ExactOf: no such operation");
    }
  }
  return out;
}

}  // namespace assay::properties
