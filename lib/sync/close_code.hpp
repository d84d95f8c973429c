#pragma once
// Why a connection between two nodes ends: WebSocket close codes of the private range (RFC 6455, 7.4.2), and what each
// is called. docs/sync.md says what an operator does about each.

#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace musher::sync {

enum class CloseCode : std::uint16_t {
  going_away = 1001,      ///< the node stops
  unsupported = 4001,     ///< no version of the protocol in common
  wrong_document = 4002,  ///< the nodes hold different documents
  not_trusted = 4003,     ///< the peer's key is not trusted here
  same_node = 4004,       ///< the peer is this node, or another server on the same log
  duplicate = 4005,       ///< there is a connection with this node already
  bad_proof = 4006,       ///< the peer does not have the key that it named
  violation = 4007,       ///< a message that no honest node sends
  too_slow = 4008,        ///< the peer took too little for too long; it resumes where its acknowledgements stopped
  same_key = 4009,        ///< the peer's log is another one, with the key of this node: each node needs its own
  unavailable = 4010,     ///< this node's log cannot be read or written now
  timed_out = 4011,       ///< the handshake or an answer took too long
};

/// "wrong-document", as in logs and `musher inspect peers`.
[[nodiscard]] std::string_view to_string(CloseCode code);

/// Of a close code that the peer or the transport gave, which may be any number: its name here, or the number.
[[nodiscard]] std::string close_text(std::uint16_t code, std::string_view reason);

struct Ending {
  CloseCode code = CloseCode::going_away;
  std::string reason{};  ///< at most 123 bytes go over the wire
  std::string hint{};    ///< what to do about it here: for this node's own log
  std::string here{};    ///< instead of the reason, where more is to be said than goes over the wire
};

/// For a log line: what happened, and what to do about it.
[[nodiscard]] std::string with_hint(std::string what, std::string_view hint);

/// What an operator does about it, at whichever end; empty where the reason says it. docs/sync.md, section 8.
[[nodiscard]] std::string_view what_to_do(CloseCode code);

/// The log of this node cannot be read or written.
[[nodiscard]] Ending unavailable(Error error);

}  // namespace musher::sync
