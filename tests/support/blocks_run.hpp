#pragma once
// How many basic blocks were run of the code that is compiled to count them (musher_test_counted, cmake/Tests.cmake): a
// measure of work that no machine's speed is in. For one .cpp of a test.

#include <atomic>
#include <cstdint>

namespace musher::testing {

inline std::atomic<std::uint64_t> blocks_run = 0;  // a worker may run an inline function that was compiled so

}  // namespace musher::testing

extern "C" void __sanitizer_cov_trace_pc();
extern "C" void __sanitizer_cov_trace_pc() { musher::testing::blocks_run.fetch_add(1, std::memory_order_relaxed); }
