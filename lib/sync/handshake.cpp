#include "sync/handshake.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/hashing.hpp"
#include "model/text.hpp"

namespace musher::sync {
namespace {

constexpr std::string_view kStatementDomain = "musher sync 1";

Role other(Role role) { return role == Role::dialer ? Role::listener : Role::dialer; }

std::string short_key(const AuthorId& author) { return to_hex(author.key).substr(0, 12); }

}  // namespace

Handshake::Handshake(Role role, const Self& self, std::optional<ChannelBinding> binding,
                     std::span<const std::uint8_t, 32> random, std::function<Standing(const AuthorId&)> standing)
    : role_(role),
      self_(self),
      binding_(binding),
      standing_(std::move(standing)),
      secret_(random),
      ours_{.document = self.document,
            .log = self.log,
            .author = self.identity->author(),
            .exchange_key = secret_.key(),
            .bound = binding.has_value()} {}

Handshake::~Handshake() {
  if (shared_) wipe(*shared_);
}

std::optional<std::string> Handshake::opening() {
  if (role_ == Role::listener) return std::nullopt;
  return encode(ours_);
}

std::optional<AuthorId> Handshake::claimed() const { return theirs_ ? std::optional(theirs_->author) : std::nullopt; }

std::optional<ExchangeKey> Handshake::their_exchange_key() const {
  return theirs_ ? std::optional(theirs_->exchange_key) : std::nullopt;
}

std::variant<Handshake::Reply, Ending> Handshake::take(const Message& message) {
  if (const auto* hello = std::get_if<Hello>(&message); hello != nullptr && !theirs_) {
    theirs_ = *hello;
    if (auto ending = check(*hello)) return *std::move(ending);
    shared_ = secret_.shared_with(hello->exchange_key);
    if (!shared_)
      return Ending{CloseCode::bad_proof, "its exchange key is of small order: anybody could be in between"};
    return Reply{role_ == Role::listener ? encode(ours_) : proof()};
  }
  if (const auto* given = std::get_if<Proof>(&message); given != nullptr && theirs_) {
    if (auto ending = check(*given)) return *std::move(ending);
    return Reply{role_ == Role::listener ? proof() : "", PeerId{theirs_->author, theirs_->log}, seal()};
  }
  return Ending{CloseCode::violation, fmt::format("a message \"{}\" in the handshake", name_of(message))};
}

std::optional<Ending> Handshake::check(const Hello& theirs) const {
  if (theirs.version_min > theirs.version_max || theirs.version_min > kVersion || theirs.version_max < kVersion) {
    return Ending{CloseCode::unsupported, fmt::format("this node speaks version {}, the other one {} to {}", kVersion,
                                                      theirs.version_min, theirs.version_max)};
  }
  if (theirs.document != self_.document) {
    return Ending{CloseCode::wrong_document,
                  fmt::format("here {}, there {}", to_hex(self_.document.bytes), to_hex(theirs.document.bytes))};
  }
  // A dialing end alone may have TLS: it ends at a proxy, whose certificate that end has checked.
  if (role_ == Role::listener && ours_.bound && !theirs.bound) {
    return Ending{CloseCode::bad_proof, "the other end does not see this TLS connection: somebody is in between"};
  }
  if (theirs.log == self_.log)
    return Ending{CloseCode::same_node, "both ends have a log of one id: one log, or a copy of it"};
  if (theirs.author == ours_.author) {
    return Ending{CloseCode::same_key, fmt::format("key {} is used at two nodes", short_key(theirs.author))};
  }
  return std::nullopt;
}

std::optional<Ending> Handshake::check(const Proof& theirs) const {
  if (!statement_holds(theirs_->author, kStatementDomain, digest(other(role_)), theirs.signature)) {
    return Ending{CloseCode::bad_proof, fmt::format("key {} was not proven", short_key(theirs_->author))};
  }
  const Standing standing = standing_(theirs_->author);
  if (standing != Standing::allowed) {
    const std::string key = to_hex(theirs_->author.key);
    const std::string let_in = fmt::format("musher trust add {} NAME --log {}", key, shell_word(self_.path));
    Ending ending{CloseCode::not_trusted, fmt::format("musher trust add {} NAME", key)};
    ending.here = let_in;
    if (standing == Standing::revoked) {
      ending.reason = fmt::format("key {} is revoked", short_key(theirs_->author));
      ending.here = fmt::format("{}; to let it in again: {}", ending.reason, let_in);
    }
    return ending;
  }
  return std::nullopt;
}

/// Both greetings, so both keys, both exchange keys and the document; and the connection, where the listening end has
/// TLS of its own.
std::string Handshake::transcript() const {
  const Hello& dialer = role_ == Role::dialer ? ours_ : *theirs_;
  const Hello& listener = role_ == Role::dialer ? *theirs_ : ours_;
  std::string transcript = encode(dialer) + encode(listener);
  if (dialer.bound && listener.bound)
    transcript.append(reinterpret_cast<const char*>(binding_->data()), binding_->size());
  return transcript;
}

/// Over the role too, so that no proof can be sent back to where it came from.
Digest Handshake::digest(Role signer) const {
  return handshake_digest(std::string(1, static_cast<char>(signer)) + transcript());
}

Seal Handshake::seal() const {
  const std::string said = transcript();
  const auto key_of = [&](Role role) { return message_key(*shared_, static_cast<std::uint8_t>(role), said); };
  return {key_of(role_), key_of(other(role_))};
}

std::string Handshake::proof() const {
  return encode(Proof{self_.identity->sign_statement(kStatementDomain, digest(role_))});
}

}  // namespace musher::sync
