#include "model/result.hpp"

namespace musher {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::usage: return "usage";
    case Errc::not_found: return "not_found";
    case Errc::ambiguous: return "ambiguous";
    case Errc::not_a_log: return "not_a_log";
    case Errc::newer_format: return "newer_format";
    case Errc::empty: return "empty";
    case Errc::incomplete: return "incomplete";
    case Errc::already_exists: return "already_exists";
    case Errc::refused: return "refused";
    case Errc::no_identity: return "no_identity";
    case Errc::busy: return "busy";
    case Errc::damaged: return "damaged";
    case Errc::io: return "io";
    case Errc::internal: return "internal";
  }
  return "internal";
}

}  // namespace musher
