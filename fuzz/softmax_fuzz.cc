// SPDX-License-Identifier: Apache-2.0
//
// libFuzzer over the whole catalogue: bytes -> law and case -> verdict, the subject in this process. A violation
// prints the case's text and aborts, so that libFuzzer keeps the input; `assay fuzz` turns it into a finding.
//
// ASSAY_FUZZ_SUBJECT names the subject: built in, or a shared library (give it -fsanitize=fuzzer-no-link for coverage).

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <random>

#include "fuzz/decode.h"
#include "properties/property.h"
#include "subjects/case_io.h"
#include "subjects/subject.h"

// NOLINTNEXTLINE: libFuzzer's names
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using assay::fuzz::kHeaderBytes;

// How close the worst element came to its bound, in binary digits: -log2(1 - error / bound). libFuzzer takes a new
// value for new coverage and so climbs toward the bound.
__attribute__((section("__libfuzzer_extra_counters"))) std::uint8_t closeness_counters[64];

void Climb(double severity) {
  int digits = 0;
  for (double rest = 1 - severity; rest > 0 && rest < 0.5 && digits < 63; rest *= 2) ++digits;
  closeness_counters[digits] = 1;
}

// Values that break kernels; each is rounded to the type, which makes infinities of some.
double Special(assay::subjects::Element element, std::size_t k) {
  const assay::subjects::FloatFormat format = assay::subjects::FormatOf(element);
  const double smallest = std::ldexp(1.0, format.min_ulp_log2);
  const double normal = std::ldexp(smallest, format.precision - 1);
  const double integers = std::ldexp(1.0, format.precision);  // from here on no odd ones
  constexpr double kInf = std::numeric_limits<double>::infinity();
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const double values[] = {0, -0.0, 1, -1, kInf, -kInf, kNaN, format.max_finite, -format.max_finite, smallest,
                           -smallest, normal, -normal, integers, -integers,
                           // where exp overflows, is subnormal and vanishes in f32, f16 and f64; sentinels; offsets
                           89, -87.34, -104, 11.1, -9.8, -17.4, 709.8, -708.4, -745.2, -1e9, -1e4, 1e5, -17};
  return values[k % std::size(values)];
}

assay::subjects::Subject& Subject() {
  static const std::unique_ptr<assay::subjects::Subject> subject = [] {
    const char* name = std::getenv("ASSAY_FUZZ_SUBJECT");
    try {
      return assay::subjects::OpenHere(name == nullptr ? "assay" : name);
    } catch (const assay::subjects::OpenError& error) {
      std::fprintf(stderr, "softmax_fuzz: %s\n", error.what());
      std::exit(3);
    }
  }();
  return *subject;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto decoded = assay::fuzz::Decode({data, size});
  assay::subjects::Subject& subject = Subject();
  const auto c = assay::properties::Prepare(*decoded.property, std::move(decoded.c), subject.info());
  assay::properties::Context context{subject};
  const assay::properties::Judgement judgement = assay::properties::Judge(*decoded.property, c, context);
  if (judgement.verdict == assay::properties::Verdict::kViolated) {
    std::fprintf(stderr, "violated: %s: %s\n%s\n", decoded.property->name, judgement.reason.c_str(),
                 assay::subjects::Summary(c).c_str());
    std::abort();
  }
  Climb(judgement.severity);
  return 0;
}

// Half of the mutations set an element to a special value, a neighbour or a copy: libFuzzer's own hardly ever make a
// meaningful float.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  std::minstd_rand random(seed);
  const assay::subjects::Element element = assay::fuzz::ElementIn({data, size});
  const std::size_t bytes = assay::subjects::BytesOf(element);
  const std::size_t elements = size > kHeaderBytes ? (size - kHeaderBytes) / bytes : 0;
  if (elements == 0 || random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::uint8_t* const slot = data + kHeaderBytes + bytes * (random() % elements);
  assay::subjects::Array one(element, 1);
  std::memcpy(one.data(), slot, bytes);
  switch (random() % 3) {
    case 0:
      one.Set(0, Special(element, random()));
      break;
    case 1:
      one.SetBits(0, one.Bits(0) + (random() % 2 == 0 ? 1 : ~std::uint64_t{0}));
      break;
    default:
      std::memcpy(one.data(), data + kHeaderBytes + bytes * (random() % elements), bytes);
  }
  std::memcpy(slot, one.data(), bytes);
  return size;
}
