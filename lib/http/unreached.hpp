#pragma once
// What is said when nobody is reached at a URL, or somebody else. For .cpp files that include Asio.

#include <string_view>

#include "http/server_url.hpp"

namespace boost::system {
class error_code;
}

namespace musher::http {

/// Of a port where something else answers.
inline constexpr std::string_view kIsItMusherServe = "is it the port of musher serve?";

/// The hint tells a wrong name, a wrong port, and a server on this machine that does not run apart.
/// @param whom  as the message has it: "the server http://127.0.0.1:7777"
[[nodiscard]] std::unexpected<Error> cannot_reach(std::string_view whom, const ServerUrl& url,
                                                  const boost::system::error_code& error);

}  // namespace musher::http
