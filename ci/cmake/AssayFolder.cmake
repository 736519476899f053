# SPDX-License-Identifier: Apache-2.0
#
include(GoogleTest)

# assay_folder(NAME SOURCES ... [DEPENDS ...] [PRIVATE_DEPENDS ...])
#   The static library assay_NAME of the folder this is called in. Its headers are reached as "NAME/x.h", through a
#   link of its own in the build tree: only targets that link assay_NAME can include them.
function(assay_folder name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS")
  set(links ${PROJECT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${links})
  get_filename_component(root ${name} NAME)
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${links}/${root} SYMBOLIC)
  string(REPLACE "/" "_" target ${name})
  add_library(assay_${target} STATIC ${arg_SOURCES})
  target_include_directories(assay_${target} PUBLIC ${links})
  target_link_libraries(assay_${target} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
endfunction()

# assay_test(NAME SOURCES ... DEPENDS ... [LABELS ...] [TIMEOUT seconds] [EACH])
#   A GoogleTest program and its CTest entry; with EACH, an entry for each of its tests. 77 counts as skipped.
function(assay_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "EACH" "TIMEOUT" "SOURCES;DEPENDS;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(ASSAY_COVERAGE)
    math(EXPR arg_TIMEOUT "10 * ${arg_TIMEOUT}")
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gtest GTest::gtest_main)
  if(arg_EACH)
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
      PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77)
    return()
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77)
endfunction()
