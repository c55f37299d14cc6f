// SPDX-License-Identifier: Apache-2.0
// Data parallelism over a fixed partition: the split depends on the problem
// alone, never on the number of threads, so that results do not either.
#ifndef ALLOT_LIB_BASE_PARALLEL_H_
#define ALLOT_LIB_BASE_PARALLEL_H_

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace allot {

// Calls work(part) once for each part in [0, parts), on up to `threads`
// threads, the caller's among them, and returns when all are done. `work` must
// not throw.
template <typename Work>
void ParallelFor(int threads, int64_t parts, const Work& work) {
  std::atomic<int64_t> next{0};
  const auto run = [&] {
    for (int64_t part = next++; part < parts; part = next++) work(part);
  };
  std::vector<std::thread> helpers;
  for (int64_t i = 1; i < threads && i < parts; ++i) helpers.emplace_back(run);
  run();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace allot

#endif  // ALLOT_LIB_BASE_PARALLEL_H_
