// SPDX-License-Identifier: Apache-2.0
//
// Layout of a case in memory: one reservation, guard | control | guard | logits | guard | bias | guard | ... | out ...
// | scratch of each thread | guard.

#include "subjects/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "subjects/arena_args.h"
#include "subjects/unsupported.h"

namespace assay::subjects {
namespace {

constexpr std::size_t kReleaseBytes = std::size_t{8} << 20;  // buffers larger than this go back to the system
constexpr std::size_t kBadCallScratchBytes = std::size_t{1} << 20;

std::size_t RoundUp(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

std::size_t Index(Role role) { return static_cast<std::size_t>(role); }

void CheckOptions(const Case& c, const RunOptions& options) {
  const auto refuse = [](const char* what) { throw std::invalid_argument(what); };
  if (options.threads < 1 || options.threads > kMaxThreads) refuse("threads is not in [1, kMaxThreads]");
  if (options.threads > 1 && c.in_place) refuse("several threads cannot write one out: not in place");
  if (options.environment.rounding < 0 || options.environment.rounding > 3) refuse("rounding is not in [0, 3]");
  if (options.repeat == 0) refuse("repeat is 0; 1 is once");
  if (options.repeat == 1) return;
  if (options.threads > 1) refuse("a repeated row is for one thread alone");
  if (IsAttention(c.op)) refuse("attention cannot be repeated; only rows can");
  if (c.rows != 1) refuse("only a single row can be repeated");
  if (c.in_place) refuse("a repeated row cannot be in place: it would overwrite what it has yet to read");
  bool plain = c.offset == 0 && c.out == Layout{};
  ForEachInput(c, [&](Role, const Operand& operand) { plain = plain && operand.layout == Layout{}; });
  if (!plain) refuse("a repeated row must be contiguous and have no offset");
}

bool HasColumns(const Case& c, Role role) { return AxesOf(c, role)[3] == Axis::kCol; }

}  // namespace

Arena::Arena(std::size_t control_bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t control = RoundUp(control_bytes, page);
  mapped_bytes_ = (kNumRegions + 2) * kGuardBytes + control + kFirstScratch * kRegionBytes +
                  (kNumRegions - kFirstScratch) * kScratchBytes;
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
  for (std::size_t i = 0; i < kNumRegions; ++i) regions_[i] = open(BytesOfRegion(i));
}

Arena::~Arena() { ::munmap(base_, mapped_bytes_); }

Placed Arena::PlaceOperand(const Case& c, Role role, const SubjectInfo& info, std::byte fill, std::byte* region) const {
  const Extent extent = ExtentOf(c, role, info.alignment_bytes);
  Placed placed;
  placed.dims = DimsOf(c, role);
  placed.element = ElementOf(c, role);
  placed.strides = extent.strides;
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
  // Entry [0, 0, 0, 0] is what the subject is given, so that is what must be aligned.
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

std::size_t Arena::OutRegion(Role output, std::size_t thread) const {
  if (output == Role::kOut && in_place_ < kNumRegions) return in_place_;
  return kFirstOut + thread * kOutputRoles + (Index(output) - kInputRoles);
}

void Arena::PlaceInputs(const Case& c, const SubjectInfo& info, const RunOptions& options, Call* call) {
  const bool standard = options.padding == std::to_integer<std::uint8_t>(kFloatFill);
  ForEachInput(c, [&](Role role, const Operand& operand) {
    const std::size_t i = Index(role);
    const bool integers = operand.values.element() == Element::kU8 || operand.values.element() == Element::kI64;
    const std::byte fill = i == in_place_         ? static_cast<std::byte>(options.poison)
                           : integers && standard ? kIntegerFill
                                                  : static_cast<std::byte>(options.padding);
    Placed placed;
    if (options.repeat > 1 && HasColumns(c, role)) {
      repeated_.push_back({role, Repeated(operand.values, options.repeat)});
      placed.data = repeated_.back().row.data();
      placed.strides = {0, 0, static_cast<std::ptrdiff_t>(call->args[0].cols), 1};
    } else {
      placed = placed_[i] = PlaceOperand(c, role, info, fill, regions_[i]);
      FillWith(placed, operand.values);
    }
    for (std::size_t t = 0; t < static_cast<std::size_t>(threads_); ++t) {
      if (IsAttention(c.op)) {
        Enter(role, placed, &call->attention[t]);
      } else {
        Enter(role, placed, &call->args[t]);
      }
    }
  });
}

void Arena::PlaceOutputs(const Case& c, const SubjectInfo& info, const RunOptions& options, Call* call) {
  const auto poison = static_cast<std::byte>(options.poison);
  if (options.repeat > 1 && HasColumns(c, Role::kOut)) {
    repeated_.push_back({Role::kOut, Repeated(ElementOf(c.dtype), c.cols, options.repeat, poison)});
    const auto stride = static_cast<std::ptrdiff_t>(call->args[0].cols);
    call->args[0].out = {repeated_.back().row.data(), stride, 1};
    return;
  }
  for (std::size_t t = 0; t < static_cast<std::size_t>(threads_); ++t) {
    for (const Role role : OutputsOf(c)) {
      const std::size_t i = OutRegion(role, t);
      if (i != in_place_) {
        placed_[i] = PlaceOperand(c, role, info, poison, regions_[i]);
        FillAll(placed_[i]);
      }
      if (IsAttention(c.op)) {
        Enter(role, placed_[i], &call->attention[t]);
      } else {
        Enter(role, placed_[i], &call->args[t]);
      }
    }
  }
}

void Arena::PlaceScratch(const Case& c, const RunOptions& options, Call* call) {
  for (std::size_t t = 0; t < static_cast<std::size_t>(threads_); ++t) {
    ScratchRoom& room = call->scratch[t];
    room.begin = regions_[kFirstScratch + t];
    room.size_bytes = kScratchBytes;
    room.default_bytes = HasBadArguments(c) ? kBadCallScratchBytes : 0;
    room.poison = static_cast<std::byte>(options.poison);
    room.before = c.guard == Guard::kBefore;
  }
}

Call Arena::Place(const Case& c, const SubjectInfo& info, const RunOptions& options) {
  Validate(c);
  CheckOptions(c, options);
  placed_ = {};
  repeated_.clear();
  threads_ = options.threads;
  in_place_ = c.in_place ? Index(InPlaceRole(c.op)) : kNumRegions;

  Call call;
  call.op = c.op;
  call.threads = options.threads;
  call.environment = options.environment;
  if (IsAttention(c.op)) {
    call.attention.fill(AttentionScalarsOf(c));
    PlaceScratch(c, options, &call);
  } else {
    call.args.fill(RowScalarsOf(c, options.repeat));
  }
  PlaceInputs(c, info, options, &call);
  PlaceOutputs(c, info, options, &call);
  return call;
}

// What the caller entered is believed as far as it fits: the subject could have written there.
void Arena::NoteScratch(const Call& call) {
  for (std::size_t t = 0; t < static_cast<std::size_t>(threads_); ++t) {
    const std::size_t i = kFirstScratch + t;
    const std::size_t bytes = std::min(call.attention[t].scratch_bytes, kScratchBytes);
    if (call.attention[t].scratch == nullptr || bytes == 0) continue;
    const ScratchRoom& room = call.scratch[t];
    ScratchRoom here;
    here.begin = regions_[i];
    here.size_bytes = kScratchBytes;
    here.before = room.before;
    Placed& placed = placed_[i];
    placed.data = placed.begin = here.Place(bytes);
    placed.reach_bytes = bytes;
    placed.fill = room.poison;
    placed.element = Element::kU8;
    placed.dims = {1, 1, 1, bytes};
    placed.strides = {0, 0, 0, 1};
    const std::byte* const end = regions_[i] + kScratchBytes;
    const auto lead = static_cast<std::size_t>(placed.begin - regions_[i]);
    const auto tail = static_cast<std::size_t>(end - (placed.begin + bytes));
    placed.margin_begin = placed.begin - std::min(lead, kMarginBytes);
    placed.margin_end = placed.begin + bytes + std::min(tail, kMarginBytes);
  }
}

void Arena::Collect(const Case& c, const Call& call, RunResult* result) {
  result->more.clear();
  result->others.clear();
  result->outside_intact = true;
  result->inputs_intact = true;
  if (IsAttention(c.op)) NoteScratch(call);
  ForEachInput(c, [&](Role role, const Operand& operand) {
    const Placed& placed = placed_[Index(role)];
    if (Index(role) == in_place_ || placed.data == nullptr) return;
    result->inputs_intact = result->inputs_intact && Intact(placed, operand.values, &scratch_);
  });
  const std::vector<Role> outputs = OutputsOf(c);
  for (std::size_t t = 0; t < static_cast<std::size_t>(threads_); ++t) {
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const Placed& out = placed_[OutRegion(outputs[o], t)];
      if (out.data == nullptr) continue;  // repeated, below
      (t != 0 ? result->others.emplace_back() : o != 0 ? result->more.emplace_back() : result->out) = ReadBack(out);
      result->outside_intact = result->outside_intact && OutsideIntact(out, &scratch_);
    }
    const Placed& scratch = placed_[kFirstScratch + t];
    if (scratch.data != nullptr) result->outside_intact = result->outside_intact && OutsideIntact(scratch, &scratch_);
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
    if (placed_[i].reach_bytes > kReleaseBytes) ::madvise(regions_[i], BytesOfRegion(i), MADV_REMOVE);
  }
}

std::string Arena::NameOf(std::size_t region) const {
  if (region < kFirstOut) {
    return std::string(RoleName(static_cast<Role>(region))) + (region == in_place_ ? " (in place)" : "");
  }
  const bool is_scratch = region >= kFirstScratch;
  const std::size_t thread = is_scratch ? region - kFirstScratch : (region - kFirstOut) / kOutputRoles;
  const auto role = static_cast<Role>(kInputRoles + (region - kFirstOut) % kOutputRoles);
  const char* const name = is_scratch ? "scratch" : RoleName(role);
  return threads_ == 1 ? name : fmt::format("{} (thread {})", name, thread);
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
    consider(placed.begin, placed.reach_bytes, regions_[i], BytesOfRegion(i), NameOf(i));
  }
  for (const auto& [role, row] : repeated_) {
    const std::size_t lead = row.lead_bytes() - kGuardBytes;
    consider(row.data(), row.size_bytes(), row.data() - lead, lead + row.size_bytes(), RoleName(role));
  }
  return text;
}

}  // namespace assay::subjects
