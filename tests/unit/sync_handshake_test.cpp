// Who is at the other end: every rule of the handshake, and what somebody without the key can make of what he hears.
#include <catch2/catch.hpp>

#include "support/signed_ops.hpp"
#include "sync/handshake.hpp"

namespace musher::sync {
namespace {

using testing::identity_of;
using testing::test_document;

LogId log_of(std::uint8_t number) {
  LogId log;
  log.bytes.fill(number);
  return log;
}

std::array<std::uint8_t, 32> secret_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> secret;
  secret.fill(number);
  return secret;
}

struct Node {
  explicit Node(std::uint8_t number)
      : identity(identity_of(number)), self{&identity, test_document(), log_of(number)} {}
  Identity identity;
  Self self;
  std::optional<ChannelBinding> binding{};
  Standing trusts = Standing::allowed;
  std::uint8_t secret = 1;

  [[nodiscard]] Handshake as(Role role) const {
    return Handshake(role, self, binding, secret_of(secret), [this](const AuthorId&) { return trusts; });
  }
};

/// What came of both ends, speaking in turn until nobody has anything to say.
struct Outcome {
  std::optional<PeerId> dialer_met, listener_met;
  std::optional<Ending> dialer_ended, listener_ended;
  std::vector<std::string>
      said{};  ///< in order: the dialer's hello, the listener's, the dialer's proof, the listener's
};

/// `alter` may change a message on its way; the number is its place in `said`.
Outcome meet(const Node& dialing, const Node& listening,
             const std::function<void(std::size_t, std::string&)>& alter = {}) {
  Handshake dialer = dialing.as(Role::dialer);
  Handshake listener = listening.as(Role::listener);
  CHECK_FALSE(listener.opening());
  Outcome outcome;
  std::string message = *dialer.opening();
  for (bool to_listener = true; !message.empty(); to_listener = !to_listener) {
    outcome.said.push_back(message);
    if (alter) alter(outcome.said.size() - 1, message);
    auto taken = (to_listener ? listener : dialer).take(*decode(message));
    if (auto* ending = std::get_if<Ending>(&taken)) {
      (to_listener ? outcome.listener_ended : outcome.dialer_ended) = *ending;
      break;
    }
    auto& reply = std::get<Handshake::Reply>(taken);
    if (reply.peer) (to_listener ? outcome.listener_met : outcome.dialer_met) = reply.peer;
    message = reply.message;
  }
  return outcome;
}

TEST_CASE("sync handshake: two nodes of one document that trust each other meet", "[sync]") {
  const Node a(1), b(2);
  const Outcome outcome = meet(a, b);
  CHECK(outcome.dialer_met == PeerId{b.identity.author(), log_of(2)});
  CHECK(outcome.listener_met == PeerId{a.identity.author(), log_of(1)});
  CHECK(outcome.said.size() == 4);
}

TEST_CASE("sync handshake: what keeps two nodes apart, and its close code", "[sync]") {
  Node a(1), b(2);
  SECTION("another document: both ids are named") {
    b.self.document.bytes.fill(0xbb);
    const auto ending = meet(a, b).listener_ended;
    REQUIRE(ending);
    CHECK(ending->code == CloseCode::wrong_document);
    CHECK(ending->reason == "here " + std::string(32, 'b') + ", there d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0");
    CHECK(ending->reason.size() <= 123);
  }
  SECTION("the same log") {
    b.self.log = a.self.log;
    CHECK(meet(a, b).listener_ended->code == CloseCode::same_node);
  }
  SECTION("the same key in another log") {
    Node twin(1);
    twin.self.log = log_of(9);
    CHECK(meet(a, twin).listener_ended->code == CloseCode::same_key);
  }
  SECTION("a dialer that is not trusted learns how to be") {
    b.trusts = Standing::unknown;
    const Outcome outcome = meet(a, b);
    REQUIRE(outcome.listener_ended);
    CHECK(outcome.listener_ended->code == CloseCode::not_trusted);
    CHECK(outcome.listener_ended->reason.starts_with("musher trust add "));
    CHECK(outcome.listener_ended->reason.size() <= 123);
    CHECK_FALSE(outcome.dialer_met);
  }
  SECTION("a dialer that is revoked is not told how to come back") {
    b.trusts = Standing::revoked;
    const Outcome outcome = meet(a, b);
    REQUIRE(outcome.listener_ended);
    CHECK(outcome.listener_ended->code == CloseCode::not_trusted);
    CHECK(outcome.listener_ended->reason.ends_with(" is revoked"));
    CHECK_THAT(outcome.listener_ended->here, Catch::Matchers::Contains("to let it in again: musher trust add "));
  }
  SECTION("a listener that is not trusted") {
    a.trusts = GENERATE(Standing::unknown, Standing::revoked);
    CHECK(meet(a, b).dialer_ended->code == CloseCode::not_trusted);
  }
  SECTION("no version in common") {
    const auto [least, most] = GENERATE(table<std::uint8_t, std::uint8_t>({{2, 9}, {0, 0}, {1, 0}}));
    const auto ending = meet(a, b, [&, least = least, most = most](std::size_t number, std::string& message) {
                          if (number != 0) return;
                          auto hello = std::get<Hello>(*decode(message));
                          hello.version_min = least;
                          hello.version_max = most;
                          message = encode(hello);
                        }).listener_ended;
    REQUIRE(ending);
    CHECK(ending->code == CloseCode::unsupported);
  }
}

TEST_CASE("sync handshake: a range of versions that holds ours is taken, and is what is signed", "[sync]") {
  const Node a(1), b(2);
  const auto widened = [](std::size_t number, std::string& message) {
    if (number != 0) return;
    auto hello = std::get<Hello>(*decode(message));
    hello.version_max = 7;
    message = encode(hello);
  };
  // Somebody in between widened it: the dialer has not signed that.
  CHECK(meet(a, b, widened).listener_ended->code == CloseCode::bad_proof);
}

TEST_CASE("sync handshake: a TLS connection is part of what is proven where the listening end has one", "[sync]") {
  Node a(1), b(2);
  ChannelBinding one, other;
  one.fill(1);
  other.fill(2);
  SECTION("both ends see the same") {
    a.binding = b.binding = one;
    CHECK(meet(a, b).dialer_met);
  }
  SECTION("each end sees another: somebody is in between") {
    a.binding = one;
    b.binding = other;
    CHECK(meet(a, b).listener_ended->code == CloseCode::bad_proof);
  }
  SECTION("only the listener sees one") {
    b.binding = one;
    CHECK(meet(a, b).listener_ended->code == CloseCode::bad_proof);
  }
  SECTION("only the dialer sees one: TLS ends at a proxy") {
    a.binding = one;
    CHECK(meet(a, b).dialer_met);
  }
  SECTION("nobody in between can talk the binding away") {
    a.binding = b.binding = one;
    const std::size_t whose = GENERATE(0U, 1U);
    const Outcome outcome = meet(a, b, [&](std::size_t number, std::string& message) {
      if (number == whose) message.back() = 0;
    });
    CHECK_FALSE(outcome.listener_met);
    CHECK_FALSE(outcome.dialer_met);
  }
}

TEST_CASE("sync handshake: a change of any byte of any message is found", "[sync]") {
  const Node a(1), b(2);
  const Outcome good = meet(a, b);
  for (std::size_t message = 0; message < 4; ++message) {
    for (std::size_t at = 0; at < good.said[message].size(); ++at) {
      bool decodes = true;
      const Outcome outcome = [&] {
        std::string changed = good.said[message];
        changed[at] ^= 1;
        decodes = decode(changed).has_value();
        if (!decodes) return Outcome{};
        return meet(a, b, [&](std::size_t number, std::string& bytes) {
          if (number == message) bytes[at] ^= 1;
        });
      }();
      if (!decodes) continue;
      INFO("message " << message << ", byte " << at);
      // The end that took the changed message, or the one it answered, does not believe it. The dialer's proof comes
      // before the listener's: only the last message leaves the listener with a peer, who is the right one.
      CHECK_FALSE(outcome.dialer_met);
      if (message < 3) CHECK_FALSE(outcome.listener_met);
    }
  }
}

TEST_CASE("sync handshake: what was heard before proves nothing", "[sync]") {
  const Node a(1);
  Node b(2);
  const Outcome heard = meet(a, b);
  SECTION("a stolen hello, without the key") {
    Handshake listener = b.as(Role::listener);
    REQUIRE(std::holds_alternative<Handshake::Reply>(listener.take(*decode(heard.said[0]))));
    const auto outcome = listener.take(Proof{});
    CHECK(std::get<Ending>(outcome).code == CloseCode::bad_proof);
  }
  SECTION("all of the dialer's side, at another time: the listener's exchange key is fresh") {
    b.secret = 77;
    Handshake listener = b.as(Role::listener);
    REQUIRE(std::holds_alternative<Handshake::Reply>(listener.take(*decode(heard.said[0]))));
    CHECK(std::get<Ending>(listener.take(*decode(heard.said[2]))).code == CloseCode::bad_proof);
  }
  SECTION("all of the listener's side, to another dial: the dialer's exchange key is fresh") {
    Node later(1);
    later.secret = 78;
    Handshake dialer = later.as(Role::dialer);
    static_cast<void>(dialer.opening());
    REQUIRE(std::holds_alternative<Handshake::Reply>(dialer.take(*decode(heard.said[1]))));
    CHECK(std::get<Ending>(dialer.take(*decode(heard.said[3]))).code == CloseCode::bad_proof);
  }
  SECTION("a proof sent back to where it came from") {
    Handshake dialer = a.as(Role::dialer);
    const std::string hello = *dialer.opening();
    // The mirror names the dialer's own key, or another with the dialer's proof.
    auto own = std::get<Hello>(*decode(hello));
    CHECK(std::get<Ending>(dialer.take(own)).code == CloseCode::same_node);
    own.log = log_of(9);
    Handshake again = a.as(Role::dialer);
    CHECK(std::get<Ending>(again.take(own)).code == CloseCode::same_key);
    Handshake third = a.as(Role::dialer);
    const auto reply = third.take(*decode(heard.said[1]));
    CHECK(std::get<Ending>(third.take(*decode(std::get<Handshake::Reply>(reply).message))).code ==
          CloseCode::bad_proof);
  }
  SECTION("the proof of one role in the other: the same greetings, signed by the same key") {
    // b dials a with the exchange keys that they had when a dialed b.
    Handshake listener = b.as(Role::listener);
    REQUIRE(std::holds_alternative<Handshake::Reply>(listener.take(*decode(heard.said[0]))));
    CHECK(std::get<Ending>(listener.take(*decode(heard.said[3]))).code == CloseCode::bad_proof);
  }
}

TEST_CASE("sync handshake: an exchange key of small order, which would make the secret known to all, ends it",
          "[sync]") {
  const Node a(1), b(2);
  const Outcome heard = meet(a, b);
  for (const std::uint8_t first : {std::uint8_t{0}, std::uint8_t{1}}) {
    auto hello = std::get<Hello>(*decode(heard.said[0]));
    hello.exchange_key = {first};
    Handshake listener = b.as(Role::listener);
    CHECK(std::get<Ending>(listener.take(hello)).code == CloseCode::bad_proof);
  }
}

TEST_CASE("sync handshake: messages out of turn end it", "[sync]") {
  const Node a(1), b(2);
  const Outcome heard = meet(a, b);
  Handshake listener = b.as(Role::listener);
  SECTION("a proof before a hello") {
    CHECK(std::get<Ending>(listener.take(*decode(heard.said[2]))).code == CloseCode::violation);
  }
  SECTION("a second hello") {
    REQUIRE(std::holds_alternative<Handshake::Reply>(listener.take(*decode(heard.said[0]))));
    CHECK(std::get<Ending>(listener.take(*decode(heard.said[0]))).code == CloseCode::violation);
  }
  SECTION("anything else, at once or behind the hello") {
    const bool greeted = GENERATE(false, true);
    if (greeted) REQUIRE(std::holds_alternative<Handshake::Reply>(listener.take(*decode(heard.said[0]))));
    const Message other = GENERATE(values<Message>({Position{}, Resume{}, Ops{}, Ack{1}, Reconcile{}, Tips{}}));
    const auto outcome = listener.take(other);
    CHECK(std::get<Ending>(outcome).code == CloseCode::violation);
  }
}

TEST_CASE("sync handshake: a key is claimed with the hello, and is met with the proof", "[sync]") {
  const Node a(1), b(2);
  const Outcome heard = meet(a, b);
  Handshake listener = b.as(Role::listener);
  CHECK_FALSE(listener.claimed());
  REQUIRE(std::holds_alternative<Handshake::Reply>(listener.take(*decode(heard.said[0]))));
  CHECK(listener.claimed() == a.identity.author());
}

}  // namespace
}  // namespace musher::sync
