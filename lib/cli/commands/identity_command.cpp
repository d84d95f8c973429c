// musher identity: make a key of one's own, or show one.

#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/log_access.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

enum class Action : std::uint8_t { create, show };

struct IdentityOptions {
  std::string action;
};

void declare(IdentityOptions& options, CommandLine& line) {
  line.positional(options.action, "new|show", "make a key, or show the public half of one");
  line.usage("[OPTION]... new|show");
  line.paragraph(
      "The key goes to the file of --identity (readable by its owner alone) and its public half to the same name with "
      ".pub. Nothing is ever overwritten. Whoever may write the log lets the key in with musher trust add.");
  line.example("musher identity new --identity ~/.musher/alice.key", "make a key");
  line.example("musher trust add ~/.musher/alice.key.pub alice", "then let it in");
}

Result<Action> action_of(const std::string& text) {
  if (text == "new") return Action::create;
  if (text == "show") return Action::show;
  return fail(Errc::usage, fmt::format("{} is neither new nor show", quote(text)),
              "musher identity new, or musher identity show");
}

Result<ExitCode> run(IdentityOptions& options, Context& context) {
  MUSHER_TRY(const Action action, action_of(options.action));
  const auto& file = context.settings.identity;
  AuthorId author;
  if (action == Action::create) {
    const Identity identity = Identity::generate();
    MUSHER_CHECK(identity.save_new(file));
    author = identity.author();
  } else {
    MUSHER_TRY(const Identity identity, Identity::load(file));
    author = identity.author();
  }
  const std::string path = std::filesystem::absolute(file).string();
  if (wants_json(context)) {
    JsonWriter json(context.terminal.out());
    write_identity(json, {"musher.identity/1", 0}, author, path, action == Action::create);
  } else if (action == Action::show) {
    context.terminal.out() << to_hex(author.key) << '\n';
  } else if (!context.settings.quiet) {
    context.terminal.out() << fmt::format("made the key {}\n  author  {}\n", escape(path), to_hex(author.key));
    context.terminal.note(fmt::format("to let it in: musher trust add {}.pub NAME", path));
  }
  return ExitCode::ok;
}

}  // namespace

Command identity_command() { return make_command<IdentityOptions>("musher-identity", {}, declare, run); }

}  // namespace musher
