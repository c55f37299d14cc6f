// SPDX-License-Identifier: Apache-2.0
// The simulated market: tasks arrive, labelers come and go, and every
// `window_seconds` a policy hands out what is open to who is free.
//
// A discrete-event simulation on a clock of its own. An answer is given when
// the labeler gets to it: she does one task after another, each in a log-normal
// time. Some never come; the lease ends, and the slot is offered again. Answers
// are reported and judged at the next window. A task is done when the policy
// accepts or escalates it, or at its deadline. After the last arrival the
// market runs on until all tasks are done or past their deadline.
//
// Seeds     One generator for the people, one for the tasks, one for what
//           happens: two policies under one seed meet the same crowd and the
//           same tasks.
// Threads   One replication is one thread's; the same bits on any number.
// Cost      About 20 microseconds an answer with the engine.
#ifndef ALLOT_LIB_STUDY_MARKET_H_
#define ALLOT_LIB_STUDY_MARKET_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/study/ask_policy.h"
#include "lib/study/scenario.h"

namespace allot {

inline constexpr int kCalibrationBins = 10;

// Tasks whose confidence at the end fell in one tenth of [0, 1].
struct CalibrationBin {
  int64_t tasks = 0;
  int64_t right = 0;
  double confidence = 0;  // sum
};

struct GroupOutcome {
  int64_t answers = 0;
  int64_t right = 0;
  double hours = 0;  // of presence, all labelers together
};

struct MarketOutcome {
  int64_t tasks = 0;  // done
  int64_t right = 0;
  int64_t accepted = 0;  // by the policy, at its own confidence
  int64_t accepted_right = 0;
  int64_t late = 0;  // cut off at their deadline
  int64_t answers = 0;
  int64_t abandoned = 0;
  double cost = 0;
  std::vector<double> waiting_hours;  // [tasks] arrival to done
  // Over the hours of arrivals, for Little's law: the time average of open
  // tasks, arrivals an hour, and what the open ones waited in the mean.
  double open_tasks = 0;
  double arrivals_per_hour = 0;
  double mean_waiting_hours = 0;
  std::vector<double> answers_of_labeler;  // an hour of presence
  // Present for a working day (8 h) or longer, and never asked.
  int64_t starved = 0;
  // The same of honest labelers who are better than a coin.
  int64_t starved_able = 0;
  int64_t able = 0;
  std::vector<GroupOutcome> groups;
  std::array<CalibrationBin, kCalibrationBins> calibration{};

  double accuracy() const {
    return tasks > 0 ? static_cast<double>(right) / static_cast<double>(tasks)
                     : 0;
  }
  double answers_per_task() const {
    return tasks > 0 ? static_cast<double>(answers) / static_cast<double>(tasks)
                     : 0;
  }
  double cost_per_right() const {
    return right > 0 ? cost / static_cast<double>(right) : 0;
  }
};

// Errors: Validate()'s, MakeAskPolicy()'s, the policy's own.
absl::StatusOr<MarketOutcome> SimulateMarket(const Scenario& scenario,
                                             absl::string_view policy,
                                             AskPolicyOptions options,
                                             uint64_t seed);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_MARKET_H_
