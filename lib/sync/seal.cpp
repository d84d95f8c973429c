#include "sync/seal.hpp"

#include "crypto/key_exchange.hpp"

namespace musher::sync {

Seal::~Seal() {
  wipe(ours_);
  wipe(theirs_);
}

std::string Seal::close(std::string message) {
  const MessageTag tag = message_tag(ours_, sent_++, message);
  message.append(reinterpret_cast<const char*>(tag.data()), tag.size());
  return message;
}

std::optional<std::string_view> Seal::open(std::string_view sealed) {
  if (sealed.size() < kTagBytes) return std::nullopt;
  const std::string_view message = sealed.substr(0, sealed.size() - kTagBytes);
  const MessageTag tag = message_tag(theirs_, received_++, message);
  if (!equal_in_constant_time(tag, sealed.substr(message.size()))) return std::nullopt;
  return message;
}

}  // namespace musher::sync
