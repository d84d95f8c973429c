#include "replica/init.hpp"

#include <fmt/format.h>

#include "crypto/hashing.hpp"
#include "model/text.hpp"
#include "oplog/create_log.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/inspect.hpp"
#include "replica/trust.hpp"

namespace musher {
namespace {

namespace fs = std::filesystem;

struct Key {
  Identity identity;
  bool created = false;
};

Result<Key> load_or_make_key(const fs::path& file) {
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(file, ignored))) {
    MUSHER_TRY(auto identity, Identity::load(file));
    return Key{std::move(identity), false};
  }
  Identity identity = Identity::generate();
  MUSHER_CHECK(identity.save_new(file));
  return Key{std::move(identity), true};
}

/// A log is there: what init would have made?
Result<InitReport> look_at_existing(const InitRequest& request, const Host& host) {
  MUSHER_TRY(auto log, SqliteOpLog::open(request.log, OpenMode::write));
  const LogInfo info = log->info();
  if (request.document && *request.document != info.document) {
    return fail(Errc::refused,
                fmt::format("{} is a log of document {} already, and not of {}", info.path, to_hex(info.document.bytes),
                            to_hex(request.document->bytes)),
                "name another file with --log");
  }
  if (request.group) MUSHER_CHECK(check_belongs_to(info.path, *request.group));
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(request.key_file, ignored))) {
    return fail(Errc::refused,
                fmt::format("{} is there, but its key {} is not; a new one is never made in silence", info.path,
                            request.key_file.string()),
                fmt::format("bring the key back, or: {} && musher trust --log {} add {} NAME",
                            new_identity_command(request.key_file), shell_word(info.path),
                            shell_word(request.key_file.string() + ".pub")));
  }
  MUSHER_TRY(const Identity identity, Identity::load(request.key_file));
  MUSHER_TRY(const auto authors, log->authors());
  MUSHER_TRY(const auto policy, TrustPolicy::read(*log));
  MUSHER_CHECK(log_card(*log));  // what --json goes on to read
  Replica replica(std::move(log), host);
  if (authors.empty()) {  // killed between making the log and trusting its key
    MUSHER_CHECK(trust_add(replica, identity.author(), request.name));
  } else if (policy.standing(identity.author()) != Standing::allowed) {
    return fail(Errc::refused,
                fmt::format("{} is there, but the key {} is not trusted in it", info.path, request.key_file.string()),
                fmt::format("musher trust --log {} add {} NAME", shell_word(info.path), to_hex(identity.author().key)));
  }
  return InitReport{false, false, info, identity.author(), fs::absolute(request.key_file)};
}

/// What init would have made, or something that must not be touched.
Result<InitReport> accept_existing(const InitRequest& request, const Host& host) {
  auto accepted = look_at_existing(request, host);
  if (accepted) return accepted;
  Error error = std::move(accepted).error();
  const bool something_else =
      error.code == Errc::not_a_log || error.code == Errc::newer_format || error.code == Errc::damaged;
  if (!something_else) return std::unexpected(std::move(error));
  return fail(Errc::refused, fmt::format("will not make a log over what is there: {}", error.what),
              error.code == Errc::not_a_log ? "name another file with --log" : error.hint);
}

}  // namespace

Result<InitReport> init(const InitRequest& request, const Host& host) {
  if (request.name.empty() || request.name.size() > kMaxActorBytes || !is_plain_utf8(request.name)) {
    return fail(Errc::usage, fmt::format("\"{}\" is no name for an author", request.name),
                "a name is 1 to 128 bytes of UTF-8 without control characters");
  }
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(request.log, ignored))) return accept_existing(request, host);
  const DocumentId document = request.document ? *request.document : random_id<DocumentId>();
  const CreateOptions options{.document = document, .group = request.group, .created_ms = host.now_ms()};
  MUSHER_CHECK(SqliteOpLog::check_create(request.log, options));
  MUSHER_TRY(const Key key, load_or_make_key(request.key_file));
  MUSHER_TRY(auto log, SqliteOpLog::create(request.log, options));
  const LogInfo info = log->info();
  Replica replica(std::move(log), host);
  MUSHER_CHECK(trust_add(replica, key.identity.author(), request.name));
  return InitReport{true, key.created, info, key.identity.author(), fs::absolute(request.key_file)};
}

}  // namespace musher
