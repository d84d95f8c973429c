#pragma once
// What a modern client carries between a question and its answer (requestState). The server keeps nothing: all is in
// the text, signed with a key of this process, and treated as hostile when it comes back.

#include <chrono>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/ask.hpp"

namespace musher::mcp {

/// What an answer is good for.
struct AskScope {
  std::string principal;
  std::string method;     ///< "tools/call"
  std::string target;     ///< the tool's name
  std::string arguments;  ///< their canonical JSON
};

struct OpenState {
  std::string nonce;
  std::string binding;
  std::vector<Question> questions;  ///< key, kind and schema; the words of the question are not kept
};

/// Signs and checks request states with a key that is made with it and ends with it.
class RequestStates {
 public:
  using Clock = std::chrono::steady_clock;
  explicit RequestStates(Clock::duration lifetime, std::size_t most_used);
  RequestStates(const RequestStates&) = delete;
  RequestStates& operator=(const RequestStates&) = delete;
  ~RequestStates();

  [[nodiscard]] std::string seal(const AskScope& scope, const Ask& ask, Clock::time_point now) const;
  /// Checks all but whether it was used. Error: why it is refused, for the client.
  [[nodiscard]] std::expected<OpenState, std::string> open(std::string_view state, const AskScope& scope,
                                                           Clock::time_point now) const;
  /// Marks it used; false when it was already, or when so many were within one lifetime that no more can be
  /// remembered: then no answer counts until some have expired.
  [[nodiscard]] bool use(const std::string& nonce, Clock::time_point now);

 private:
  // fixed after construction
  struct Key;
  std::unique_ptr<Key> key_;
  Clock::duration lifetime_;
  std::size_t most_used_;
  // changes with each answer
  std::map<std::string, Clock::time_point> used_;  ///< nonce, and when it may be forgotten
};

}  // namespace musher::mcp
