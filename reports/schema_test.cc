// SPDX-License-Identifier: Apache-2.0
//
// report.json is what report.schema.json says, and the schema is not one that says nothing.

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "reports/report.h"
#include "reports/testing.h"

#ifdef ASSAY_HAS_VALIJSON
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace assay::reports {
namespace {

using nlohmann::json;
using valijson::adapters::NlohmannJsonAdapter;

std::string Problems(const json& document) {
  static const json schema_json = json::parse(std::ifstream(ASSAY_REPORT_SCHEMA));
  valijson::Schema schema;
  valijson::SchemaParser().populateSchema(NlohmannJsonAdapter(schema_json), schema);
  valijson::ValidationResults results;
  valijson::Validator().validate(schema, NlohmannJsonAdapter(document), &results);
  std::string problems;
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    for (const std::string& step : error.context) problems += step;
    problems += ": " + error.description + "\n";
  }
  return problems;
}

TEST(SchemaTest, AReportIsValid) { EXPECT_EQ(Problems(json::parse(ToJson(FilledReport()))), ""); }

TEST(SchemaTest, AnEmptyReportIsValid) {
  Report report;
  report.verdict = "Nothing was measured.";
  EXPECT_EQ(Problems(json::parse(ToJson(report))), "");
}

TEST(SchemaTest, WhatIsNoReportIsNot) {
  const json good = json::parse(ToJson(FilledReport()));
  const char* const changes[] = {
      R"([{"op": "remove", "path": "/verdict"}])",
      R"([{"op": "replace", "path": "/format", "value": "assay-report-2"}])",
      R"([{"op": "add", "path": "/surprise", "value": 1}])",
      R"([{"op": "replace", "path": "/measurements/0/max_ulp", "value": -1}])",
      R"([{"op": "replace", "path": "/measurements/0/max_ulp", "value": "large"}])",
      R"([{"op": "replace", "path": "/measurements/0/worst/x", "value": "1.5"}])",
      R"([{"op": "replace", "path": "/published/examples/0/claim_verdict", "value": "perhaps"}])",
      R"([{"op": "remove", "path": "/score_statistics"}])",
      R"([{"op": "remove", "path": "/score_statistics/seed"}])",
      R"([{"op": "replace", "path": "/score_statistics/points/0/head_dim", "value": 0}])",
      R"([{"op": "replace", "path": "/score_statistics/points/0/entropy", "value": 4.1}])",
      R"([{"op": "replace", "path": "/score_statistics/points/0/variance/mean", "value": "inf"}])",
      R"([{"op": "remove", "path": "/user_logits/0/dtype"}])",
      R"([{"op": "replace", "path": "/user_logits/0/temperature", "value": -1}])"};
  for (const char* change : changes) EXPECT_NE(Problems(good.patch(json::parse(change))), "") << change;
}

}  // namespace
}  // namespace assay::reports
#else
int main() {
  std::puts("skipped: no valijson (Debian package libvalijson-dev)");
  return 77;
}
#endif
