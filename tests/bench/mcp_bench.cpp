// What the MCP layer costs a request, without sockets: one thread, one modern tools/call after the other.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <map>

#include "mcp/call.hpp"
#include "mcp/http_transport.hpp"
#include "mcp/server.hpp"

namespace {

using namespace musher;

class StoppedClock : public mcp::Scheduler {
 public:
  Clock::time_point now() const override { return {}; }
  TimerId after(Clock::duration, std::function<void()>) override { return TimerId{1}; }
  void cancel(TimerId) override {}
};

class BenchExchange : public http::Exchange {
 public:
  explicit BenchExchange(const http::Request& request) : request_(request) {}
  const http::Request& request() const override { return request_; }
  void drop_body() override {}
  void respond(http::Response response) override { bytes = response.body_size(); }
  std::shared_ptr<http::EventStream> stream(http::Headers) override { return nullptr; }
  void on_gone(std::function<void()>) override {}
  std::size_t bytes = 0;

 private:
  const http::Request& request_;
};

/// A list of this many bytes or a few more.
std::string structured(std::size_t bytes) {
  std::string text = R"({"stories":[)";
  while (text.size() < bytes) text += R"({"story_id":"478_story_sync","fields":{"name":"n","stage":"2_current"}},)";
  text.back() = ']';
  return text + "}";
}

void tools_call(benchmark::State& state, bool memo) {
  StoppedClock clock;
  mcp::Server server({.name = "bench", .version = "1"}, clock);
  const std::string answer = structured(static_cast<std::size_t>(state.range(0)));
  const auto added = server.add(mcp::Tool{
      .name = "get_pipeline_status",
      .description = "d",
      .input_schema = R"({"type":"object","properties":{"stage":{"type":"string"},"limit":{"type":"integer"}}})",
      .memo = memo,
      .structured_as_text = false,
      .handler = [&](const auto& call) { call->finish(mcp::structured_result("100 stories", answer)); }});
  if (!added) return state.SkipWithError("no tool");
  const http::Handler handler = mcp::http_handler(server);
  http::Request request;
  request.method = "POST";
  request.body =
      R"({"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"get_pipeline_status","arguments":{"limit":100},)"
      R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":)"
      R"({"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}})";
  for (const auto& [name, value] : std::map<std::string, std::string>{{"Content-Type", "application/json"},
                                                                      {"Accept", "application/json, text/event-stream"},
                                                                      {"MCP-Protocol-Version", "2026-07-28"},
                                                                      {"Mcp-Method", "tools/call"},
                                                                      {"Mcp-Name", "get_pipeline_status"}})
    request.add_header(name, value);
  std::size_t bytes = 0;
  for (auto _ : state) {
    const auto exchange = std::make_shared<BenchExchange>(request);
    handler(exchange);
    bytes = exchange->bytes;
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["answer_bytes"] = static_cast<double>(bytes);
}

void kept(benchmark::State& state) { tools_call(state, true); }
void made(benchmark::State& state) { tools_call(state, false); }

BENCHMARK(kept)->Arg(300)->Arg(30'000);
BENCHMARK(made)->Arg(300)->Arg(30'000);

}  // namespace

BENCHMARK_MAIN();
