// SPDX-License-Identifier: Apache-2.0
// What --allocation_log costs the call that is logged: leaving its record in
// the queue, against encoding its response. The writing is another thread's.
//
//   allot_allocation_log_bench [--json] [FOLDER]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/allocation_log.h"
#include "server/decode.h"

namespace allot {
namespace {

double MicrosOf(int rounds, const std::function<void()>& work) {
  std::vector<double> micros;
  for (int i = 0; i < rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    micros.push_back(std::chrono::duration<double, std::micro>(
                         std::chrono::steady_clock::now() - start)
                         .count());
  }
  std::nth_element(micros.begin(), micros.begin() + rounds / 2, micros.end());
  return micros[rounds / 2];
}

int Main(int argc, char** argv) {
  bool json = false;
  std::string folder = "build";
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--json") {
      json = true;
    } else {
      folder = argv[i];
    }
  }
  folder += "/allot_allocation_log_bench";
  const SystemClock clock;
  Logger log(&clock, Severity::kError, Logger::ToStandardError());
  for (const double sample : {1.0, 0.01}) {
    for (const int tasks : {1, 10, 200, 5000}) {
      v1::AllocateRequest request;
      v1::AllocateResponse response;
      request.set_pool_id("pool");
      for (int t = 0; t < tasks; ++t) {
        v1::Task& task = *request.add_tasks();
        task.set_task_id(absl::StrCat("task-", t));
        task.set_redundancy(3);
        for (int l = 0; l < 3; ++l) {
          v1::Assignment& pair = *response.add_assignments();
          pair.set_task_id(task.task_id());
          pair.set_labeler_id(absl::StrCat("labeler-", (7 * t + l) % 999));
          pair.set_expected_accuracy(0.75);
          pair.set_bits(0.3);
          pair.set_cost(0.1);
          pair.set_seconds(10);
          pair.set_utility(0.2);
        }
      }
      auto opened = AllocationLog::Open(
          {.folder = folder, .sample = sample, .files = 2}, "0", &clock, &log);
      if (!opened.ok()) {
        std::fprintf(stderr, "%s\n", opened.status().ToString().c_str());
        return 1;
      }
      AllocationLog& allocations = **opened;
      const int rounds = tasks > 1000 ? 51 : 501;
      const double encode = MicrosOf(rounds, [&] { (void)Encode(response); });
      int64_t seed = 0;
      const double logged = MicrosOf(rounds, [&] {
        request.set_seed(++seed);
        if (allocations.Wants(request)) {
          allocations.Add(request, response, {.sequence = 1}, 1);
        }
      });
      const std::string name =
          absl::StrCat(tasks, " tasks x 3, sample ", sample);
      if (json) {
        std::printf(
            "{\"case\": \"%s\", \"metric\": \"log_us_against_encode\", "
            "\"value\": %.2f, \"yardstick\": %.2f, \"ratio\": %.2f}\n",
            name.c_str(), logged, encode, logged / encode);
      } else {
        std::printf(
            "%-30s logging %8.2f us, encoding the response %8.2f us "
            "(medians)\n",
            name.c_str(), logged, encode);
      }
    }
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) { return allot::Main(argc, argv); }
