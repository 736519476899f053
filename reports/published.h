// SPDX-License-Identifier: Apache-2.0
//
// Worked examples as printed in teaching notes (data/published_examples.json): every printed figure is compared, digit
// by digit, with the exact value of the decimal literals of its input, and the kernel is run on them as well.

#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/oracle.h"
#include "subjects/subject.h"

namespace assay::reports {

// The file is not what it should be; names the example and the field.
struct PublishedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An example as it stands in the file.
struct PublishedExample {
  std::string id;
  std::string source;
  std::string op;
  std::vector<std::string> input;  // decimal literals
  std::vector<std::size_t> masked;
  std::size_t head_dim = 0;          // op attention_scores only
  std::string temperature = "1";     // decimal literal
  std::vector<std::string> printed;  // as printed, so many decimals; empty: no figure was published
  std::vector<int> decimals;         // of each; -1: to the nearest ten
  std::string claim;
};

// One printed figure, judged. It is right iff it is the exact value rounded to as many decimals as it shows; in an
// exact tie both neighbours are right.
struct PublishedFigure {
  std::string printed;
  std::string rounded;  // the exact value to that many decimals
  std::string exact;    // more of its digits
  bool right = false;
  std::vector<bool> character_right;  // one for each character of `printed`
};

// What the text beside an example says, where it can be computed.
enum class ClaimVerdict { kNone, kHolds, kFails };

struct PublishedResult {
  PublishedExample example;
  std::vector<PublishedFigure> figures;
  std::vector<std::string> exact;  // exact digits of every output, also where no figure was published
  ClaimVerdict claim = ClaimVerdict::kNone;
  std::string finding;  // what was computed about the claim, one line
  // The kernel on the f32-rounded input; empty for operations that are not softmax. got_right: every one of them is the
  // float nearest to the oracle's exact value for that rounded input.
  std::vector<float> got;
  bool got_right = false;
  std::string got_problem;  // why it gave nothing
};

struct PublishedCounts {
  std::size_t right = 0;  // figures
  std::size_t wrong = 0;
  std::size_t digits_right = 0;
  std::size_t digits_wrong = 0;
  std::size_t without_figure = 0;  // examples
  std::size_t claims_hold = 0;
  std::size_t claims_fail = 0;
};

std::vector<PublishedExample> ReadPublished(std::string_view json);
// The project's own file, built in.
std::string_view BuiltInPublishedJson();

PublishedResult JudgePublished(const PublishedExample& example, subjects::Subject& kernel, oracle::Tier tier);
std::vector<PublishedResult> JudgePublished(std::span<const PublishedExample> examples, subjects::Subject& kernel,
                                            oracle::Tier tier);
PublishedCounts CountPublished(std::span<const PublishedResult> results);

}  // namespace assay::reports
