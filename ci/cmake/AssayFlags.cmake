# SPDX-License-Identifier: Apache-2.0
#
# The one place for compile flags. -ffp-contract=off is part of every algorithm here: g++ otherwise fuses multiply and
# add, intrinsics included, in every -std mode, and error-free transformations stop being error-free.
add_compile_options(-ffp-contract=off -fno-fast-math -fvisibility=hidden)
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wundef -Wvla)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms of g++ 12 in headers of others: std::string (GCC bug 105651), std::regex under sanitizers, rc::Maybe.
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12's std::stable_sort calls its own std::get_temporary_buffer, which clang 19 reports.
  add_compile_options(-Wno-deprecated-declarations)
endif()
if(ASSAY_WERROR)
  add_compile_options(-Werror)
endif()
