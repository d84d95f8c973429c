#pragma once
// What a legacy client's initialize leaves behind, and what can be cancelled.

#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "mcp/ask.hpp"
#include "mcp/message.hpp"
#include "mcp/protocol.hpp"
#include "mcp/scheduler.hpp"

namespace musher::mcp {

/// The requests of one connection or session that are not answered yet, by their id.
class InFlight {
 public:
  /// False when a request with this id is there already, or `most` are. `finish` answers one that lasts until somebody
  /// ends it.
  [[nodiscard]] bool add(const std::string& id, std::function<void()> cancel, std::size_t most,
                         std::function<void()> finish = nullptr);
  void remove(const std::string& id);
  void cancel(const std::string& id);
  /// This one waits for the client from now on, or does so no more.
  void set_asking(const std::string& id, bool asking);
  void cancel_all();
  /// Answers those that would last.
  void finish_standing();
  [[nodiscard]] std::size_t size() const { return requests_.size(); }
  /// There are as many as may be, and of those at least one ends without anything more from the client.
  [[nodiscard]] bool is_full_for_now(std::size_t most) const;
  /// Called each time that one has ended, or begun to wait for the client.
  void on_change(std::function<void()> callback) { changed_ = std::move(callback); }

 private:
  struct Request {
    std::function<void()> cancel, finish;
    bool asking = false;
  };
  void tell() const;

  std::unordered_map<std::string, Request> requests_;
  std::function<void()> changed_;
};

/// Where a session's messages go that belong to no request: its GET stream, or stdout.
class Outlet {
 public:
  Outlet() = default;
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;
  virtual ~Outlet() = default;
  /// False: it is gone.
  virtual bool send(std::string_view message) = 0;
  virtual void finish() = 0;
};

struct Session {
  // fixed after initialize
  std::string id;  ///< empty on stdio, which has one
  std::string version;
  std::string principal;
  Abilities abilities;
  std::shared_ptr<InFlight> in_flight = std::make_shared<InFlight>();
  // changes with each request
  LogLevel log_level = LogLevel::info;
  std::set<std::string, std::less<>> subscriptions{};  ///< URIs
  std::shared_ptr<Outlet> outlet{};
  /// What the client was asked and has not answered, by the JSON text of our request's id.
  std::unordered_map<std::string, std::function<void(const Message&)>> questions{};
  Scheduler::Clock::time_point last_used{};
};

/// Sessions of HTTP clients: found by id, forgotten when they were idle too long or when others need their place.
class Sessions {
 public:
  Sessions(std::size_t most, Scheduler::Clock::duration idle) : most_(most), idle_(idle) {}

  /// Gives it an id that cannot be guessed. Where there are as many as may be, the one that was idle longest goes.
  std::shared_ptr<Session> add(Session session, Scheduler::Clock::time_point now);
  /// The session of this principal, and notes that it is used; nothing when there is none.
  [[nodiscard]] std::shared_ptr<Session> find(std::string_view id, std::string_view principal,
                                              Scheduler::Clock::time_point now);
  void end(const std::string& id);
  /// Ends those that were idle too long; one with an open stream is not idle.
  void expire(Scheduler::Clock::time_point now);
  void end_all();
  [[nodiscard]] std::size_t size() const { return by_id_.size(); }
  template <class Function>
  void for_each(const Function& function) const {
    for (const auto& session : by_use_) function(*session);
  }

 private:
  using Order = std::list<std::shared_ptr<Session>>;
  void close(Order::iterator place);

  // fixed after construction
  std::size_t most_;
  Scheduler::Clock::duration idle_;
  // changes with each request
  Order by_use_;  ///< the longest unused first
  std::unordered_map<std::string, Order::iterator> by_id_;
};

/// What the client was asked it will not answer any more: as if its user had closed the form.
void leave_unanswered(Session& session);
/// Cancels what runs in a session and closes its stream.
void close_session(Session& session);

}  // namespace musher::mcp
