#pragma once
// Who is at the other end: both nodes prove that they have the key they name before an op flows. docs/sync.md,
// "Handshake". Pure: messages in, messages out.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "crypto/identity.hpp"
#include "replica/trust_policy.hpp"
#include "sync/close_code.hpp"
#include "sync/message.hpp"
#include "sync/seal.hpp"

namespace musher::sync {

enum class Role : std::uint8_t { dialer = 1, listener = 2 };

/// 32 bytes that only the two ends of one TLS connection know (RFC 9266), where this end has TLS.
using ChannelBinding = std::array<std::uint8_t, 32>;

/// What a node says of itself.
struct Self {
  const Identity* identity = nullptr;
  DocumentId document;
  LogId log;
  std::string path{};  ///< of the log, for what an operator is told to type
};

/// The proven other end. The log id is its word: nothing but its own marks depends on it.
struct PeerId {
  AuthorId author;
  LogId log;
  auto operator<=>(const PeerId&) const = default;
};

class Handshake {
 public:
  /// random: 32 bytes that were never used. `standing`: how this node trusts a key; asked once it is proven.
  Handshake(Role role, const Self& self, std::optional<ChannelBinding> binding,
            std::span<const std::uint8_t, 32> random, std::function<Standing(const AuthorId&)> standing);
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;
  ~Handshake();

  /// What the dialing side says first; the listening side says nothing until it is spoken to.
  [[nodiscard]] std::optional<std::string> opening();

  struct Reply {
    std::string message;           ///< to send; empty: nothing
    std::optional<PeerId> peer{};  ///< the handshake is done
    std::optional<Seal> seal{};    ///< with the peer: for every message from here on, behind this one
  };
  /// Takes the next message. An Ending: it failed, close with that.
  [[nodiscard]] std::variant<Reply, Ending> take(const Message& message);

  /// The other end as it named itself, proven or not; nothing before its Hello.
  [[nodiscard]] std::optional<AuthorId> claimed() const;
  [[nodiscard]] const ExchangeKey& exchange_key() const { return ours_.exchange_key; }
  /// Of the other end's Hello.
  [[nodiscard]] std::optional<ExchangeKey> their_exchange_key() const;

 private:
  [[nodiscard]] std::optional<Ending> check(const Hello& theirs) const;
  [[nodiscard]] std::optional<Ending> check(const Proof& theirs) const;
  [[nodiscard]] std::string transcript() const;
  [[nodiscard]] Digest digest(Role signer) const;
  [[nodiscard]] Seal seal() const;
  [[nodiscard]] std::string proof() const;

  // fixed after construction
  const Role role_;
  const Self self_;
  const std::optional<ChannelBinding> binding_;
  const std::function<Standing(const AuthorId&)> standing_;
  const ExchangeSecret secret_;
  const Hello ours_;
  // as it goes on
  std::optional<Hello> theirs_;
  std::optional<SharedSecret> shared_;
};

}  // namespace musher::sync
