# musher_test and musher_script_test: what tests/CMakeLists.txt is written in. Each test is one CTest test with a TIMEOUT.
#
# A test whose module or file is not there stops a strict configure (scripts/test) and is only reported by any other.
# A test that this machine cannot run prints a line with "SKIPPED: why" (tests/support/skip.hpp) and ends with 0: CTest
# lists it as skipped, and .ci/run fails on it.

# Catch2's header takes seconds to compile: once for all tests, as a precompiled header.
add_library(musher_test_support STATIC "${PROJECT_SOURCE_DIR}/tests/support/catch.cpp")
target_link_libraries(musher_test_support PUBLIC Catch2::Catch2WithMain fmt::fmt)
target_include_directories(musher_test_support PUBLIC "${PROJECT_SOURCE_DIR}/tests" "${PROJECT_SOURCE_DIR}/lib")
target_compile_definitions(musher_test_support PUBLIC
  MUSHER_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}" MUSHER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_precompile_headers(musher_test_support PRIVATE <catch2/catch.hpp> ${MUSHER_COMMON_HEADERS})
# Half of a build was spent on optimizing tests, and a third of what is left of them on looking for undefined behaviour in
# the tests themselves: what they test is built with all of it.
set(MUSHER_TEST_OPTIONS -O0)
if(MUSHER_SANITIZE MATCHES "undefined")
  list(APPEND MUSHER_TEST_OPTIONS -fno-sanitize=undefined)
endif()
target_compile_options(musher_test_support PRIVATE ${MUSHER_TEST_OPTIONS})

# musher_test_library(musher_test_log SOURCES support/log.cpp ... LINKS <targets>): what several tests share.
function(musher_test_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_LINKS} musher_test_support)
  musher_test_compile(${name})
endfunction()

function(musher_test_compile target)
  target_compile_options(${target} PRIVATE ${MUSHER_TEST_OPTIONS})
  target_precompile_headers(${target} REUSE_FROM musher_test_support)
endfunction()

# musher_test_optimize(<targets>): what computes for minutes, in a build for speed. Their precompiled header is not.
function(musher_test_optimize)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    foreach(target IN LISTS ARGN)
      target_compile_options(${target} PRIVATE -O2)
      set_target_properties(${target} PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)
    endforeach()
  endif()
endfunction()

# No test sees the settings of whoever runs it.
set(MUSHER_TEST_HOME "${PROJECT_BINARY_DIR}/test-home")
file(MAKE_DIRECTORY "${MUSHER_TEST_HOME}")

function(musher_test_properties name timeout labels)
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${timeout}
    LABELS "${labels}"
    SKIP_REGULAR_EXPRESSION "SKIPPED: "
    ENVIRONMENT "HOME=${MUSHER_TEST_HOME};MUSHER_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};MUSHER_SOURCE_DIR=${PROJECT_SOURCE_DIR};UBSAN_OPTIONS=print_stacktrace=1"
    ENVIRONMENT_MODIFICATION "MUSHER_LOG=unset:;MUSHER_IDENTITY=unset:;MUSHER_CONFIG=unset:;MUSHER_SERVER=unset:;MUSHER_PAGER=unset:;XDG_CONFIG_HOME=unset:;XDG_STATE_HOME=unset:;NO_COLOR=unset:;CLICOLOR_FORCE=unset:;TZ=unset:")
endfunction()

function(musher_test_missing test what)
  if(MUSHER_STRICT)
    message(FATAL_ERROR "test ${test}: ${what} is not there")
  endif()
  message(STATUS "SKIPPED, not strict: test ${test}: ${what} is not there")
endfunction()

# musher_test(unit/ids_test.cpp USES model [LINKS rapidcheck] [SOURCES more.cpp ...] [NEEDS musher-put ...]
#             [TIMEOUT seconds=120] [LABELS ...])
# One Catch2 executable, named after its path: unit/ids_test.cpp is the CTest test unit_ids_test and <build>/tests/unit_ids_test.
# NEEDS: binaries of apps/ that the test runs. LABELS: the folder's name is always one; "long" is left out without --long.
function(musher_test file)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "USES;LINKS;SOURCES;NEEDS;LABELS")
  if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    musher_test_missing(${file} "the file")
    return()
  endif()
  foreach(target IN LISTS arg_USES)
    if(NOT TARGET musher_${target})
      musher_test_missing(${file} "module ${target}")
      return()
    endif()
  endforeach()
  foreach(target IN LISTS arg_NEEDS)
    if(NOT TARGET ${target})
      musher_test_missing(${file} "app ${target}")
      return()
    endif()
  endforeach()

  string(REGEX REPLACE "\\.cpp$" "" name "${file}")
  string(REPLACE "/" "_" name "${name}")
  add_executable(${name} ${file} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  musher_test_compile(${name})
  list(TRANSFORM arg_USES PREPEND musher_)
  target_link_libraries(${name} PRIVATE ${arg_USES} musher_test_support ${arg_LINKS})
  if(arg_NEEDS)
    add_dependencies(${name} ${arg_NEEDS})
  endif()

  add_test(NAME ${name} COMMAND ${name})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  string(REGEX REPLACE "^(\\.\\./)?([^/]*)/.*" "\\2" folder "${file}")
  musher_test_properties(${name} ${arg_TIMEOUT} "${folder};${arg_LABELS}")
endfunction()

# musher_test_counted(VARIABLE document/document.cpp ...): sets VARIABLE to these files of lib/, which a test of this folder
# compiles for itself to count the basic blocks they run (tests/support/blocks_run.hpp).
function(musher_test_counted variable)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/lib/" OUTPUT_VARIABLE files)
  set_source_files_properties(${files} PROPERTIES
    COMPILE_OPTIONS -fsanitize-coverage=trace-pc SKIP_PRECOMPILE_HEADERS ON)
  set(${variable} ${files} PARENT_SCOPE)
endfunction()

# musher_script_test(conformance/reader_test.py [ARGS ...] [TIMEOUT seconds=120] [LABELS ...])
# A bash (.sh) or python (.py) test, run with MUSHER_BIN_DIR and MUSHER_SOURCE_DIR in its environment. Python is
# /usr/bin/python3, where Debian's packages are. Another script of the project: ../scripts/check-modules.
function(musher_script_test file)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "ARGS;LABELS")
  if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    musher_test_missing(${file} "the file")
    return()
  endif()
  string(REGEX REPLACE "^\\.\\./|\\.(sh|py)$" "" name "${file}")
  string(REPLACE "/" "_" name "${name}")
  set(path "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  if(file MATCHES "\\.py$")
    add_test(NAME ${name} COMMAND /usr/bin/python3 "${path}" ${arg_ARGS})
  else()
    add_test(NAME ${name} COMMAND /bin/bash "${path}" ${arg_ARGS})
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  string(REGEX REPLACE "^(\\.\\./)?([^/]*)/.*" "\\2" folder "${file}")
  musher_test_properties(${name} ${arg_TIMEOUT} "${folder};${arg_LABELS}")
endfunction()

# musher_concurrent_tests(LABEL threads TESTS unit_x_test integration_y_test ...): these run with ThreadSanitizer too. The
# target <LABEL>_tests builds what they need, and no more: scripts/test makes a third build of it.
function(musher_concurrent_tests)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "LABEL" "TESTS")
  add_custom_target(${arg_LABEL}_tests)
  foreach(test IN LISTS arg_TESTS)
    if(NOT TEST ${test})
      musher_test_missing(${test} "the test")
      continue()
    endif()
    set_property(TEST ${test} APPEND PROPERTY LABELS ${arg_LABEL})
    if(TARGET ${test})
      add_dependencies(${arg_LABEL}_tests ${test})
    else()  # a script: it runs the commands
      get_property(apps GLOBAL PROPERTY MUSHER_APPS)
      add_dependencies(${arg_LABEL}_tests ${apps})
    endif()
  endforeach()
endfunction()
