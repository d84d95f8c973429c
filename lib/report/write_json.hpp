#pragma once
// The JSON of the commands that write: put, purge, trust, init, identity.

#include <filesystem>
#include <vector>

#include "replica/init.hpp"
#include "replica/purge.hpp"
#include "replica/put.hpp"
#include "replica/trust.hpp"
#include "report/envelope.hpp"
#include "report/op_json.hpp"

namespace musher {

/// "applied", "timeout", "refused".
[[nodiscard]] std::string_view to_string(Confirmation status);
/// "live": [{pid, status, elapsed_ms}].
void write_live(JsonWriter& json, const std::vector<LiveAnswer>& live);
void write_put(JsonWriter& json, const Envelope& envelope, const PutReport& report, const std::vector<LiveAnswer>& live,
               const OpWriter& op = write_op);
/// Who let an MCP client's purge happen.
struct PurgeConsent {
  std::string_view confirmed_by;  ///< "elicitation", "flag"; empty: nobody had to
  std::string principal;
};
void write_purge(JsonWriter& json, const Envelope& envelope, const PurgeReport& report,
                 const std::vector<LiveAnswer>& live, const PurgeConsent* consent = nullptr,
                 const OpWriter& op = write_op);
/// What stands behind the envelope, into an object that is open.
void write_purge_members(JsonWriter& json, const PurgeReport& report, const std::vector<LiveAnswer>& live,
                         const PurgeConsent* consent, const OpWriter& op = write_op);

/// "allowed", "revoked", "unknown".
[[nodiscard]] std::string_view to_string(Standing standing);
/// {"authors": [...]}: `self` is the identity of whoever asks, when there is one.
void write_authors(JsonWriter& json, const Envelope& envelope, const std::vector<AuthorView>& authors,
                   const AuthorId* self);
/// The name that trust_add replaced by another one.
[[nodiscard]] std::optional<std::string> renamed_from(const TrustReport& report);
void write_trust(JsonWriter& json, const Envelope& envelope, const TrustReport& report);
void write_init(JsonWriter& json, const Envelope& envelope, const InitReport& report);
void write_identity(JsonWriter& json, const Envelope& envelope, const AuthorId& author, std::string_view key_file,
                    bool created);

}  // namespace musher
