#include "mcp/request_state.hpp"

#include <sodium.h>

#include <array>
#include <optional>

#include "crypto/hashing.hpp"
#include "crypto/sodium.hpp"
#include "json/json_writer.hpp"
#include "mcp/base64.hpp"
#include "model/text.hpp"

namespace musher::mcp {
namespace {

using Mac = std::array<std::uint8_t, crypto_auth_BYTES>;

const std::uint8_t* bytes(std::string_view text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

std::int64_t ms(RequestStates::Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

struct RequestStates::Key {
  SecretBytes secret{crypto_auth_KEYBYTES};
};

RequestStates::RequestStates(Clock::duration lifetime, std::size_t most_used)
    : key_(new Key), lifetime_(lifetime), most_used_(most_used) {
  crypto_auth_keygen(key_->secret.data());
}

RequestStates::~RequestStates() = default;

std::string RequestStates::seal(const AskScope& scope, const Ask& ask, Clock::time_point now) const {
  std::array<std::uint8_t, 16> nonce{};
  random_bytes(nonce);
  std::string payload;
  JsonWriter json(payload);
  json.begin_object().key("principal").string(scope.principal).key("method").string(scope.method);
  // The arguments as their digest: they may be large, and the client has them.
  json.key("target").string(scope.target).key("arguments").string(text_digest(scope.arguments));
  json.key("expires").number(ms(now + lifetime_)).key("nonce").hex(nonce).key("binding").string(ask.binding);
  json.key("questions").begin_array();
  for (const Question& question : ask.questions) {
    json.begin_object().key("key").string(question.key).key("kind").number(static_cast<std::int64_t>(question.kind));
    json.key("schema").string(question.schema).end_object();
  }
  json.end_array().end_object().end();
  Mac mac{};
  crypto_auth(mac.data(), bytes(payload), payload.size(), key_->secret.data());
  return to_base64({bytes(payload), payload.size()}, Base64::url_unpadded) + "." + to_base64(mac, Base64::url_unpadded);
}

std::expected<OpenState, std::string> RequestStates::open(std::string_view state, const AskScope& scope,
                                                          Clock::time_point now) const {
  constexpr std::size_t kMaxState = 64 * 1024;
  const auto refused = [](std::string why) { return std::unexpected("requestState refused: " + std::move(why)); };
  const std::size_t dot = state.find('.');
  if (state.size() > kMaxState || dot == std::string_view::npos) return refused("it is not one of this server's");
  const auto payload = from_base64(state.substr(0, dot), Base64::url_unpadded);
  const auto mac = from_base64(state.substr(dot + 1), Base64::url_unpadded);
  if (!payload || !mac || mac->size() != crypto_auth_BYTES ||
      crypto_auth_verify(bytes(*mac), bytes(*payload), payload->size(), key_->secret.data()) != 0)
    return refused("it is not one of this server's, was changed, or is from before its restart");

  const auto document = JsonDocument::parse(*payload);
  if (document == nullptr) return refused("it cannot be read");
  const JsonView fields = document->root();
  if (ms(now) >= fields["expires"].integer().value_or(0)) return refused("it has expired; make the call again");
  if (fields["principal"].string() != scope.principal) return refused("it was given to another principal");
  if (fields["method"].string() != scope.method || fields["target"].string() != scope.target ||
      fields["arguments"].string() != text_digest(scope.arguments))
    return refused("it belongs to another call or other arguments");
  OpenState opened{.nonce = std::string(fields["nonce"].string().value_or("")),
                   .binding = std::string(fields["binding"].string().value_or("")),
                   .questions = {}};
  for (const JsonView question : fields["questions"].items()) {
    opened.questions.push_back({.key = std::string(question["key"].string().value_or("")),
                                .kind = static_cast<Ability>(question["kind"].integer().value_or(0)),
                                .schema = std::string(question["schema"].string().value_or(""))});
  }
  return opened;
}

bool RequestStates::use(const std::string& nonce, Clock::time_point now) {
  if (used_.size() >= most_used_) std::erase_if(used_, [&](const auto& entry) { return entry.second <= now; });
  if (used_.size() >= most_used_) return false;
  return used_.emplace(nonce, now + lifetime_).second;
}

}  // namespace musher::mcp
