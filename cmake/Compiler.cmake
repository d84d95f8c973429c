# Language, warnings, sanitizers, ccache and the linker: everything that goes on a command line.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
# A static library compiles without waiting for the ones it uses.
set(CMAKE_OPTIMIZE_DEPENDENCIES ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# -Og compiles in half the time of -O1, and a sanitizer's report needs lines and no more.
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1 -D_GLIBCXX_ASSERTIONS")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The compiler collects garbage at 256 MB and not at 128: most files never get there. 5 % of a build.
  string(APPEND CMAKE_CXX_FLAGS_DEBUG " --param=ggc-min-heapsize=262144 --param=ggc-min-expand=200")
  string(APPEND CMAKE_CXX_FLAGS_RELEASE " --param=ggc-min-heapsize=262144 --param=ggc-min-expand=200")
endif()

# ccache must be told that precompiled headers are stable enough: CMake names each by its content's target.
# It goes by the dependency files that are written anyway: preprocessing each file first costs a fifth of a clean build.
find_program(CCACHE_PROGRAM ccache)
find_program(ENV_PROGRAM env)
if(CCACHE_PROGRAM AND ENV_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ENV_PROGRAM};CCACHE_SLOPPINESS=pch_defines,time_macros;CCACHE_DEPEND=true;${CCACHE_PROGRAM}")
endif()

include(CheckLinkerFlag)
check_linker_flag(CXX "-fuse-ld=lld" MUSHER_HAS_LLD)
if(MUSHER_HAS_LLD)
  add_link_options(-fuse-ld=lld)
endif()
# A command loads only the libraries it calls: start-up is part of the time of every put.
add_link_options(-Wl,--as-needed)

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-align -Woverloaded-virtual -Wunused -Wformat=2 -Wimplicit-fallthrough -Wdouble-promotion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wduplicated-cond -Wduplicated-branches -Wlogical-op)
  # g++ 12 sees these in inlined library code where they are not (GCC bugs 105329, 105562, 105651).
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds)
endif()
if(MUSHER_WERROR)
  add_compile_options(-Werror)
endif()

if(MUSHER_SANITIZE)
  add_compile_options(-fsanitize=${MUSHER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MUSHER_SANITIZE})
  if(MUSHER_SANITIZE MATCHES undefined)
    # A test of each pointer at each use is a fifth of what a file takes to compile. The address sanitizer ends at a
    # null pointer and behind an object as well.
    add_compile_options(-fno-sanitize=null,alignment,object-size)
  endif()
endif()

# The standard headers that most files include take half of a build: they are compiled once. Each file includes what it
# uses all the same: -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without them.
set(MUSHER_COMMON_HEADERS
  <algorithm> <array> <atomic> <chrono> <cstdint> <filesystem> <functional> <map> <memory> <optional> <span>
  <sstream> <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)
