// SPDX-License-Identifier: Apache-2.0
//
// The case files of a report. They are written to a folder beside their place and moved there once all are whole, so
// that a report which fails leaves none.

#pragma once

#include <filesystem>
#include <string>

#include "reports/measure.h"
#include "subjects/case.h"

namespace assay::cli {

class ReportCases {
 public:
  explicit ReportCases(std::filesystem::path folder);
  ~ReportCases();
  ReportCases(const ReportCases&) = delete;
  ReportCases& operator=(const ReportCases&) = delete;

  // The path that the case will have.
  std::string Add(const std::string& file_name, const subjects::Case& c);
  // The worst case of each measurement, which receives its path, under a law that speaks about it.
  void AddWorst(reports::MeasureResult& measured);
  // Moves all to the folder, in place of those with the same names.
  void Publish();

 private:
  std::filesystem::path folder_;
  std::filesystem::path beside_;
};

}  // namespace assay::cli
