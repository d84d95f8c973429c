# The commands on a file carry the C++ libraries in themselves: loading libstdc++ and libfmt is 0.6 ms of each start, and a
# put is short. musher-serve and musher-remote load them, since other libraries that they use do. SQLite and libsodium,
# which read what others wrote, are always the system's.

if(NOT MUSHER_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # What of fmt is not a template; Debian has it as a shared library only.
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/fmt.cpp" CONTENT [[
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto dragonbox::to_decimal(float x) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double x) noexcept -> dragonbox::decimal_fp<double>;
template FMT_API locale_ref::locale_ref(const std::locale& loc);
template FMT_API auto locale_ref::get<std::locale>() const -> std::locale;
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>, locale_ref);
}  // namespace detail
FMT_END_NAMESPACE
]])
  add_library(musher_static_runtime OBJECT "${PROJECT_BINARY_DIR}/generated/fmt.cpp")
  target_link_options(musher_static_runtime INTERFACE -static-libstdc++ -static-libgcc)
else()
  # toml++ is headers alone where it is not linked: they take seconds to compile.
  find_package(tomlplusplus REQUIRED)
  set(MUSHER_TOML tomlplusplus::tomlplusplus)
endif()
