// SPDX-License-Identifier: Apache-2.0
// What multiplying alone takes: tasks x skills times skills x labelers in
// fp32, by Eigen, compiled for this machine.
//
//   allot-load-gemm TASKS LABELERS SKILLS [ROWS]
//
// Prints the median CPU milliseconds of one multiplication, of which there are
// as many as fit a second, and at least 5. The product is written to memory
// whole, unless ROWS are given: then so many rows of it at a time, into the
// same memory, where the whole does not fit.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "Eigen/Core"

namespace {

double CpuMillis() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e3 * static_cast<double>(time.tv_sec) +
         1e-6 * static_cast<double>(time.tv_nsec);
}

using RowMajor =
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr,
                 "usage: allot-load-gemm TASKS LABELERS SKILLS [ROWS]\n");
    return 2;
  }
  const int tasks = std::atoi(argv[1]);
  const int labelers = std::atoi(argv[2]);
  const int skills = std::atoi(argv[3]);
  const int rows = std::min(tasks, argc > 4 ? std::atoi(argv[4]) : tasks);
  const RowMajor a = RowMajor::Random(tasks, skills);
  const RowMajor b = RowMajor::Random(labelers, skills);
  RowMajor c = RowMajor::Zero(rows, labelers);
  std::vector<double> times;
  const double begin = CpuMillis();
  while (times.size() < 5 ||
         (CpuMillis() - begin < 1000 && times.size() < 10'000)) {
    const double start = CpuMillis();
    for (int r = 0; r < tasks; r += rows) {
      const int n = std::min(rows, tasks - r);
      c.topRows(n).noalias() = a.middleRows(r, n) * b.transpose();
    }
    times.push_back(CpuMillis() - start);
  }
  std::nth_element(times.begin(),
                   times.begin() + static_cast<long>(times.size() / 2),
                   times.end());
  std::printf("{\"cpu_ms\":%.6f,\"check\":%g}\n", times[times.size() / 2],
              static_cast<double>(c(0, 0)));
}
