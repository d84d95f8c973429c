# The libraries musher is built from, all of them Debian 12 packages (scripts/install-deps).
# Names for LINKS: fmt::fmt simdjson::simdjson SQLite::SQLite3 SQLiteCpp sodium::sodium
# rapidjson::rapidjson musher_boost_net (Asio and Beast, compiled once: cmake/BoostNet.cmake) prometheus-cpp::core
# spdlog::spdlog systemd::systemd; for tests and benchmarks rapidcheck and benchmark::benchmark.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(simdjson REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(Catch2 2 REQUIRED)
find_package(rapidcheck REQUIRED)
find_package(benchmark REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(spdlog REQUIRED)

pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
add_library(sodium::sodium ALIAS PkgConfig::SODIUM)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
add_library(systemd::systemd ALIAS PkgConfig::SYSTEMD)

find_path(RAPIDJSON_INCLUDE_DIR rapidjson/writer.h REQUIRED)
add_library(musher_rapidjson INTERFACE)
target_include_directories(musher_rapidjson SYSTEM INTERFACE "${RAPIDJSON_INCLUDE_DIR}")
add_library(rapidjson::rapidjson ALIAS musher_rapidjson)
