#pragma once
// What others cause, as lines of the server's log: as many as do no harm, with the names that the log's trust has.

#include "http/options.hpp"
#include "server/live_log.hpp"
#include "server/log_limiter.hpp"
#include "sync/engine.hpp"

namespace musher {

class EventLog {
 public:
  EventLog(LogSink log, LiveLog& live) : lines_(std::move(log)), live_(live) {}

  void refused(const http::Refused& refused);
  void of_sync(const sync::Event& event);
  /// Ops of an author who is not trusted began to wait.
  void waits(const AuthorId& author, Standing standing);
  /// Ops of an author who is unknown here are in the log.
  void muted(const AuthorId& author);
  void equivocation(const Equivocation& found);
  /// An op that came says that it was written by_ms after it came.
  void clock_ahead(const AuthorId& author, const OpId& op, std::int64_t by_ms);

  /// To be called now and then: says how many lines were left out.
  void summarize() { lines_.summarize(now()); }
  void finish() { lines_.finish(); }

 private:
  [[nodiscard]] static LogLimiter::Time now() { return std::chrono::steady_clock::now(); }
  void not_heard(std::string_view event, const AuthorId& author, Standing standing);
  void add_author(LogFields& fields, const AuthorId& author, std::string_view as) const;
  void line(LogLevel level, std::string_view event, const LogFields& fields) {
    lines_.line(level, event, fields, now());
  }

  LogLimiter lines_;
  LiveLog& live_;
};

}  // namespace musher
