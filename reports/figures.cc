// SPDX-License-Identifier: Apache-2.0
//
// From measurements to curves and panels: identical subjects are drawn once.

#include "reports/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace assay::reports {
namespace {

// Octaves of the histogram: [2^-4, 2^-3) to [2^9, 2^10); below, above and infinite have a bin each.
constexpr int kFirstOctave = -4;
constexpr int kLastOctave = 9;

std::vector<std::string> BinLabels() {
  std::vector<std::string> labels = {"< 1/16"};
  for (int octave = kFirstOctave; octave <= kLastOctave; ++octave) {
    const auto edge = [](int e) { return e < 0 ? fmt::format("1/{}", 1 << -e) : fmt::format("{}", 1 << e); };
    labels.push_back(edge(octave) + "–" + edge(octave + 1));
  }
  labels.push_back(fmt::format("≥ {}", 1 << (kLastOctave + 1)));
  labels.push_back("NaN, ∞");
  return labels;
}

std::vector<double> Shares(const UlpStatistics& statistics) {
  std::vector<std::uint64_t> counts(1, 0);
  for (int octave = UlpStatistics::kLowestOctave - 1; octave < kFirstOctave; ++octave) {
    counts[0] += statistics.InOctave(octave);
  }
  for (int octave = kFirstOctave; octave <= kLastOctave; ++octave) counts.push_back(statistics.InOctave(octave));
  std::uint64_t rest = statistics.count() - statistics.infinite();
  for (const std::uint64_t count : counts) rest -= count;
  counts.push_back(rest);
  counts.push_back(statistics.infinite());
  std::vector<double> shares;
  const double total = std::max(1.0, static_cast<double>(statistics.count()));
  for (const std::uint64_t count : counts) shares.push_back(static_cast<double>(count) / total);
  return shares;
}

Curve MakeCurve(const GapSeries& gaps, std::string label) {
  Curve curve{std::move(label), {}};
  for (std::size_t bin = 0; bin < GapSeries::kBins; ++bin) {
    if (gaps.count[bin] > 0) curve.points.push_back({static_cast<double>(bin) + 0.5, gaps.max_err[bin]});
  }
  return curve;
}

bool IsBeyond(const Curve& curve) {
  const auto above = std::count_if(curve.points.begin(), curve.points.end(),
                                   [](const Curve::Point& p) { return p.err_ulp > Figures::kErrTop; });
  return 2 * static_cast<std::size_t>(above) > curve.points.size();
}

}  // namespace

std::vector<std::vector<std::string>> GroupEqual(const MeasureResult& measured) {
  const auto& gaps = measured.gaps;
  std::vector<std::vector<std::string>> groups;
  std::vector<bool> taken(gaps.size(), false);
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    if (taken[i]) continue;
    const UlpStatistics total = Total(measured, gaps[i].subject);
    groups.push_back({gaps[i].subject});
    for (std::size_t j = i + 1; j < gaps.size(); ++j) {
      if (taken[j] || gaps[i].max_err != gaps[j].max_err || !(total == Total(measured, gaps[j].subject))) continue;
      taken[j] = true;
      groups.back().push_back(gaps[j].subject);
    }
  }
  return groups;
}

std::string GroupLabel(const std::vector<std::string>& names) {
  if (names.size() == 1) return names[0];
  if (names.size() == 2) return names[0] + " = " + names[1];
  return fmt::format("{} and {} equal to it", names[0], names.size() - 1);
}

Figures PrepareFigures(const MeasureResult& measured) {
  Figures figures;
  figures.bins = BinLabels();
  for (const std::vector<std::string>& names : GroupEqual(measured)) {
    const UlpStatistics total = Total(measured, names[0]);
    if (total.count() == 0) continue;
    const auto gaps = std::find_if(measured.gaps.begin(), measured.gaps.end(),
                                   [&](const GapSeries& g) { return g.subject == names[0]; });
    Curve curve = MakeCurve(*gaps, GroupLabel(names));
    figures.panels.push_back({curve.label, Shares(total)});
    if (IsBeyond(curve)) {
      figures.beyond.insert(figures.beyond.end(), names.begin(), names.end());
    } else if (!curve.points.empty()) {
      figures.curves.push_back(std::move(curve));
    }
  }
  return figures;
}

Stroke StrokeOf(std::size_t curve) {
  static constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                             "#e69f00", "#56b4e9", "#8a6d00", "#7f7f7f"};
  static constexpr const char* kDashes[] = {"", "6 3", "2 3", "8 3 2 3"};
  return {kColours[curve % std::size(kColours)], kDashes[curve / std::size(kColours) % std::size(kDashes)]};
}

}  // namespace assay::reports
