// SPDX-License-Identifier: Apache-2.0
//
// Reads the file of published examples. JSON numbers arrive as doubles and are turned back into the shortest decimal
// that gives that double, which is the literal as it was written.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "reports/published.h"

namespace assay::reports {
namespace {

using nlohmann::json;

std::string Literal(const json& number) {
  if (!number.is_number()) throw PublishedError("a number is expected where there is " + number.dump());
  const double value = number.get<double>();
  // Fixed notation: "3e-05" is 0.00003. 1e-17 is below any digit that is printed there.
  for (int decimals = 0; decimals <= 17; ++decimals) {
    std::string text = fmt::format("{:.{}f}", value, decimals);
    if (std::stod(text) == value) return text;
  }
  throw PublishedError("more than 17 decimals in " + number.dump());
}

int DecimalsOf(const std::string& literal) {
  const std::size_t point = literal.find('.');
  return point == std::string::npos ? 0 : static_cast<int>(literal.size() - point - 1);
}

// "printed with 4, 4, 5, 4, 4 decimals" -> those numbers; anything else -> none.
std::vector<int> DecimalsInClaim(const std::string& claim) {
  const std::string start = "printed with ";
  if (claim.rfind(start, 0) != 0) return {};
  std::istringstream words(claim.substr(start.size()));
  std::vector<int> decimals;
  for (int n = 0; words >> n; words.ignore(1, ',')) decimals.push_back(n);
  return decimals;
}

void ReadFigures(const json& j, PublishedExample& example) {
  const json& published = j.at("published");
  if (published.is_null()) return;
  const json& decimals = j.at("decimals");
  const std::vector<int> claimed = DecimalsInClaim(example.claim);
  int common = 0;
  for (const json& figure : published) common = std::max(common, DecimalsOf(Literal(figure)));
  for (std::size_t i = 0; i < published.size(); ++i) {
    int places = common;
    if (decimals.is_number_integer()) {
      places = decimals.get<int>();
    } else if (claimed.size() == published.size()) {
      places = claimed[i];
    }
    const double value = published[i].get<double>();
    std::string printed = fmt::format("{:.{}f}", value, places);
    if (std::stod(printed) != value) throw PublishedError("a figure has more decimals than the example says");
    // Nothing says that the last 0 of "roughly 150" was meant: a round whole number is right to the nearest ten.
    if (decimals.is_null() && places == 0 && value != 0 && std::fmod(value, 10) == 0) places = -1;
    example.printed.push_back(std::move(printed));
    example.decimals.push_back(places);
  }
}

void ReadInput(const json& input, PublishedExample& example) {
  if (input.is_array()) {
    for (const json& x : input) example.input.push_back(Literal(x));
  } else if (input.contains("logits")) {
    for (const json& x : input.at("logits")) example.input.push_back(Literal(x));
    example.masked = input.at("masked").get<std::vector<std::size_t>>();
    for (const std::size_t i : example.masked) {
      if (i >= example.input.size()) throw PublishedError("a masked index lies outside the row");
    }
  } else {
    example.head_dim = input.at("d").get<std::size_t>();
  }
}

}  // namespace

std::vector<PublishedExample> ReadPublished(std::string_view text) {
  std::vector<PublishedExample> examples;
  std::string id = "(file)";
  try {
    const json file = json::parse(text);
    for (const json& j : file.at("examples")) {
      PublishedExample example;
      example.id = id = j.at("id").get<std::string>();
      example.source = j.at("source").get<std::string>();
      example.op = j.at("op").get<std::string>();
      example.claim = j.value("claim", "");
      if (j.contains("temperature")) example.temperature = Literal(j.at("temperature"));
      ReadInput(j.at("input"), example);
      ReadFigures(j, example);
      examples.push_back(std::move(example));
    }
  } catch (const json::exception& e) {
    throw PublishedError(fmt::format("published examples, {}: {}", id, e.what()));
  } catch (const PublishedError& e) {
    throw PublishedError(fmt::format("published examples, {}: {}", id, e.what()));
  }
  return examples;
}

}  // namespace assay::reports
