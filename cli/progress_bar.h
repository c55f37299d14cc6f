// SPDX-License-Identifier: Apache-2.0
// A progress bar on standard error: drawn only where a person can see it.
#ifndef ALLOT_CLI_PROGRESS_BAR_H_
#define ALLOT_CLI_PROGRESS_BAR_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace allot {

class ProgressBar {
 public:
  // Draws on a terminal only, unless `shown` says otherwise.
  explicit ProgressBar(std::string noun);
  ProgressBar(std::string noun, bool shown);
  ~ProgressBar() { Clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Shows that `count` things are done, which is `fraction` of all of them.
  // Draws at most ten times a second.
  void Update(int64_t count, double fraction);
  // Wipes the bar, so that other text may be printed.
  void Clear();
  double seconds() const;

 private:
  std::string noun_;
  bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace allot

#endif  // ALLOT_CLI_PROGRESS_BAR_H_
