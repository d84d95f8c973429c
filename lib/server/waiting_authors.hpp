#pragma once
// Whose ops wait in quarantine for want of trust, so that each such author is told of once.

#include <chrono>
#include <functional>
#include <map>
#include <set>

#include "oplog/op_log.hpp"
#include "replica/trust_policy.hpp"

namespace musher {

/// On one thread. An op is seen twice: when it came, and when it was judged. What is kept is bounded, whoever sends:
/// past kMostTold authors nobody is told of any more.
class WaitingAuthors {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using StandingOf = std::function<Standing(const AuthorId&)>;
  using Tell = std::function<void(const AuthorId&, Standing)>;
  static constexpr std::size_t kMostTold = 10'000;
  static constexpr std::size_t kMostAtOnce = 128;
  static constexpr std::chrono::seconds kPatience{60};  ///< an op that is nowhere by then was not written

  WaitingAuthors(StandingOf standing, Tell tell) : standing_(std::move(standing)), tell_(std::move(tell)) {}

  /// A verified op came, and is about to be judged.
  void came(const OpId& id, const AuthorId& author, Time now);
  /// Something was written: tells of the authors whose newest op is in the quarantine now.
  /// Cost: two look-ups in an index for each author with an op that was not judged.
  void look(LogReader& log, Time now);
  /// More came at once than are followed: whoever is in the quarantine (authors_in_quarantine) is to be named to
  /// waits(). At most once in kPatience.
  [[nodiscard]] bool wants_all(Time now);
  /// An op of this author waits: known without looking.
  void waits(const AuthorId& author);

 private:
  struct Newest {
    OpId op;
    Time came;
  };
  [[nodiscard]] bool is_news(const AuthorId& author) const;

  const StandingOf standing_;
  const Tell tell_;
  std::map<AuthorId, Newest> not_judged_;
  std::set<AuthorId> told_;
  bool missed_ = false;
  Time next_all_{};
};

/// The authors of the ops that may enter later, each once, at most WaitingAuthors::kMostTold.
/// Cost: all of the quarantine.
[[nodiscard]] Result<std::set<AuthorId>> authors_in_quarantine(LogReader& log);

}  // namespace musher
