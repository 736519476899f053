# SPDX-License-Identifier: Apache-2.0
#
# assay_add_checks(TARGET [PROPERTIES law...] [OPS operation...] [CASES n] [SEED n] [TIMEOUT seconds]
#                  [LABELS label...] [EXPECTED_FAILURES file] [PREFIX name])
#
# Registers a CTest test for each law of the catalogue on the subject that TARGET builds: a MODULE or SHARED library that
# exports assay_subject_v1. A law that cannot run on the subject shows as skipped; failing cases are kept in
# assay-findings/ of the build folder, each with the command that replays it in the output.
#
# PROPERTIES         only these laws (default: all; `assay probe` lists them)
# OPS                only these operations, e.g. softmax log_softmax
# CASES              cases for each law; default: that of assay check
# SEED               of all cases; default 1
# TIMEOUT            seconds for each law; default 300
# LABELS             beside "assay" and the law's group (row, log, gradient, sparsemax, machine, attention)
# EXPECTED_FAILURES  laws that are known to fail, one a line; one that passes is a failure
# PREFIX             of the tests' names; default TARGET: "TARGET.accuracy"
function(assay_add_checks target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CASES;SEED;TIMEOUT;EXPECTED_FAILURES;PREFIX" "PROPERTIES;OPS;LABELS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "assay_add_checks(${target}): unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT TARGET ${target})
    message(FATAL_ERROR "assay_add_checks(${target}): no such target; add the library first")
  endif()
  foreach(default IN ITEMS SEED=1 TIMEOUT=300 PREFIX=${target})
    string(REGEX MATCH "^([A-Z]+)=(.*)$" matched ${default})
    if(NOT DEFINED arg_${CMAKE_MATCH_1})
      set(arg_${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
    endif()
  endforeach()
  get_target_property(assay assay::cli LOCATION)
  # "law group" a line, those of an ordinary run.
  execute_process(COMMAND ${assay} probe --laws OUTPUT_VARIABLE laws RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "assay_add_checks(${target}): ${assay} does not run (${failed}); build or install assay first")
  endif()
  string(REGEX MATCHALL "[^\n]+" laws "${laws}")
  set(known "")
  set(options --seed ${arg_SEED})
  if(DEFINED arg_CASES)
    list(APPEND options --cases ${arg_CASES})
  endif()
  foreach(op IN LISTS arg_OPS)
    list(APPEND options --op ${op})
  endforeach()
  if(arg_EXPECTED_FAILURES)
    get_filename_component(file ${arg_EXPECTED_FAILURES} ABSOLUTE)
    list(APPEND options --expected-failures ${file})
  endif()
  foreach(line IN LISTS laws)
    string(REPLACE " " ";" words ${line})
    list(GET words 0 law)
    list(GET words 1 group)
    list(APPEND known ${law})
    if(arg_PROPERTIES AND NOT law IN_LIST arg_PROPERTIES)
      continue()
    endif()
    set(name ${arg_PREFIX}.${law})
    add_test(NAME ${name}
      COMMAND ${assay} check $<TARGET_FILE:${target}> --property ${law} ${options}
              --findings ${CMAKE_CURRENT_BINARY_DIR}/assay-findings)
    set_tests_properties(${name} PROPERTIES
      SKIP_RETURN_CODE 77 TIMEOUT ${arg_TIMEOUT} LABELS "assay;${group};${arg_LABELS}")
  endforeach()
  foreach(law IN LISTS arg_PROPERTIES)
    if(NOT law IN_LIST known)
      message(FATAL_ERROR "assay_add_checks(${target}): no law is called \"${law}\"; `assay probe` lists them")
    endif()
  endforeach()
endfunction()
