// SPDX-License-Identifier: Apache-2.0

#include "cli/report_cases.h"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/folder.h"
#include "properties/property.h"
#include "subjects/case_io.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRemedy = "choose another --out";

// Rows of people's own may hold NaN or nothing visible: other laws than accuracy speak about those.
std::string LawFor(const subjects::Case& c) {
  for (const char* const name : {"accuracy", "special_values", "empty_row"}) {
    const properties::Property* const property = properties::FindProperty(name);
    if (property != nullptr && subjects::SameBits(property->fit(c), c)) return name;
  }
  return c.property;
}

}  // namespace

ReportCases::ReportCases(fs::path folder)
    : folder_(std::move(folder)), beside_(folder_.parent_path() / fmt::format(".cases.{}.part", ::getpid())) {
  CheckWritable(folder_, kRemedy);
}

ReportCases::~ReportCases() {
  std::error_code ignored;
  fs::remove_all(beside_, ignored);
}

std::string ReportCases::Add(const std::string& file_name, const subjects::Case& c) {
  MakeFolder(beside_, kRemedy);
  subjects::WriteCase(beside_ / file_name, c);
  return (folder_ / file_name).string();
}

void ReportCases::AddWorst(reports::MeasureResult& measured) {
  for (reports::Measurement& m : measured.measurements) {
    if (m.worst) m.worst->c.property = LawFor(m.worst->c);
  }
  MakeFolder(beside_, kRemedy);
  reports::WriteWorstCases(measured, beside_);
  for (reports::Measurement& m : measured.measurements) {
    if (m.worst) m.worst->case_file = (folder_ / fs::path(m.worst->case_file).filename()).string();
  }
}

void ReportCases::Publish() {
  MakeFolder(folder_, kRemedy);
  if (!fs::exists(beside_)) return;
  // Raw tensors first: a case never stands there without its own.
  for (const char* const extension : {".bin", ".json"}) {
    for (const auto& entry : fs::directory_iterator(beside_)) {
      if (entry.path().extension() != extension) continue;
      std::error_code error;
      fs::rename(entry.path(), folder_ / entry.path().filename(), error);
      if (error) {
        throw std::runtime_error(fmt::format("cannot write {}: {}; {}", (folder_ / entry.path().filename()).string(),
                                             error.message(), kRemedy));
      }
    }
  }
}

}  // namespace assay::cli
