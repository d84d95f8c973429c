#pragma once
// The token that a client shows: a file with one line, TOKEN or NAME TOKEN, as the server's own token file has it.

#include <filesystem>
#include <string>

#include "model/result.hpp"

namespace musher::http {

/// Blank lines and lines that begin with '#' say nothing. The file is held to the rule of key files
/// (crypto/secret_file.hpp).
/// @errors usage: the file is missing or may be read by others, has no line or several, or what is in it could not be
///   sent. what never shows a token.
[[nodiscard]] Result<std::string> read_client_token(const std::filesystem::path& file);

}  // namespace musher::http
