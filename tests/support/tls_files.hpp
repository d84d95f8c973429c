#pragma once
// Certificates made on the spot.

#include <string>

#include "http/options.hpp"
#include "support/temp_folder.hpp"

namespace musher::testing {

/// A new key and a certificate of its own for localhost, as PEM files.
[[nodiscard]] http::TlsFiles make_tls_files(const TempFolder& folder, const std::string& name);

}  // namespace musher::testing
