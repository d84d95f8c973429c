#include "server/own_ops.hpp"

#include <fmt/format.h>

#include <utility>

#include "model/text.hpp"
#include "replica/tip_note.hpp"

namespace musher {
namespace {

constexpr std::chrono::seconds kNoteRetry{5};
constexpr std::string_view kElsewhere = "own ops elsewhere";

}  // namespace

OwnOps::OwnOps(LiveLog& live, const AuthorId& self, std::filesystem::path state_dir, Hooks hooks)
    : live_(live), self_(self), state_dir_(std::move(state_dir)), hooks_(std::move(hooks)) {}

void OwnOps::opened() {
  const DocumentId& document = live_.log().info().document;
  if (document_ && *document_ != document) {  // no node has an op of the other one to send
    missing_.reset();
    write_note_at_.reset();
    audits_find_it_ = false;
  }
  document_ = document;
  if (missing_) look_for_it();
  look_at_note();
}

void OwnOps::shown(const Tip& tip, const AuthorId& peer) {
  if (missing_ && missing_->peer && missing_->tip.index >= tip.index) return;
  const auto here = live_.log().facts(tip.id);
  if (here && *here) return;  // it came while it was looked for
  missing_ = Missing{tip, peer};
  write_note();
}

void OwnOps::followed() {
  if (missing_) look_for_it();
}

void OwnOps::tick(std::chrono::milliseconds now) {
  now_ = now;
  if (missing_ && write_note_at_ && *write_note_at_ <= now) write_note();
  if (missing_) look_for_it();
}

/// Whichever log it was written in: then no own write is taken here, whoever else has the op.
std::optional<Tip> OwnOps::noted() const { return last_noted_tip(live_.log().info().document, self_, state_dir_); }

void OwnOps::look_at_note() {
  const auto last = noted();
  if (!last || (missing_ && missing_->tip.index >= last->index)) return;
  const auto here = live_.log().facts(last->id);
  if (!here || *here) return;
  missing_ = Missing{*last, std::nullopt};
  audits_find_it_ = true;
  hooks_.tell(true, kElsewhere, *problem());
}

/// It is here, or nobody goes by the note any more.
void OwnOps::look_for_it() {
  const auto here = live_.log().facts(missing_->tip.id);
  if (!here || (!*here && (missing_->peer || noted() == missing_->tip))) return;
  missing_.reset();
  write_note_at_.reset();
  look_at_note();  // there may be a later one, that nobody else has
  if (missing_) return;
  hooks_.tell(false, "own ops are back", "local writes go on");
  if (std::exchange(audits_find_it_, false)) hooks_.changed();
}

/// Without it a shell would go on from the op before, with a second branch of this key. Tried until it is written.
void OwnOps::write_note() {
  write_note_at_.reset();
  hooks_.write_note(missing_->tip, [this](const Result<void>& written) {
    if (written) {
      // Most are here again by now.
      if (missing_ && !std::exchange(audits_find_it_, true)) hooks_.changed();
      return;
    }
    write_note_at_ = now_ + kNoteRetry;
    hooks_.tell(true, kElsewhere, written.error().what);
  });
}

std::optional<std::string> OwnOps::problem() const {
  if (!missing_) return std::nullopt;
  const auto& [tip, peer] = *missing_;
  const std::string op = fmt::format("op {} (index {})", to_hex(tip.id.hash), raw(tip.index));
  if (peer) {
    return fmt::format(
        "the node with key {} has {} of this node's own key, which this log has not got: local writes are refused "
        "until it is fetched",
        to_hex(peer->key), op);
  }
  return fmt::format(
      "this node's own key has written {}, which this log has not got: local writes are refused until a node that has "
      "it is connected. If no node has it, musher put on this log says what to do",
      op);
}

}  // namespace musher
