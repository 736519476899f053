// SPDX-License-Identifier: Apache-2.0

#include "reports/bench_attention.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "reports/bench_data.h"
#include "subjects/random.h"
#include "subjects/scalar/number.h"

namespace assay::reports {
namespace {

using subjects::LoadNumber;

std::size_t BytesOf(assay_dtype dtype) { return subjects::BytesOf(subjects::ElementOf(dtype)); }

oracle::Format FormatOf(assay_dtype dtype) {
  constexpr oracle::Format kFormats[] = {oracle::Format::kF32, oracle::Format::kF64, oracle::Format::kF16,
                                         oracle::Format::kBF16};
  return kFormats[dtype];
}

double UnitRoundoff(assay_dtype dtype) {
  constexpr double kUnits[] = {0x1p-24, 0x1p-53, 0x1p-11, 0x1p-8};
  return kUnits[dtype];
}

std::ptrdiff_t Index(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

// How many keys a query sees: the first so many. Aligned to the bottom right.
std::size_t VisibleKeys(const AttentionCall& call, std::size_t query) {
  if (!call.causal) return call.seq_kv;
  const std::size_t reach = query + 1 + call.seq_kv;
  return reach > call.seq_q ? std::min(reach - call.seq_q, call.seq_kv) : 0;
}

std::size_t PeakBytes() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) << 10;
}

}  // namespace

double AttentionCall::Flops() const {
  double pairs = 0;
  for (std::size_t i = 0; i < seq_q; ++i) pairs += static_cast<double>(VisibleKeys(*this, i));
  return 4 * static_cast<double>(batch * num_heads * head_dim) * pairs;
}

double AttentionCall::KeyValueBytes() const {
  return 2 * static_cast<double>(batch * num_heads * seq_kv * head_dim * BytesOf(dtype));
}

void CheckCall(const AttentionCall& call) {
  const std::string shape = fmt::format("{}x{}", call.seq_q, call.seq_kv);
  if (call.batch == 0 || call.num_heads == 0 || call.seq_q == 0 || call.seq_kv == 0 || call.head_dim == 0) {
    throw BadBenchCall(fmt::format("the shape {} of {} heads of {} dimensions has nothing to time", shape,
                                   call.num_heads, call.head_dim));
  }
  std::size_t bytes = 0;  // q, out, k, v
  const bool overflows = __builtin_add_overflow(call.seq_q, call.seq_kv, &bytes) ||
                         __builtin_mul_overflow(bytes, 2 * BytesOf(call.dtype), &bytes) ||
                         __builtin_mul_overflow(bytes, call.head_dim, &bytes) ||
                         __builtin_mul_overflow(bytes, call.num_heads, &bytes) ||
                         __builtin_mul_overflow(bytes, call.batch, &bytes);
  CheckMemory(shape.c_str(), overflows, bytes);
}

subjects::Case FeaturesOf(const AttentionCall& call) {
  subjects::Attention a;
  a.num_heads = a.num_kv_heads = 2;
  a.seq_q = 2;
  a.seq_kv = 4;
  a.head_dim = a.value_dim = 8;
  a.causal = call.causal;
  subjects::Case c = subjects::MakeAttention(ASSAY_ATTENTION, call.dtype, a);
  subjects::Skip(c, subjects::Role::kLse);
  return c;
}

std::string TitleOf(const AttentionCall& call) {
  std::string title =
      fmt::format("attention {} {} heads {}x{} d {}", subjects::ElementName(subjects::ElementOf(call.dtype)),
                  call.batch * call.num_heads, call.seq_q, call.seq_kv, call.head_dim);
  if (call.causal) title += ", causal";
  return title;
}

AttentionData::AttentionData(const AttentionCall& call) : call_(call) {
  CheckCall(call);
  args_.struct_size = sizeof args_;
  args_.batch = call.batch;
  args_.num_heads = args_.num_kv_heads = call.num_heads;
  args_.seq_q = call.seq_q;
  args_.seq_kv = call.seq_kv;
  args_.head_dim = args_.value_dim = call.head_dim;
  args_.causal = call.causal ? 1 : 0;
  args_.dtype = call.dtype;
  args_.q = AddTensor(call.seq_q, 1);
  args_.k = AddTensor(call.seq_kv, 2);
  args_.v = AddTensor(call.seq_kv, 3);
  const assay_const_tensor out = AddTensor(call.seq_q, 0);
  args_.out.data = buffers_.back()->data();
  std::copy_n(out.strides, 4, args_.out.strides);
  std::set<std::pair<std::size_t, std::size_t>> judged;
  for (const std::size_t head : {std::size_t{0}, call.batch * call.num_heads - 1}) {
    for (const std::size_t index : {std::size_t{0}, call.seq_q / 2, call.seq_q - 1}) judged.emplace(head, index);
  }
  for (const auto& [head, index] : judged) queries_.push_back({head, index});
}

// Stream 0: zeros.
assay_const_tensor AttentionData::AddTensor(std::size_t positions, std::uint64_t stream) {
  const std::size_t head = positions * call_.head_dim;
  const std::size_t count = call_.batch * call_.num_heads * head;
  buffers_.push_back(std::make_unique<BenchBuffer>(count * BytesOf(call_.dtype)));
  void* const data = buffers_.back()->data();
  subjects::Random random(call_.seed, stream);
  for (std::size_t i = 0; stream != 0 && i < count; ++i) {
    subjects::StoreNumber(call_.dtype, data, Index(i), random.Normal());
  }
  return {data, {Index(call_.num_heads * head), Index(head), Index(call_.head_dim), 1}};
}

assay_attention_args AttentionData::ArgsFor(const assay_attention_kernel& kernel) {
  assay_attention_args args = args_;
  args.scratch_bytes = kernel.scratch_bytes == nullptr ? 0 : kernel.scratch_bytes(&args_);
  if (args.scratch_bytes == 0) return args;
  if (scratch_ == nullptr) scratch_ = std::make_unique<BenchBuffer>(std::size_t{16} << 20);
  if (scratch_->size() < args.scratch_bytes) {
    throw BadBenchCall(fmt::format("a kernel asks for {} bytes of scratch; 16 MiB are kept", args.scratch_bytes));
  }
  args.scratch = scratch_->data();
  return args;
}

void AttentionData::ClearOut() { std::memset(args_.out.data, 0xFF, buffers_.back()->size()); }

std::vector<double> AttentionData::Numbers(const assay_const_tensor& tensor, std::size_t first,
                                           std::size_t count) const {
  std::vector<double> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = LoadNumber(call_.dtype, tensor.data, Index(first + i));
  return numbers;
}

// A causal query is one that sees the first so many keys, all of them.
oracle::AttentionResult AttentionData::Exact(const Query& query) const {
  const std::size_t visible = VisibleKeys(call_, query.index);
  const std::size_t dim = call_.head_dim;
  const std::size_t keys = query.head * call_.seq_kv * dim;
  const std::vector<double> q = Numbers(args_.q, (query.head * call_.seq_q + query.index) * dim, dim);
  const std::vector<double> k = Numbers(args_.k, keys, visible * dim);
  const std::vector<double> v = Numbers(args_.v, keys, visible * dim);
  oracle::AttentionHead head;
  head.seq_q = 1;
  head.seq_kv = head.length = visible;
  head.head_dim = head.value_dim = dim;
  head.q = q;
  head.k = k;
  head.v = v;
  head.format = FormatOf(call_.dtype);
  return oracle::Attention(head, oracle::Tier::kBulk);
}

double AttentionData::ErrorAt(const Query& query, const oracle::AttentionResult& exact) const {
  const std::size_t first = (query.head * call_.seq_q + query.index) * call_.head_dim;
  double worst = 0;
  for (std::size_t e = 0; e < call_.head_dim; ++e) {
    const double got = LoadNumber(call_.dtype, args_.out.data, Index(first + e));
    const double error = oracle::ErrUlp(got, exact.out[e]) * exact.out[e].ulp;
    const double unit = (8 + 2 * exact.scores[0]) * UnitRoundoff(call_.dtype) * exact.weight[e];
    const double share = error == 0 ? 0 : error / unit;
    worst = std::isnan(share) ? std::numeric_limits<double>::infinity() : std::max(worst, share);
  }
  return worst;
}

std::optional<double> AttentionData::MaxError() {
  try {
    while (exact_.size() < queries_.size()) exact_.push_back(Exact(queries_[exact_.size()]));
  } catch (const oracle::Undecided&) {
    return std::nullopt;
  }
  double worst = 0;
  for (std::size_t i = 0; i < queries_.size(); ++i) worst = std::max(worst, ErrorAt(queries_[i], exact_[i]));
  return worst;
}

std::optional<std::size_t> MemoryOfCall(const assay_attention_kernel& kernel, const AttentionCall& call) {
  int ends[2];
  if (::pipe(ends) != 0) return std::nullopt;
  const pid_t child = ::fork();
  if (child == 0) {
    std::size_t grown = 0;
    bool served = false;
    try {
      AttentionData data(call);
      const assay_attention_args args = data.ArgsFor(kernel);
      const std::size_t before = PeakBytes();
      served = kernel.run(&args) == ASSAY_OK;
      grown = PeakBytes() - before;
    } catch (const BadBenchCall&) {
    }
    if (served && ::write(ends[1], &grown, sizeof grown) != sizeof grown) ::_exit(1);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::size_t grown = 0;
  const bool told = child > 0 && ::read(ends[0], &grown, sizeof grown) == sizeof grown;
  ::close(ends[0]);
  if (child > 0) ::waitpid(child, nullptr, 0);
  return told ? std::optional(grown) : std::nullopt;
}

}  // namespace assay::reports
