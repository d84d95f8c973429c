# The version and the commit, in one generated file that changes only when the commit does.

set(MUSHER_VERSION_CPP "${PROJECT_BINARY_DIR}/generated/version.cpp")
set(write_version "${CMAKE_COMMAND}" "-DVERSION=${PROJECT_VERSION}" "-DSOURCE=${PROJECT_SOURCE_DIR}"
    "-DOUTPUT=${MUSHER_VERSION_CPP}" -P "${PROJECT_SOURCE_DIR}/cmake/WriteVersion.cmake")
execute_process(COMMAND ${write_version} COMMAND_ERROR_IS_FATAL ANY)
add_custom_target(musher_version_file BYPRODUCTS "${MUSHER_VERSION_CPP}" COMMAND ${write_version} VERBATIM)
