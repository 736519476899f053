// SPDX-License-Identifier: Apache-2.0
//
// Layout of a case in memory: one reservation, guard | control | guard | logits | guard | bias | guard | ... | out ...

#include "subjects/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace assay::subjects {
namespace {

constexpr std::size_t kReleaseBytes = std::size_t{8} << 20;  // buffers larger than this go back to the system

std::size_t RoundUp(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

std::size_t Index(Role role) { return static_cast<std::size_t>(role); }
constexpr std::size_t kFirstOut = kInputRoles;

void CheckOptions(const Case& c, const RunOptions& options) {
  const auto refuse = [](const char* what) { throw std::invalid_argument(what); };
  if (options.threads < 1 || options.threads > kMaxThreads) refuse("threads is not in [1, kMaxThreads]");
  if (options.threads > 1 && c.in_place) refuse("several threads cannot write one out: not in place");
  if (options.environment.rounding < 0 || options.environment.rounding > 3) refuse("rounding is not in [0, 3]");
  if (options.repeat == 0) refuse("repeat is 0; 1 is once");
  if (options.repeat == 1) return;
  if (options.threads > 1) refuse("a repeated row is for one thread alone");
  if (c.rows != 1) refuse("only a single row can be repeated");
  if (c.in_place) refuse("a repeated row cannot be in place: it would overwrite what it has yet to read");
  bool plain = c.offset == 0 && c.out == Layout{};
  ForEachInput(c, [&](Role, const Operand& operand) { plain = plain && operand.layout == Layout{}; });
  if (!plain) refuse("a repeated row must be contiguous and have no offset");
}

// Whether the operand has cols columns, rather than one whatever cols is.
bool HasColumns(const Case& c, Role role) {
  Case two;
  two.op = c.op;
  two.reduction = c.reduction;
  two.cols = 2;
  return ShapeOf(two, role).cols == 2;
}

assay_matrix MatrixOf(const Placed& placed) { return {placed.data, placed.row_stride, placed.col_stride}; }

assay_const_matrix* InputOf(assay_row_args* args, Role role) {
  switch (role) {
    case Role::kLogits:
      return &args->logits;
    case Role::kBias:
      return &args->bias;
    case Role::kMask:
      return &args->mask;
    case Role::kSaved:
      return &args->saved;
    case Role::kUpstream:
      return &args->upstream;
    case Role::kTargets:
      return &args->targets;
    case Role::kLabels:
      return &args->labels;
    case Role::kOut:
      break;
  }
  throw std::logic_error("out is no input");
}

assay_row_args ScalarsOf(const Case& c, std::uint64_t repeat) {
  assay_row_args args = {};
  args.struct_size = sizeof args;
  args.rows = c.rows;
  args.cols = c.cols * repeat;
  args.temperature = c.temperature;
  args.label_smoothing = c.label_smoothing;
  args.ignore_index = c.ignore_index;
  args.dtype = c.dtype;
  args.empty_row = c.empty_row;
  args.reduction = c.reduction;
  args.has_ignore_index = c.has_ignore_index ? 1 : 0;
  return args;
}

}  // namespace

Arena::Arena(std::size_t control_bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t control = RoundUp(control_bytes, page);
  mapped_bytes_ = (kNumRegions + 2) * kGuardBytes + control + kNumRegions * kRegionBytes;
  void* const mapped = ::mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "cannot reserve address space for guarded buffers");
  }
  base_ = static_cast<std::byte*>(mapped);
  std::byte* next = base_ + kGuardBytes;
  const auto open = [&](std::size_t bytes) {
    std::byte* const begin = next;
    if (bytes != 0 && ::mprotect(begin, bytes, PROT_READ | PROT_WRITE) != 0) {
      const int error = errno;
      ::munmap(base_, mapped_bytes_);
      throw std::system_error(error, std::generic_category(), "cannot open guarded buffers");
    }
    next += bytes + kGuardBytes;
    return begin;
  };
  control_ = open(control);
  for (std::byte*& region : regions_) region = open(kRegionBytes);
}

Arena::~Arena() { ::munmap(base_, mapped_bytes_); }

Placed Arena::PlaceOperand(const Case& c, Role role, const SubjectInfo& info, std::byte fill, std::byte* region) const {
  const Extent extent = ExtentOf(c, role, info.alignment_bytes);
  Placed placed;
  placed.shape = ShapeOf(c, role);
  placed.element = ElementOf(c, role);
  placed.row_stride = extent.row_stride;
  placed.col_stride = extent.col_stride;
  placed.fill = fill;
  const std::size_t bytes = BytesOf(placed.element);
  placed.reach_bytes = extent.reach * bytes;
  const std::size_t lead = extent.lead * bytes;
  const std::size_t unit = std::max(info.alignment_bytes, bytes);
  const std::size_t slack = c.offset * bytes;
  const std::size_t needed = placed.reach_bytes + slack + info.over_read_bytes + unit;
  if (placed.reach_bytes > kRegionBytes || slack > kRegionBytes || needed > kRegionBytes) {
    throw std::length_error(
        fmt::format("{}: a buffer of {} bytes at an offset of {} elements is larger than the {} MiB "
                    "that a case may have",
                    RoleName(role), placed.reach_bytes, c.offset, kRegionBytes >> 20));
  }
  // Entry [0, 0] is what the subject is given, so that is what must be aligned.
  std::size_t zero = RoundUp(slack + lead, unit);
  if (c.guard == Guard::kAfter) {
    zero = (kRegionBytes - info.over_read_bytes - slack - placed.reach_bytes + lead) / unit * unit;
  }
  const std::size_t start = zero - lead;
  const std::size_t end = start + placed.reach_bytes;
  const std::size_t before = c.guard == Guard::kBefore ? start : std::min(start, kMarginBytes);
  const std::size_t after =
      c.guard == Guard::kAfter ? kRegionBytes - end : std::min(kRegionBytes - end, kMarginBytes + info.over_read_bytes);
  placed.data = region + zero;
  placed.begin = region + start;
  placed.margin_begin = placed.begin - before;
  placed.margin_end = region + end + after;
  return placed;
}

Call Arena::Place(const Case& c, const SubjectInfo& info, const RunOptions& options) {
  Validate(c);
  CheckOptions(c, options);
  placed_ = {};
  repeated_.clear();
  threads_ = options.threads;
  in_place_ = c.in_place ? Index(InPlaceRole(c.op)) : kNumRegions;
  const auto poison = static_cast<std::byte>(options.poison);

  Call call;
  call.op = c.op;
  call.threads = options.threads;
  call.environment = options.environment;
  assay_row_args args = ScalarsOf(c, options.repeat);
  ForEachInput(c, [&](Role role, const Operand& operand) {
    const std::size_t i = Index(role);
    const bool integers = role == Role::kMask || role == Role::kLabels;
    const bool standard = options.padding == std::to_integer<std::uint8_t>(kFloatFill);
    const std::byte fill = i == in_place_         ? poison
                           : integers && standard ? kIntegerFill
                                                  : static_cast<std::byte>(options.padding);
    if (options.repeat > 1 && HasColumns(c, role)) {
      repeated_.push_back({role, Repeated(operand.values, options.repeat)});
      const auto stride = static_cast<std::ptrdiff_t>(args.cols);
      *InputOf(&args, role) = {repeated_.back().row.data(), stride, 1};
      return;
    }
    placed_[i] = PlaceOperand(c, role, info, fill, regions_[i]);
    FillWith(placed_[i], operand.values);
    const assay_matrix matrix = MatrixOf(placed_[i]);
    *InputOf(&args, role) = {matrix.data, matrix.row_stride, matrix.col_stride};
  });
  if (options.repeat > 1 && HasColumns(c, Role::kOut)) {
    repeated_.push_back({Role::kOut, Repeated(ElementOf(c.dtype), c.cols, options.repeat, poison)});
    args.out = {repeated_.back().row.data(), static_cast<std::ptrdiff_t>(args.cols), 1};
    call.args[0] = args;
    return call;
  }
  for (std::size_t t = 0; t < static_cast<std::size_t>(threads_); ++t) {
    if (!c.in_place) {
      placed_[kFirstOut + t] = PlaceOperand(c, Role::kOut, info, poison, regions_[kFirstOut + t]);
      FillAll(placed_[kFirstOut + t]);
    }
    call.args[t] = args;
    call.args[t].out = MatrixOf(placed_[c.in_place ? in_place_ : kFirstOut + t]);
  }
  return call;
}

void Arena::Collect(const Case& c, RunResult* result) {
  result->others.clear();
  result->outside_intact = true;
  result->inputs_intact = true;
  ForEachInput(c, [&](Role role, const Operand& operand) {
    const Placed& placed = placed_[Index(role)];
    if (Index(role) == in_place_ || placed.data == nullptr) return;
    result->inputs_intact = result->inputs_intact && Intact(placed, operand.values, &scratch_);
  });
  for (std::size_t t = 0; t < static_cast<std::size_t>(threads_); ++t) {
    const Placed& out = placed_[in_place_ < kNumRegions ? in_place_ : kFirstOut + t];
    if (out.data == nullptr) continue;  // repeated, below
    (t == 0 ? result->out : result->others.emplace_back()) = ReadBack(out);
    result->outside_intact = result->outside_intact && OutsideIntact(out, &scratch_);
  }
  for (const auto& [role, row] : repeated_) {
    if (role != Role::kOut) {
      result->inputs_intact = result->inputs_intact && row.Intact(c.operand(role).values);
      continue;
    }
    result->out = row.Copy(0);
    for (std::uint64_t i = row.NextDifferent(1); i < row.times() && result->others.size() < kMaxThreads;
         i = row.NextDifferent(i + 1)) {
      result->others.push_back(row.Copy(i));
    }
  }
  for (std::size_t i = 0; i < kNumRegions; ++i) {
    if (placed_[i].reach_bytes > kReleaseBytes) ::madvise(regions_[i], kRegionBytes, MADV_REMOVE);
  }
}

std::string Arena::Locate(std::uintptr_t address) const {
  std::string text;
  std::uintptr_t nearest = UINTPTR_MAX;
  // `region` with the guards on both its sides is where the buffer's surroundings end.
  const auto consider = [&](const std::byte* data, std::size_t bytes, const std::byte* region, std::size_t region_bytes,
                            const std::string& name) {
    const auto first = reinterpret_cast<std::uintptr_t>(region);
    if (address < first - kGuardBytes || address >= first + region_bytes + kGuardBytes) return;
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t end = begin + bytes;
    const std::uintptr_t distance = address < begin ? begin - address : address < end ? 0 : address - end;
    if (distance >= nearest) return;
    nearest = distance;
    text = address < begin ? fmt::format("{} bytes before the start of {}", distance, name)
           : address < end ? fmt::format("inside {}", name)
                           : fmt::format("{} bytes past the end of {}", distance, name);
  };
  // A guard lies between two regions: the nearer buffer is the one that was missed.
  for (std::size_t i = 0; i < kNumRegions; ++i) {
    const Placed& placed = placed_[i];
    if (placed.data == nullptr) continue;
    const std::size_t thread = i - kFirstOut;
    const std::string name = i < kFirstOut   ? RoleName(static_cast<Role>(i))
                             : threads_ == 1 ? "out"
                                             : fmt::format("out (thread {})", thread);
    consider(placed.begin, placed.reach_bytes, regions_[i], kRegionBytes, i == in_place_ ? name + " (in place)" : name);
  }
  for (const auto& [role, row] : repeated_) {
    const std::size_t lead = row.lead_bytes() - kGuardBytes;
    consider(row.data(), row.size_bytes(), row.data() - lead, lead + row.size_bytes(), RoleName(role));
  }
  return text;
}

}  // namespace assay::subjects
