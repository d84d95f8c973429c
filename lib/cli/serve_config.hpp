#pragma once
// The table [serve] of the configuration file.
//
//     [serve]
//     listen = ["127.0.0.1:7777"]      # or one in quotes
//     token_file = "tokens"            # relative: to the folder of this file
//     allowed_hosts = ["musher.example.org"]
//     tls_cert = "cert.pem"
//     tls_key = "key.pem"
//     read_only = false
//     allow_unconfirmed_purge = false
//     audit_interval = "1h"            # "0": only at start
//     log_format = "text"              # json
//     rendezvous = ["wss://node-b.example.org:7777"]
//     rendezvous_token_file = "node-b.token"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace musher {

enum class LogFormat : std::uint8_t { text, json };

/// A text that whoever uses it may refuse.
struct PlacedText {
  std::string text;
  std::string where;  ///< file:line:column, for the error
};

/// What it says; absent where it says nothing.
struct ServeConfig {
  std::vector<PlacedText> listen{};
  std::vector<PlacedText> allowed_hosts{};
  std::optional<std::filesystem::path> token_file{};
  std::optional<std::filesystem::path> tls_cert{};
  std::optional<std::filesystem::path> tls_key{};
  std::vector<PlacedText> rendezvous{};
  std::optional<std::filesystem::path> rendezvous_token_file{};
  std::optional<bool> read_only{};
  std::optional<bool> allow_unconfirmed_purge{};
  std::optional<std::chrono::milliseconds> audit_interval{};  ///< 0: only at start
  std::optional<LogFormat> log_format{};
};

}  // namespace musher
