// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/text_table.h"

namespace allot {

ProgressBar::ProgressBar(std::string noun)
    : ProgressBar(std::move(noun), isatty(STDERR_FILENO) != 0) {}

ProgressBar::ProgressBar(std::string noun, bool shown)
    : noun_(std::move(noun)),
      shown_(shown),
      start_(std::chrono::steady_clock::now()) {}

double ProgressBar::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                       start_)
      .count();
}

void ProgressBar::Update(int64_t count, double fraction) {
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  constexpr int kWidth = 24;
  fraction = std::clamp(fraction, 0.0, 1.0);
  const int full = static_cast<int>(std::lround(fraction * kWidth));
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < full ? "█" : "░";
  const double elapsed = seconds();
  std::string line = absl::StrFormat("\r\033[K%s %3.0f%%  %s %s", bar,
                                     100 * fraction, FormatCount(count), noun_);
  if (elapsed > 0.5 && fraction > 0) {
    absl::StrAppend(
        &line, "  ",
        FormatCount(std::llround(static_cast<double>(count) / elapsed)), "/s  ",
        FormatSeconds(elapsed * (1 - fraction) / fraction), " left");
  }
  std::cerr << line << std::flush;
}

void ProgressBar::Clear() {
  if (!drawn_) return;
  drawn_ = false;
  std::cerr << "\r\033[K" << std::flush;
}

}  // namespace allot
