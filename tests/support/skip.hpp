#pragma once
// For a test that this machine cannot run: CTest lists it as skipped, with the reason, and .ci/run fails on it.

#include <iostream>

/// In a TEST_CASE: MUSHER_SKIP("needs root");
#define MUSHER_SKIP(why)                            \
  do {                                              \
    std::cout << "SKIPPED: " << (why) << std::endl; \
    SUCCEED("skipped");                             \
    return;                                         \
  } while (false)
