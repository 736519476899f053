// SPDX-License-Identifier: Apache-2.0
//
// Kernels that pass for softmax without computing one, or not always.

#include <array>
#include <atomic>
#include <map>
#include <mutex>

#include "subjects/faulty/fault.h"
#include "subjects/faulty/faulty.h"

namespace assay::subjects {
namespace {

struct AllZeros : FromTextbook<AllZeros> {
  template <assay_op>
  static void Row(const Call& call, std::size_t row) {
    call.Fill(row, 0);
  }
};

struct OneOverN : FromTextbook<OneOverN> {
  template <assay_op>
  static void Row(const Call& call, std::size_t row) {
    call.Fill(row, 1 / static_cast<long double>(call.cols()));
  }
};

// The first result for each address of logits, as long as shapes agree.
struct CachedByPointer : FromTextbook<CachedByPointer> {
  template <assay_op kOp>
  static void Rows(const Call& call) {
    static std::mutex mutex;
    static std::map<const void*, std::vector<double>> cache;
    const std::lock_guard lock(mutex);
    const std::size_t size = call.rows() * call.cols();
    std::vector<double>& kept = cache[call.args().logits.data];
    if (kept.size() == size) {
      for (std::size_t i = 0; i < size; ++i) {
        call.Set(i / call.cols(), i % call.cols(), static_cast<long double>(kept[i]));
      }
      return;
    }
    Base::Rows<kOp>(call);
    kept.clear();
    for (std::size_t i = 0; i < size; ++i) kept.push_back(call.Result(i / call.cols(), i % call.cols()));
    if (cache.size() > 64) cache.clear();
  }
};

struct RightAtFirst : FromTextbook<RightAtFirst> {
  static constexpr int kCalls = 16;
  template <assay_op kOp>
  static void Rows(const Call& call) {
    static std::atomic<int> calls = 0;
    if (calls.load() < kCalls && calls.fetch_add(1) < kCalls) return Base::Rows<kOp>(call);
    for (std::size_t row = 0; row < call.rows(); ++row) OneOverN::Row<kOp>(call, row);
  }
};

template <class S>
BuiltIn Cheater(const char* name, const char* breaks, const char* description) {
  return SingleOperation<S, S::kOp, S::kDtype>(Kind::kCheater, name, "cheating", breaks, description,
                                               ASSAY_FEATURES_ALL, {ASSAY_CLAIM_NONE, 0, 0, 0});
}

}  // namespace

std::vector<BuiltIn> Cheaters() {
  return {
      Cheater<AllZeros>("all_zeros", "simplex", "Writes zeros."),
      Cheater<OneOverN>("one_over_n", "accuracy", "Writes 1 / n."),
      Cheater<CachedByPointer>("cached_by_pointer", "history",
                               "Gives again what it once gave for an address of logits."),
      Cheater<RightAtFirst>("right_at_first", "accuracy", "Is right for 16 calls, then writes 1 / n."),
  };
}

}  // namespace assay::subjects
