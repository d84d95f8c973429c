// A program whose libsodium does not verify by musher's rule: this one brings a function of its own that accepts all.

#include <catch2/catch.hpp>

#include "crypto/verify.hpp"

using namespace musher;

// NOLINTNEXTLINE: libsodium's name
extern "C" int crypto_sign_verify_detached(const unsigned char* /*signature*/, const unsigned char* /*message*/,
                                           unsigned long long /*length*/, const unsigned char* /*key*/) {
  return 0;
}

TEST_CASE("verify: a process whose library answers by another rule verifies nothing, at the second try either",
          "[crypto]") {
  for (int attempt = 0; attempt < 2; ++attempt) {
    CHECK_THROWS_WITH(Verifier(DocumentId{}), Catch::Matchers::Contains("this program must not verify signatures"));
  }
}
