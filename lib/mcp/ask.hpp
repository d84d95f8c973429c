#pragma once
// Questions to the client's user in the middle of a call, the same for both eras.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/json_view.hpp"

namespace musher::mcp {

/// What a client can be asked for, if it says so: a form for its user, an answer of its model, its folders.
enum class Ability { elicitation, sampling, roots };

/// The client's abilities as it declared them.
struct Abilities {
  bool elicitation = false;  ///< by form
  bool sampling = false;
  bool roots = false;
  [[nodiscard]] bool has(Ability ability) const;
  /// From a capabilities object. `elicitation: {}` means forms.
  [[nodiscard]] static Abilities of(JsonView capabilities);
};

struct Question {
  std::string key;  ///< names its answer
  Ability kind = Ability::elicitation;
  std::string message{};  ///< elicitation: what the user reads
  std::string
      schema{};  ///< elicitation: JSON Schema of the form, a flat object. An answer that does not fit it is none
  std::string params{};  ///< sampling, roots: JSON of the request's params
};

/// Questions, and what the answers are good for. binding comes back with the answers, and nobody but this process can
/// have changed it. A modern client is given it and sends it back, so that it must be short: of what may be long, a
/// text_digest. The answers serve once, for some minutes, this principal and these arguments.
struct Ask {
  std::vector<Question> questions;
  std::string binding{};
};

/// What stands for a text of any length in a binding: 64 hex digits.
[[nodiscard]] std::string text_digest(std::string_view text);

/// A question whose answer has the key "confirm". The message is escaped.
[[nodiscard]] Ask confirmation(std::string_view message, std::string schema, std::string binding);

enum class Outcome {
  unasked,      ///< no answer, or none that counts
  accepted,     ///< content is what the user filled in, or the model's or folders' result
  declined,     ///< the user said no
  cancelled,    ///< the user closed the form, or did not answer in time
  unavailable,  ///< this client cannot be asked
};

struct Answer {
  Outcome outcome = Outcome::unasked;
  JsonView content{};
};

/// Answers with the documents their content is in.
struct Answers {
  std::vector<std::pair<std::string, Answer>> by_key;
  std::vector<std::shared_ptr<const JsonDocument>> documents;
  [[nodiscard]] Answer find(std::string_view key) const;
};

/// The method of a question: "elicitation/create".
[[nodiscard]] std::string_view method_of(Ability kind);
/// The name of an ability in a capabilities object: "elicitation".
[[nodiscard]] std::string_view name_of(Ability kind);
/// The params of a question; `mode` is named for the versions that know it.
[[nodiscard]] std::string params_of(const Question& question, bool with_mode);

/// What a client sent for a question, judged: it counts only if it has the right form and fits the schema.
[[nodiscard]] Answer judge(Ability kind, std::string_view schema, JsonView sent);

}  // namespace musher::mcp
