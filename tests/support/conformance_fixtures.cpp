#include "support/conformance_fixtures.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "mcp/call.hpp"

namespace musher::testing {
namespace {

using namespace mcp;
using CallPtr = std::shared_ptr<Call>;

constexpr std::string_view kPng =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
constexpr std::string_view kWav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";
constexpr std::string_view kNameSchema =
    R"({"type":"object","properties":{"name":{"type":"string"}},"required":["name"]})";
constexpr std::string_view kOkSchema = R"({"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]})";

ToolResult text_result(std::string_view text) { return {.content = Content().text(text)}; }

Question elicit(std::string key, std::string message, std::string_view schema) {
  return {.key = std::move(key), .message = std::move(message), .schema = std::string(schema)};
}

Question sample(std::string key, std::string_view prompt) {
  return {.key = std::move(key),
          .kind = Ability::sampling,
          .params =
              fmt::format(R"({{"messages":[{{"role":"user","content":{{"type":"text","text":{}}}}}],"maxTokens":100}})",
                          json_string(prompt))};
}

Question roots(std::string key) { return {.key = std::move(key), .kind = Ability::roots}; }

class Fixtures {
 public:
  Fixtures(Server& server, Scheduler& scheduler) : server_(server), scheduler_(scheduler) {}

  void add() {
    add_content_tools();
    add_slow_tools();
    add_asking_tools();
    add_input_required_tools();
    add_change_tools();
    add_prompts();
    add_resources();
  }

 private:
  void must(const Result<void>& added) const {
    if (!added) throw std::runtime_error(added.error().what);
  }

  void tool(const std::string& name, std::string description, std::function<void(const CallPtr&)> handler,
            std::string_view properties = "{}") {
    Tool made{.name = name, .description = std::move(description)};
    made.input_schema = fmt::format(R"({{"type":"object","properties":{}}})", properties);
    made.handler = std::move(handler);
    must(server_.add(std::move(made)));
  }

  void add_content_tools() {
    tool("test_simple_text", "Answers with text",
         [](const CallPtr& call) { call->finish(text_result("This is a simple text response for testing.")); });
    tool("test_image_content", "Answers with an image",
         [](const CallPtr& call) { call->finish(ToolResult{.content = Content().image(kPng, "image/png")}); });
    tool("test_audio_content", "Answers with sound",
         [](const CallPtr& call) { call->finish(ToolResult{.content = Content().audio(kWav, "audio/wav")}); });
    tool("test_embedded_resource", "Answers with a resource", [](const CallPtr& call) {
      call->finish(ToolResult{.content = Content().resource("test://embedded-resource", "text/plain",
                                                            "This is an embedded resource content.")});
    });
    tool("test_multiple_content_types", "Answers with several kinds of content", [](const CallPtr& call) {
      Content content;
      content.text("Multiple content types test:").image(kPng, "image/png");
      content.resource("test://mixed-content-resource", "application/json", R"({"test":"data","value":123})");
      call->finish(ToolResult{.content = content});
    });
    tool("test_error_handling", "Always fails", [](const CallPtr& call) {
      call->finish(error_result("This tool intentionally returns an error for testing"));
    });
    Tool schema{.name = "json_schema_2020_12_tool", .description = "Tool with JSON Schema 2020-12 features"};
    schema.input_schema = R"({"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
      "$defs":{"address":{"$anchor":"addressDef","type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"}}}},
      "properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},
        "contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},
      "allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],
      "if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},
      "then":{"required":["phone"]},"else":{"required":["email"]},"additionalProperties":false})";
    schema.handler = [](const CallPtr& call) { call->finish(text_result("done")); };
    must(server_.add(std::move(schema)));
  }

  /// Calls each step 50 ms after the one before, then the last with nothing left to say.
  void steps(const CallPtr& call, int from, int to, std::function<void(int)> step, std::function<void()> last) {
    step(from);
    if (from == to) return last();
    scheduler_.after(std::chrono::milliseconds(50),
                     [this, call, from, to, step = std::move(step), last = std::move(last)] {
                       steps(call, from + 1, to, step, last);
                     });
  }

  void add_slow_tools() {
    const auto log_thrice = [this](const CallPtr& call) {
      const auto say = [call](int step) {
        constexpr std::array<std::string_view, 3> kSaid{"Tool execution started", "Tool processing data",
                                                        "Tool execution completed"};
        call->log(LogLevel::info, "test", json_string(kSaid[static_cast<std::size_t>(step)]));
      };
      steps(call, 0, 2, say, [call] { call->finish(text_result("Logged three times")); });
    };
    tool("test_tool_with_logging", "Logs while it works", log_thrice);
    tool("test_logging_tool", "Logs while it works", log_thrice);
    tool("test_tool_with_progress", "Tells how far it is", [this](const CallPtr& call) {
      steps(
          call, 0, 2, [call](int step) { call->progress(50 * step, 100); },
          [call] { call->finish(text_result("Progress told")); });
    });
    tool("test_streaming_elicitation", "Tells how far it is, then asks", [](const CallPtr& call) {
      if (call->answer("confirm").outcome != Outcome::unasked) return call->finish(text_result("answered"));
      call->progress(1, 2);
      call->ask(confirmation("Go on?", std::string(kOkSchema), "streaming"));
    });
  }

  static std::string told(const Answer& answer) {
    switch (answer.outcome) {
      case Outcome::accepted: return "action=accept, content=" + answer.content.text();
      case Outcome::declined: return "action=decline";
      case Outcome::cancelled: return "action=cancel";
      case Outcome::unasked:
      case Outcome::unavailable: return "the client cannot be asked";
    }
    return {};
  }

  /// A tool that asks one question, and says what came of it.
  void asking(const std::string& name, const std::string& description, std::function<Question(const Call&)> question,
              std::string_view properties = "{}") {
    const auto handler = [question = std::move(question)](const CallPtr& call) {
      const Question asked = question(*call);
      const Answer answer = call->answer(asked.key);
      if (answer.outcome == Outcome::unasked) return call->ask({{asked}, "once"});
      if (answer.outcome == Outcome::unavailable) return call->finish(error_result("this client cannot be asked"));
      call->finish(text_result("Elicitation completed: " + told(answer)));
    };
    tool(name, description, handler, properties);
  }

  void add_asking_tools() {
    asking(
        "test_sampling", "Asks the client's model",
        [](const Call& call) { return sample("answer", call.arguments()["prompt"].string().value_or("")); },
        R"({"prompt":{"type":"string"}})");
    asking(
        "test_elicitation", "Asks the client's user",
        [](const Call& call) {
          return elicit(
              "answer", std::string(call.arguments()["message"].string().value_or("")),
              R"({"type":"object","properties":{"username":{"type":"string","description":"User's response"},)"
              R"("email":{"type":"string","description":"User's email address"}},)"
              R"("required":["username","email"]})");
        },
        R"({"message":{"type":"string"}})");
    asking("test_elicitation_sep1034_defaults", "Asks with defaults", [](const Call&) {
      return elicit("answer", "Please review",
                    R"({"type":"object","properties":{"name":{"type":"string","default":"John Doe"},)"
                    R"("age":{"type":"integer","default":30},"score":{"type":"number","default":95.5},)"
                    R"("status":{"type":"string","enum":["active","inactive","pending"],"default":"active"},)"
                    R"("verified":{"type":"boolean","default":true}},"required":[]})");
    });
    asking("test_elicitation_sep1330_enums", "Asks with all kinds of enum", [](const Call&) {
      return elicit(
          "answer", "Please choose",
          R"({"type":"object","properties":{"untitledSingle":{"type":"string","enum":["option1","option2","option3"]},)"
          R"("titledSingle":{"type":"string","oneOf":[{"const":"value1","title":"First Option"},)"
          R"({"const":"value2","title":"Second Option"},{"const":"value3","title":"Third Option"}]},)"
          R"("legacyEnum":{"type":"string","enum":["opt1","opt2","opt3"],)"
          R"("enumNames":["Option One","Option Two","Option Three"]},)"
          R"("untitledMulti":{"type":"array","items":{"type":"string","enum":["option1","option2","option3"]}},)"
          R"("titledMulti":{"type":"array","items":{"anyOf":[{"const":"value1","title":"First Choice"},)"
          R"({"const":"value2","title":"Second Choice"},{"const":"value3","title":"Third Choice"}]}}},"required":[]})");
    });
    tool("test_missing_capability", "Needs sampling", [](const CallPtr& call) {
      if (!call->can_ask(Ability::sampling)) return call->fail_without(Ability::sampling);
      call->finish(text_result("the client can sample"));
    });
  }

  void add_input_required_tools() {
    tool("test_input_required_result_elicitation", "Asks for a name", [](const CallPtr& call) {
      Answer answer = call->answer("user_name");
      if (answer.outcome == Outcome::unasked) answer = call->unbound_answer("user_name", Ability::elicitation);
      if (answer.outcome == Outcome::unasked)
        return call->ask({{elicit("user_name", "What is your name?", kNameSchema)}});
      call->finish(text_result(fmt::format("Hello, {}!", answer.content["name"].string().value_or("nobody"))));
    });
    asking("test_input_required_result_sampling", "Asks the client's model",
           [](const Call&) { return sample("capital_question", "What is the capital of France?"); });
    asking("test_input_required_result_list_roots", "Asks for the client's folders",
           [](const Call&) { return roots("client_roots"); });
    tool("test_input_required_result_request_state", "Asks, and checks the state", [](const CallPtr& call) {
      if (call->answer("confirm").outcome == Outcome::unasked)
        return call->ask(confirmation("Please confirm", std::string(kOkSchema), "the state"));
      call->finish(text_result(call->binding() == "the state" ? "state-ok" : "state-lost"));
    });
    asking("test_input_required_result_tampered_state", "Asks, and refuses a changed state",
           [](const Call&) { return elicit("confirm", "Please confirm", kOkSchema); });
    tool("test_input_required_result_multiple_inputs", "Asks for three things", [](const CallPtr& call) {
      if (call->answer("user_name").outcome != Outcome::unasked) return call->finish(text_result("All answered"));
      call->ask({{elicit("user_name", "What is your name?", kNameSchema), sample("greeting", "Generate a greeting"),
                  roots("client_roots")},
                 "three"});
    });
    tool("test_input_required_result_multi_round", "Asks twice", [](const CallPtr& call) {
      if (call->answer("step2").outcome != Outcome::unasked)
        return call->finish(text_result("Hello, " + call->binding()));
      const Answer name = call->answer("step1");
      if (name.outcome == Outcome::unasked)
        return call->ask({{elicit("step1", "Step 1: What is your name?", kNameSchema)}, "round 1"});
      constexpr std::string_view kColor =
          R"({"type":"object","properties":{"color":{"type":"string"}},"required":["color"]})";
      call->ask({{elicit("step2", "Step 2: What is your favorite color?", kColor)},
                 std::string(name.content["name"].string().value_or(""))});
    });
    tool("test_input_required_result_capabilities", "Asks for what the client can do", [](const CallPtr& call) {
      Ask ask;
      if (call->can_ask(Ability::elicitation))
        ask.questions.push_back(elicit("name", "What is your name?", kNameSchema));
      if (call->can_ask(Ability::sampling)) ask.questions.push_back(sample("greeting", "Generate a greeting"));
      if (ask.questions.empty()) return call->finish(error_result("this client cannot be asked"));
      if (call->answer(ask.questions.front().key).outcome != Outcome::unasked)
        return call->finish(text_result("answered"));
      call->ask(std::move(ask));
    });
  }

  void add_change_tools() {
    tool("test_trigger_tool_change", "Says that the tools changed", [this](const CallPtr& call) {
      server_.tools_list_changed();
      call->finish(text_result("done"));
    });
    tool("test_trigger_prompt_change", "Says that the prompts changed", [this](const CallPtr& call) {
      server_.prompts_list_changed();
      call->finish(text_result("done"));
    });
  }

  void prompt(std::string name, std::vector<PromptArgument> arguments, std::function<void(const CallPtr&)> handler) {
    Prompt made{.name = std::move(name), .description = "A prompt of the suite", .arguments = std::move(arguments)};
    made.handler = std::move(handler);
    must(server_.add(std::move(made)));
  }

  void add_prompts() {
    prompt("test_simple_prompt", {}, [](const CallPtr& call) {
      call->finish(PromptResult().add("user", Content().text("This is a simple prompt for testing.")));
    });
    prompt("test_prompt_with_arguments",
           {{.name = "arg1", .description = "First test argument", .required = true},
            {.name = "arg2", .description = "Second test argument", .required = true}},
           [](const CallPtr& call) {
             const JsonView arguments = call->arguments();
             const std::string text =
                 fmt::format("Prompt with arguments: arg1='{}', arg2='{}'", arguments["arg1"].string().value_or(""),
                             arguments["arg2"].string().value_or(""));
             call->finish(PromptResult().add("user", Content().text(text)));
           });
    prompt("test_prompt_with_embedded_resource",
           {{.name = "resourceUri", .description = "URI of the resource to embed", .required = true}},
           [](const CallPtr& call) {
             const auto uri = call->arguments()["resourceUri"].string().value_or("");
             PromptResult result;
             result.add("user", Content().resource(uri, "text/plain", "Embedded resource content for testing."));
             call->finish(result.add("user", Content().text("Please process the embedded resource above.")));
           });
    prompt("test_prompt_with_image", {}, [](const CallPtr& call) {
      PromptResult result;
      result.add("user", Content().image(kPng, "image/png"));
      call->finish(result.add("user", Content().text("Please analyze the image above.")));
    });
    prompt("test_input_required_result_prompt", {}, [](const CallPtr& call) {
      const Answer answer = call->answer("user_context");
      if (answer.outcome == Outcome::unasked) {
        constexpr std::string_view kContext =
            R"({"type":"object","properties":{"context":{"type":"string"}},"required":["context"]})";
        return call->ask({{elicit("user_context", "What context should the prompt use?", kContext)}});
      }
      call->finish(PromptResult().add("user", Content().text(told(answer))));
    });
    server_.complete_prompt("test_prompt_with_arguments", [](const CompletionRequest& request) {
      return CompletionValues{.values = {std::string(request.value) + "1", std::string(request.value) + "2"},
                              .total = 2};
    });
  }

  void add_resources() {
    constexpr std::string_view kText = "test://static-text";
    must(server_.add(Resource{
        {.uri = std::string(kText), .name = "Static text", .mime_type = "text/plain"}, [](const CallPtr& call) {
          call->finish(
              ResourceResult().text(call->target(), "text/plain", "This is the content of the static text resource."));
        }}));
    must(server_.add(
        Resource{{.uri = "test://static-binary", .name = "Static binary", .mime_type = "image/png"},
                 [](const CallPtr& call) { call->finish(ResourceResult().blob(call->target(), "image/png", kPng)); }}));
    must(server_.add(Resource{
        {.uri = "test://watched-resource", .name = "Watched", .mime_type = "text/plain"},
        [](const CallPtr& call) { call->finish(ResourceResult().text(call->target(), "text/plain", "watched")); }}));
    must(server_.add(ResourceTemplate{
        {.uri = "test://template/{id}/data", .name = "Template", .mime_type = "application/json"},
        [](const CallPtr& call) {
          const auto id = call->variable("id");
          const std::string text = fmt::format(R"({{"id":{},"templateTest":true,"data":{}}})", json_string(id),
                                               json_string(fmt::format("Data for ID: {}", id)));
          call->finish(ResourceResult().text(call->target(), "application/json", text));
        }}));
  }

  Server& server_;
  Scheduler& scheduler_;
};

}  // namespace

void add_conformance_fixtures(mcp::Server& server, mcp::Scheduler& scheduler) {
  // Handlers keep it.
  static std::vector<std::shared_ptr<Fixtures>> kept;
  kept.push_back(std::make_shared<Fixtures>(server, scheduler));
  kept.back()->add();
}

}  // namespace musher::testing
