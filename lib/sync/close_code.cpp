#include "sync/close_code.hpp"

#include <fmt/format.h>

namespace musher::sync {

std::string_view to_string(CloseCode code) {
  switch (code) {
    case CloseCode::going_away: return "going-away";
    case CloseCode::unsupported: return "unsupported";
    case CloseCode::wrong_document: return "wrong-document";
    case CloseCode::not_trusted: return "not-trusted";
    case CloseCode::same_node: return "same-node";
    case CloseCode::duplicate: return "duplicate";
    case CloseCode::bad_proof: return "bad-proof";
    case CloseCode::violation: return "violation";
    case CloseCode::too_slow: return "too-slow";
    case CloseCode::same_key: return "same-key";
    case CloseCode::unavailable: return "unavailable";
    case CloseCode::timed_out: return "timed-out";
  }
  return "";
}

std::string close_text(std::uint16_t code, std::string_view reason) {
  const std::string_view name = to_string(static_cast<CloseCode>(code));
  const std::string what = name.empty() ? fmt::format("closed with {}", code) : std::string(name);
  return reason.empty() ? what : fmt::format("{}: {}", what, reason);
}

std::string with_hint(std::string what, std::string_view hint) {
  return hint.empty() ? what : fmt::format("{} ({})", what, hint);
}

std::string_view what_to_do(CloseCode code) {
  switch (code) {
    case CloseCode::unsupported: return "upgrade the older node";
    case CloseCode::wrong_document:
      return "mend the address, or move the newer node's log away and make it again: musher init --join";
    case CloseCode::same_node:
      return "its own address: take it out of rendezvous; a copy of a log: move it away and make a new one, musher "
             "init --join";
    case CloseCode::same_key:
      return "the key file was copied: at one of them move it and its .pub away, musher identity new, trust that key, "
             "start the server again";
    default: return "";
  }
}

Ending unavailable(Error error) { return {CloseCode::unavailable, std::move(error.what), std::move(error.hint)}; }

}  // namespace musher::sync
