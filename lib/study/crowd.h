// SPDX-License-Identifier: Apache-2.0
// The people of a simulated market: drawn once from a scenario, then asked.
#ifndef ALLOT_LIB_STUDY_CROWD_H_
#define ALLOT_LIB_STUDY_CROWD_H_

#include <cstdint>
#include <vector>

#include "lib/base/rng.h"
#include "lib/study/scenario.h"

namespace allot {

struct SimulatedTask {
  int32_t domain = 0;
  int32_t truth = 0;
  double difficulty = 0;
};

struct SimulatedLabeler {
  int32_t group = 0;
  std::vector<double> skill;  // [domains] logits, as of `drifted_hour`
  double drifted_hour = 0;
  double time_factor = 1;
  double price = 0;
  double shift_start = 0;  // hour of the day
  int32_t habit = 0;       // of kConstant
  int64_t answers = 0;     // given so far
};

// The probability of knowing the label, in logits: the very model of
// lib/truth/posterior.h, so that what is known of a labeler is known exactly.
double KnowingLogit(const LabelerGroup& group, const SimulatedLabeler& labeler,
                    const SimulatedTask& task, double hours_into_shift);

// A class, in [0, classes). Draws from `rng`; colluders draw from their group
// and the task alone.
int32_t DrawAnswer(const Scenario& scenario, const LabelerGroup& group,
                   const SimulatedLabeler& labeler, const SimulatedTask& task,
                   int64_t task_row, double hours_into_shift, uint64_t seed,
                   Rng& rng);

class Crowd {
 public:
  // Everybody, group by group. Deterministic in the generator.
  Crowd(const Scenario& scenario, const Rng& rng);

  int32_t size() const { return static_cast<int32_t>(labelers_.size()); }
  SimulatedLabeler& at(int32_t row) { return labelers_[row]; }
  const SimulatedLabeler& at(int32_t row) const { return labelers_[row]; }
  const LabelerGroup& group_of(int32_t row) const {
    return scenario_.groups[labelers_[row].group];
  }

  // Hours since her shift began, or negative: she is not there.
  double HoursIntoShift(int32_t row, double hour) const;
  // Hours of presence up to `hour`.
  double HoursPresent(int32_t row, double hour) const;
  // Moves her skills on to `hour`.
  void Drift(int32_t row, double hour, Rng& rng);

 private:
  const Scenario& scenario_;
  std::vector<SimulatedLabeler> labelers_;
};

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_CROWD_H_
