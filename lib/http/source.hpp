#pragma once
// Who a client is when nothing else is known of it.

#include <string>
#include <string_view>

namespace musher::http {

/// The address behind "127.0.0.1:40312" or "[2001:db8::1]:443", for shares of what there is little of: of IPv6 the
/// first 64 bits, since whoever has one address has all of those. Everybody behind one proxy has the same.
[[nodiscard]] std::string source_of(std::string_view peer);

}  // namespace musher::http
