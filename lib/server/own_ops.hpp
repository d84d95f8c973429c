#pragma once
// Whether this node's own key has signed an op that the log has not got: a restored backup, a copied disk. Local writes
// are refused meanwhile, here and, by the note in the state folder (replica/tip_note.hpp), from shells of this user.

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "server/live_log.hpp"

namespace musher {

class OwnOps {
 public:
  struct Hooks {
    /// Writes a note, and calls back once that is done or has failed.
    std::function<void(const Tip&, std::function<void(Result<void>)>)> write_note;
    std::function<void(bool warning, std::string_view event, std::string detail)> tell;
    /// An audit would find another thing than before: an op is missing and noted, or one that was is here.
    std::function<void()> changed;
  };
  OwnOps(LiveLog& live, const AuthorId& self, std::filesystem::path state_dir, Hooks hooks);

  /// The log is open, for the first time or anew.
  void opened();
  /// A peer has sent this op of the own key, signed.
  void shown(const Tip& tip, const AuthorId& peer);
  /// The log has grown.
  void followed();
  /// To be called now and then: looks for the op, and tries again to write a note that could not be written.
  void tick(std::chrono::milliseconds now);

  /// For people: what is missing. Nothing when all is here.
  [[nodiscard]] std::optional<std::string> problem() const;

 private:
  struct Missing {
    Tip tip;
    std::optional<AuthorId> peer;  ///< who has it; nobody: so says the note of what this key wrote last
  };
  [[nodiscard]] std::optional<Tip> noted() const;
  void look_at_note();
  void look_for_it();
  void write_note();

  // fixed after construction
  LiveLog& live_;
  const AuthorId self_;
  const std::filesystem::path state_dir_;
  const Hooks hooks_;
  // changes
  std::optional<Missing> missing_;
  std::optional<DocumentId> document_;  ///< that it is an op of
  bool audits_find_it_ = false;
  std::chrono::milliseconds now_{};
  std::optional<std::chrono::milliseconds> write_note_at_;
};

}  // namespace musher
