#include "musher-serve/server_log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "model/escape.hpp"
#include "server/tool_result.hpp"

namespace musher {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: break;
  }
  return spdlog::level::err;
}

/// What a peer or a client says cannot end its quotes and pass for another field.
std::string within_quotes(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return escape(text);
}

std::string as_text(std::string_view event, const LogFields& fields) {
  std::string line(event);
  for (const auto& [name, value] : fields) {
    const bool plain = !value.empty() && value.find_first_of(" \"=\\") == value.npos;
    line += plain ? fmt::format(" {}={}", name, escape(value)) : fmt::format(" {}=\"{}\"", name, within_quotes(value));
  }
  return line;
}

std::string as_json(std::string_view event, const LogFields& fields) {
  return json_text([&](JsonWriter& json) {
    json.begin_object();
    json.key("event").string(event);
    for (const auto& [name, value] : fields) json.key(name).string(value);
    json.end_object();
    json.end_line();
  });
}

}  // namespace

LogSink make_server_log(LogFormat format, bool quiet, bool utc) {
  auto logger = std::make_shared<spdlog::logger>("musher-serve", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(quiet ? spdlog::level::err : spdlog::level::info);
  logger->flush_on(spdlog::level::trace);
  if (format == LogFormat::json) {
    logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)", spdlog::pattern_time_type::utc);
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %z musher-serve %l: %v",
                        utc ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local);
  }
  return [logger, format](LogLevel level, std::string_view event, const LogFields& fields) {
    if (!logger->should_log(level_of(level))) return;
    // The pattern opened the object already.
    logger->log(level_of(level), "{}",
                format == LogFormat::json ? as_json(event, fields).substr(1) : as_text(event, fields));
  };
}

}  // namespace musher
