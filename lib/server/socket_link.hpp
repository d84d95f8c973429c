#pragma once
// A WebSocket of lib/http as the link of a sync session.

#include "http/web_socket.hpp"
#include "sync/link.hpp"

namespace musher {

[[nodiscard]] sync::OpenLink link_over(std::shared_ptr<http::WebSocket> socket);

}  // namespace musher
