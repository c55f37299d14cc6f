// SPDX-License-Identifier: Apache-2.0
#include "tests/load/process_use.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/load/load_runner.h"

namespace allot {
namespace {

double CpuSeconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) +
         1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

int64_t NowNanos() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void SleepUntil(int64_t when) {
  timespec time{};
  time.tv_sec = when / 1'000'000'000;
  time.tv_nsec = when % 1'000'000'000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) != 0) {
  }
}

void SleepUntil(int64_t when, const std::atomic<bool>& stop) {
  constexpr int64_t kLook = 50'000'000;
  while (!stop && NowNanos() < when) {
    SleepUntil(std::min(when, NowNanos() + kLook));
  }
}

double OwnCpuSeconds() { return CpuSeconds(CLOCK_PROCESS_CPUTIME_ID); }

std::optional<ProcessUse> UseOf(int pid) {
  clockid_t clock{};
  if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0) return std::nullopt;
  std::ifstream in(absl::StrCat("/proc/", pid, "/statm"));
  int64_t total = 0, resident = 0;
  if (!(in >> total >> resident)) return std::nullopt;
  return ProcessUse{CpuSeconds(clock), resident * sysconf(_SC_PAGESIZE)};
}

}  // namespace allot
