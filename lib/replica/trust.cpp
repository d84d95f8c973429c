#include "replica/trust.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "crypto/signature.hpp"
#include "model/text.hpp"
#include "replica/admission.hpp"

namespace musher {
namespace {

constexpr std::size_t kMinPrefix = 6;

Result<void> check_name(const TrustPolicy& trust, const AuthorId& author, const std::string& name) {
  if (name.empty() || name.size() > kMaxActorBytes || !is_plain_utf8(name)) {
    return fail(Errc::usage, fmt::format("\"{}\" is no name for an author", name),
                "a name is 1 to 128 bytes of UTF-8 without control characters");
  }
  for (const AuthorRecord& record : trust.records()) {
    if (record.author == author || record.name != name) continue;
    return fail(Errc::usage, fmt::format("the name {} is taken by {}", name, to_hex(record.author.key)),
                "choose another name; musher trust list shows those in use");
  }
  return {};
}

std::optional<AuthorRecord> copy_of(const AuthorRecord* record) {
  return record == nullptr ? std::nullopt : std::optional(*record);
}

Result<TrustReport> store(WriteTransaction& log, const Host& host, const AuthorRecord* before, AuthorRecord record,
                          const char* action) {
  const std::int64_t now = host.now_ms();
  MUSHER_CHECK(log.set_author({now, host.login, action, record}));
  MUSHER_TRY(const std::uint64_t released, settle_quarantine(log, now));
  MUSHER_CHECK(log.commit());
  return TrustReport{std::move(record), copy_of(before), true, released};
}

Result<std::optional<OpId>> own_last_op(LogReader& log, const AuthorId& author) {
  MUSHER_TRY(const auto tips, log.tips_of(author));
  if (tips.empty()) return std::nullopt;
  return std::ranges::max_element(tips, {}, &Tip::index)->id;
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char digit) { return std::isxdigit(digit) != 0; });
}

}  // namespace

Result<TrustReport> trust_add(Replica& replica, const AuthorId& author, const std::string& name,
                              std::optional<bool> eraser) {
  if (!is_author_key(author)) {
    return fail(Errc::usage, fmt::format("{} is not an Ed25519 public key", to_hex(author.key)),
                "musher identity show prints the key of an identity");
  }
  MUSHER_TRY(auto log, replica.log().begin_write(replica.lock_timeout()));
  MUSHER_TRY(const auto trust, TrustPolicy::read(*log));
  MUSHER_CHECK(check_name(trust, author, name));
  const AuthorRecord* known = trust.record(author);
  const bool may_erase = eraser.value_or(known != nullptr && known->eraser);
  const AuthorRecord wanted{author, name, Trust::allowed, may_erase, std::nullopt};
  if (known != nullptr && *known == wanted) return TrustReport{wanted, wanted, false, 0};
  return store(*log, replica.host(), known, wanted, "add");
}

Result<TrustReport> trust_revoke(Replica& replica, const AuthorId& author, std::optional<OpId> from) {
  MUSHER_TRY(auto log, replica.log().begin_write(replica.lock_timeout()));
  MUSHER_TRY(const auto trust, TrustPolicy::read(*log));
  const AuthorRecord* known = trust.record(author);
  AuthorRecord wanted = known != nullptr ? *known : AuthorRecord{author, "", Trust::revoked, false, std::nullopt};
  if (from) {
    MUSHER_TRY(const auto facts, log->facts(*from));
    if (!facts)
      return fail(Errc::not_found, fmt::format("op {} is not in this log", to_hex(from->hash)),
                  "musher inspect ops --log " + shell_word(log->info().path));
    if (facts->author != author) {
      return fail(Errc::usage, fmt::format("op {} was written by {}", to_hex(from->hash), to_hex(facts->author.key)),
                  "name an op of the author whose trust ends there");
    }
  } else if (wanted.trust == Trust::revoked && known != nullptr) {
    return TrustReport{wanted, wanted, false, 0};
  } else {
    MUSHER_TRY(from, own_last_op(*log, author));
  }
  wanted.trust = Trust::revoked;
  wanted.revoked_from = from;
  if (known != nullptr && *known == wanted) return TrustReport{wanted, wanted, false, 0};
  return store(*log, replica.host(), known, wanted, "revoke");
}

Result<AuthorId> find_author(LogReader& log, const std::string& text) {
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  MUSHER_TRY(const auto tips, log.tips());
  std::vector<AuthorId> matches;
  std::vector<std::string> names;
  const bool prefix = text.size() >= kMinPrefix && is_hex(text);
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char digit) { return static_cast<char>(std::tolower(digit)); });
  const auto consider = [&](const AuthorId& author, std::string_view name) {
    if (name == text || (prefix && to_hex(author.key).starts_with(lower))) matches.push_back(author);
  };
  for (const AuthorRecord& record : trust.records()) {
    names.push_back(record.name);
    consider(record.author, record.name);
  }
  for (const Tip& tip : tips) consider(tip.author, "");
  std::ranges::sort(matches);
  matches.erase(std::unique(matches.begin(), matches.end()), matches.end());
  if (matches.size() == 1) return matches.front();
  if (matches.empty()) {
    if (const auto key = read_public_key(text)) return *key;
    return fail(Errc::not_found, fmt::format("there is no author {} in {}", text, log.info().path),
                "musher trust list --log " + shell_word(log.info().path), nearest(text, names));
  }
  std::vector<std::string> candidates;
  for (const AuthorId& author : matches) candidates.push_back(to_hex(author.key));
  return fail(Errc::ambiguous, fmt::format("{} may be {} authors", text, matches.size()), "give more digits",
              std::move(candidates));
}

}  // namespace musher
