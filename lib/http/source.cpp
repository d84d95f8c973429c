#include "http/source.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace musher::http {

std::string source_of(std::string_view peer) {
  std::string address(peer.substr(0, peer.rfind(':')));
  if (!address.starts_with('[')) return address;
  address = address.substr(1, address.find_first_of("]%") - 1);
  in6_addr bytes{};
  if (inet_pton(AF_INET6, address.c_str(), &bytes) != 1) return address;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&bytes)) return inet_ntop(AF_INET, &bytes.s6_addr[12], text.data(), text.size());
  std::fill_n(&bytes.s6_addr[8], 8, std::uint8_t{0});
  return std::string(inet_ntop(AF_INET6, &bytes, text.data(), text.size())) + "/64";
}

}  // namespace musher::http
