#pragma once
// One connection as the protocol sees it, and what a node needs of the world. The server has real ones
// (server/sync_service.hpp), the simulator of the tests others, and `musher sync` joins two engines in one process.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/verify.hpp"
#include "replica/replica.hpp"
#include "sync/handshake.hpp"

namespace musher::sync {

/// A connection that carries whole messages in order, or breaks. No call waits, none calls the user back.
class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;

  /// Queues a message; without effect on a link that is closed.
  virtual void send(std::string message) = 0;
  /// Given to send() and not on its way yet.
  [[nodiscard]] virtual std::size_t queued_bytes() const = 0;
  /// Stops and goes on reading.
  virtual void pause(bool paused) = 0;
  /// Messages may have so many bytes from the next one on; kMaxGreetingBytes before.
  virtual void allow(std::size_t message_bytes) = 0;
  /// Sends what is queued, then ends; the user hears closed() later.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  /// Waits for the other end's goodbye no longer.
  virtual void end_closing() = 0;
  [[nodiscard]] virtual std::string address() const = 0;
  /// Who is at the other end when nothing else is known of it: the same for all connections of one machine.
  [[nodiscard]] virtual std::string source() const { return address(); }
  [[nodiscard]] virtual std::optional<ChannelBinding> binding() const = 0;
};

/// Who is told of what comes over a link.
class LinkUser {
 public:
  LinkUser() = default;
  LinkUser(const LinkUser&) = delete;
  LinkUser& operator=(const LinkUser&) = delete;
  virtual ~LinkUser() = default;

  virtual void received(std::string_view message) = 0;
  /// The queue has become short.
  virtual void drained() = 0;
  /// Once, and the last call. by_peer: the other end said so; else this one did, or (1006) the connection broke.
  virtual void closed(std::uint16_t code, std::string_view reason, bool by_peer) = 0;
};

/// A link that stands: `start` hands it its user, after which messages come.
struct OpenLink {
  std::shared_ptr<Link> link;
  std::function<void(std::shared_ptr<LinkUser>)> start;
};

/// Of a connection. What it has given to others to do is not begun once it is over: who connects again and again
/// leaves no work behind.
class Lifetime {
 public:
  using ReadJob = std::function<Result<void>(LogReader&)>;

  void end() { token_.reset(); }
  /// The job, which does nothing and succeeds once this is over. On any thread.
  [[nodiscard]] ReadJob limit(ReadJob job) const {
    return [still = std::weak_ptr(token_), job = std::move(job)](LogReader& log) {
      return still.expired() ? Result<void>() : job(log);
    };
  }

 private:
  std::shared_ptr<const bool> token_ = std::make_shared<const bool>(true);
};

/// What an engine has done for it elsewhere. Every `done` is called on the engine's thread, later, in any order unless
/// said otherwise, and not at all when the node ends.
class Services {
 public:
  /// An op that does not hold, and the rule it breaks.
  struct Refused {
    SignedOp op;
    Reject why{};
  };
  using Verified = std::vector<std::expected<VerifiedOp, Refused>>;

  Services() = default;
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;
  virtual ~Services() = default;

  [[nodiscard]] virtual std::chrono::milliseconds now() = 0;  ///< monotonic
  [[nodiscard]] virtual std::int64_t clock_ms() = 0;          ///< ms since 1970 UTC: shown, nothing depends on it
  virtual void random(std::span<std::uint8_t> out) = 0;

  /// Runs `job` with a reader of the log, one job after the other, then `done`. An error: the log cannot be read.
  virtual void read(std::function<Result<void>(LogReader&)> job, std::function<void(Result<void>)> done) = 0;
  /// The same with the one replica that writes.
  virtual void write(std::function<Result<void>(Replica&)> job, std::function<void(Result<void>)> done) = 0;
  /// Verifies each op, on as many cores as there are. When nobody holds the ops any more as their turn comes they are
  /// not verified, and nobody is told.
  /// @return false: too many wait already.
  [[nodiscard]] virtual bool verify(const std::shared_ptr<std::vector<SignedOp>>& ops,
                                    std::function<void(Verified)> done) = 0;
  /// Connects to "ws://host:port". Returns what cancels it; `done` is called once, unless it was cancelled.
  [[nodiscard]] virtual std::function<void()> dial(const std::string& url,
                                                   std::function<void(Result<OpenLink>)> done) = 0;
};

}  // namespace musher::sync
