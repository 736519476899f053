// SPDX-License-Identifier: Apache-2.0
//
// Files built into the program (embedded.cc.in), so that it needs nothing beside it.

#pragma once

#include <string_view>

namespace assay::cli {

std::string_view CApiHeader();  // assay/assay.h
// template/: NAME stands for the subject, KIND for what its kernel is, ASSAY_PREFIX for where assay was built or
// installed.
std::string_view KernelTemplate();
std::string_view AttentionTemplate();
std::string_view CMakeTemplate();
std::string_view ReadmeTemplate();
// template/reproducer.cc.in: @LINES@ in it stand for what replay --emit-cpp fills in.
std::string_view ReproducerTemplate();

}  // namespace assay::cli
