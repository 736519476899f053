// SPDX-License-Identifier: Apache-2.0
//
// The promise of 64 KiB of stack at most: every operation runs on a painted stack, on every target, in both tiers, over
// layouts and values that take the longest ways; what is no longer painted has been used.

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "kernels.h"

namespace assay::internal {
namespace {

constexpr std::size_t kStackBytes = 512 * 1024;
constexpr std::uint8_t kPaint = 0xB7;

struct Job {
  assay_row_fn run = nullptr;  // null: nothing, for the thread's own share
  const assay_row_args* args = nullptr;
};

void* RunJob(void* data) {
  const Job& job = *static_cast<const Job*>(data);
  if (job.run != nullptr) job.run(job.args);
  return nullptr;
}

// Bytes of stack that a thread uses for the job.
std::size_t StackOf(Job job) {
  static std::vector<std::uint8_t> memory(kStackBytes + 4096);
  auto* const stack = memory.data() + (4096 - reinterpret_cast<std::uintptr_t>(memory.data()) % 4096);
  std::fill_n(stack, kStackBytes, kPaint);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, kStackBytes);
  pthread_t thread;
  EXPECT_EQ(pthread_create(&thread, &attributes, &RunJob, &job), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  const auto* const used = std::find_if(stack, stack + kStackBytes, [](std::uint8_t byte) { return byte != kPaint; });
  return static_cast<std::size_t>(stack + kStackBytes - used);
}

const assay_row_kernel& KernelOf(const assay_subject& subject, assay_op op) {
  const assay_row_kernel* const kernels[] = {
      &subject.softmax,          &subject.log_softmax,          &subject.logsumexp,     &subject.sigmoid,
      &subject.softmax_backward, &subject.log_softmax_backward, &subject.cross_entropy, &subject.cross_entropy_backward,
      &subject.sparsemax,        &subject.sparsemax_backward};
  return *kernels[op];
}

// One row of each kind that leaves the usual way: a NaN, far from 0, tuned to a tie, spread wide.
std::vector<float> Values(std::size_t kind, std::size_t n) {
  std::vector<float> x(n);
  for (std::size_t j = 0; j < n; ++j) {
    x[j] = kind == 1 ? 3e38f - static_cast<float>(j) * 1e36f : -static_cast<float>(j % 97) * 0.37f;
  }
  if (kind == 0) x[n / 2] = std::numeric_limits<float>::quiet_NaN();
  if (kind == 2) std::fill(x.begin(), x.end(), 0.25f);
  return x;
}

TEST(StackTest, StaysBelowWhatIsPromised) {
#if defined(__SANITIZE_ADDRESS__) || !defined(NDEBUG)
  GTEST_SKIP() << "only of optimised builds";
#endif
  const std::size_t own = StackOf({});
  std::size_t worst = 0;
  std::string where;
  const std::int64_t label = 0;
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    for (int tier = 0; tier < ASSAY_NUM_TIERS; ++tier) {
      const assay_subject& subject = *assay_target_subject(target, static_cast<assay_tier>(tier));
      for (int op_index = 0; op_index < ASSAY_NUM_ROW_OPS; ++op_index) {
        const auto op = static_cast<assay_op>(op_index);
        for (const std::size_t n : {std::size_t{16}, std::size_t{900}, std::size_t{9000}}) {
          for (std::size_t kind = 0; kind < 4; ++kind) {
            for (const std::ptrdiff_t apart : {1, 2, 20}) {  // between columns; 20: that many rows side by side
              if (apart == 20 && n > 900) continue;
              const auto size = n * static_cast<std::size_t>(apart);
              const std::vector<float> x = Values(kind, size);
              std::vector<float> out(size);
              assay_row_args args{};
              args.struct_size = sizeof args;
              args.rows = apart == 20 ? 20 : 1;
              args.cols = n;
              args.temperature = kind == 3 ? 0.7 : 1;
              const assay_const_matrix in = {x.data(), 1, apart};
              if (IsActivationBackward(op)) {
                args.saved = args.upstream = in;
              } else {
                args.logits = in;
              }
              if (IsLoss(op)) args.labels = {&label, 0, 0};
              args.out = {out.data(), 1, apart};
              const std::size_t used = StackOf({KernelOf(subject, op).run, &args}) - own;
              if (used <= worst) continue;
              worst = used;
              where = std::string(assay_target_name(target)) + (tier == 0 ? " exact" : " fast") + ", operation " +
                      std::to_string(op_index) + ", n = " + std::to_string(n) + ", kind " + std::to_string(kind);
            }
          }
        }
      }
    }
  }
  std::printf("at most %zu bytes, by %s\n", worst, where.c_str());
  EXPECT_GT(worst, 16u * 1024) << "the paint sees nothing";
  EXPECT_LE(worst, 64u * 1024) << where;
}

}  // namespace
}  // namespace assay::internal
