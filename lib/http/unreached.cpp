#include "http/unreached.hpp"

#include <fmt/format.h>

#include <boost/asio/error.hpp>

namespace musher::http {
namespace {

std::string hint_for(const ServerUrl& url, const boost::system::error_code& error) {
  namespace categories = boost::asio::error;
  if (error.category() == categories::get_netdb_category() || error.category() == categories::get_addrinfo_category())
    return fmt::format("check the name {}", url.host);
  if (url.port == (url.tls ? "443" : "80")) {  // that of a URL without one
    return fmt::format("this is port {}, and musher serve's own is 7777: is it {}?", url.port,
                       ServerUrl{.host = url.host, .port = "7777"}.authority());
  }
  if (!url.is_loopback) return "check the address and the port; is musher serve running there?";
  return "is musher serve running there? musher serve --listen " + url.authority();
}

}  // namespace

std::unexpected<Error> cannot_reach(std::string_view whom, const ServerUrl& url,
                                    const boost::system::error_code& error) {
  return fail(Errc::io, fmt::format("cannot reach {}: {}", whom, error.message()), hint_for(url, error));
}

}  // namespace musher::http
