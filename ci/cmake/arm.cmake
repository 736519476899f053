# SPDX-License-Identifier: Apache-2.0
#
# Toolchain of the preset `arm`: 64-bit Arm by Debian's cross compiler, with the libraries that ci/cross-root unpacks;
# what is built runs under qemu's user emulation. QEMU_CPU in the environment chooses the processor (qemu-aarch64 -cpu
# help): max has SVE and SVE2 with vectors of any length.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

get_filename_component(arm_root ${CMAKE_CURRENT_LIST_DIR}/../../build/arm-root ABSOLUTE)
if(NOT EXISTS ${arm_root}/complete)
  message(FATAL_ERROR "no libraries for Arm in ${arm_root}: run ci/cross-root")
endif()
set(CMAKE_FIND_ROOT_PATH ${arm_root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-L;${arm_root})
# Libraries that the ones we link need in turn (NTL for FLINT).
add_link_options(-Wl,-rpath-link,${arm_root}/usr/lib/aarch64-linux-gnu)
