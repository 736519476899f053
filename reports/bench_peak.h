// SPDX-License-Identifier: Apache-2.0
//
// What the machine can do at most, for the yardsticks of attention: multiplications with additions that touch nothing
// but registers, and reading memory.

#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::reports {

// Runs FMAs on the widest vectors of this machine, as many independent chains as hide their latency, and returns their
// floating-point operations (two for each lane and FMA); 0 where this build knows none for this machine.
double FmaF32();
double FmaF64();

// Sums the bytes as vectors of integers: every cache line is read, once, and nothing is written.
std::uint64_t ReadAll(const void* from, std::size_t bytes);

}  // namespace assay::reports
