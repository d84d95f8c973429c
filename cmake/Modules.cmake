# The tree is the architecture: one static library for each folder of lib/, one binary for each folder of apps/.
# lib/modules.txt says which module may use which; scripts/check-modules holds the includes and USES against it.

# What the modules' files find compiled already (MUSHER_COMMON_HEADERS).
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/precompiled.cpp" CONTENT "")
add_library(musher_precompiled OBJECT "${PROJECT_BINARY_DIR}/precompiled.cpp")
target_link_libraries(musher_precompiled PRIVATE fmt::fmt)
target_precompile_headers(musher_precompiled PRIVATE ${MUSHER_COMMON_HEADERS})

# The targets of these modules. One that is not there stops a strict configure and is only reported by any other.
function(musher_targets result)
  set(targets)
  foreach(module IN LISTS ARGN)
    if(TARGET musher_${module})
      list(APPEND targets musher_${module})
    elseif(MUSHER_STRICT)
      message(FATAL_ERROR "there is no module ${module}")
    else()
      message(STATUS "SKIPPED, not strict: there is no module ${module}")
    endif()
  endforeach()
  set(${result} ${targets} PARENT_SCOPE)
endfunction()

# musher_module(NAME model SOURCES a.cpp ... USES <modules> LINKS <external libraries>)
# Includes read "module/header.hpp". LINKS are for this module's .cpp files alone.
function(musher_module)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;USES;LINKS")
  add_library(musher_${arg_NAME} STATIC ${arg_SOURCES})
  target_include_directories(musher_${arg_NAME} PUBLIC "${PROJECT_SOURCE_DIR}/lib")
  musher_targets(uses ${arg_USES})
  target_link_libraries(musher_${arg_NAME} PUBLIC ${uses} PRIVATE fmt::fmt ${arg_LINKS})
  target_precompile_headers(musher_${arg_NAME} REUSE_FROM musher_precompiled)
endfunction()

# musher_app(NAME musher-put SOURCES main.cpp ... USES <modules> LINKS <external libraries>)
function(musher_app)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;USES;LINKS")
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_include_directories(${arg_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/apps")
  musher_targets(uses ${arg_USES})
  target_link_libraries(${arg_NAME} PRIVATE ${uses} ${arg_LINKS})
  install(TARGETS ${arg_NAME} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  set_property(GLOBAL APPEND PROPERTY MUSHER_APPS ${arg_NAME})
endfunction()

# Adds each named folder. One that is not there stops a strict configure and is only reported by any other.
function(musher_add_folders)
  foreach(folder IN LISTS ARGN)
    if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt")
      add_subdirectory(${folder})
    elseif(MUSHER_STRICT)
      message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}/${folder} has no CMakeLists.txt")
    else()
      message(STATUS "SKIPPED, not strict: ${CMAKE_CURRENT_SOURCE_DIR}/${folder} has no CMakeLists.txt")
    endif()
  endforeach()
endfunction()
