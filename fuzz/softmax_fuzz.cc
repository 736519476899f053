// SPDX-License-Identifier: Apache-2.0
//
// libFuzzer over the whole catalogue: bytes -> law and case -> verdict, the subject in this process. A violation
// prints the case's text and aborts, so that libFuzzer keeps the input; `assay fuzz` turns it into a finding.
//
// ASSAY_FUZZ_SUBJECT names the subject: built in, or a shared library (give it -fsanitize=fuzzer-no-link for coverage).

#include <cstdio>
#include <cstdlib>
#include <cstring>
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

// Half of the mutations set a logit to a special value, a neighbour or a copy: libFuzzer's own hardly ever make a
// meaningful float.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  std::minstd_rand random(seed);
  const std::size_t floats = size > kHeaderBytes ? (size - kHeaderBytes) / 4 : 0;
  if (floats == 0 || random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  constexpr std::uint32_t kSpecial[] = {0,          0x80000000, 0x3F800000, 0x7F800000, 0xFF800000, 0x7FC00000,
                                        0x7F7FFFFF, 0xFF7FFFFF, 0x00000001, 0x80800000, 0xC2AEAC50, 0xC2CFF1B5,
                                        0xCE6E6B28, 0x47C35000, 0x4B800000, 0xC1880000};
  std::uint8_t* slot = data + kHeaderBytes + 4 * (random() % floats);
  std::uint32_t bits = 0;
  std::memcpy(&bits, slot, 4);
  switch (random() % 3) {
    case 0:
      bits = kSpecial[random() % std::size(kSpecial)];
      break;
    case 1:
      bits += random() % 2 == 0 ? 1u : ~0u;
      break;
    default:
      std::memcpy(&bits, data + kHeaderBytes + 4 * (random() % floats), 4);
  }
  std::memcpy(slot, &bits, 4);
  return size;
}
