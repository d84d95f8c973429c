# Asio and Beast are headers; what of them is not a template is compiled here, once, and not in each file that uses them.

file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/boost_net.cpp" CONTENT [[
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
]])
add_library(musher_boost_net STATIC "${PROJECT_BINARY_DIR}/generated/boost_net.cpp")
target_link_libraries(musher_boost_net PUBLIC Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
target_compile_definitions(musher_boost_net PUBLIC
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
# ThreadSanitizer does not know fences. Asio's are beside the locks of its queue, which it does know.
if(MUSHER_SANITIZE MATCHES "thread")
  target_compile_definitions(musher_boost_net PUBLIC BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()
# What of Boost is compiled here is not ours to test for undefined behaviour: a third of the time this file takes.
if(MUSHER_SANITIZE MATCHES "undefined")
  target_compile_options(musher_boost_net PRIVATE -fno-sanitize=undefined)
endif()
