// SPDX-License-Identifier: Apache-2.0
// A labeling market to be simulated, as plain numbers. `allot simulate` reads
// one from a textproto (cli/scenarios); docs/simulation.md explains each field.
//
// Units: hours of simulated time unless a name says seconds; logits for skills
// and difficulty; the pool's currency for prices.
#ifndef ALLOT_LIB_STUDY_SCENARIO_H_
#define ALLOT_LIB_STUDY_SCENARIO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace allot {

enum class Conduct {
  kHonest,    // knows or guesses, by skill and difficulty
  kGuesser,   // any class alike, whatever the task
  kConstant,  // always the same class
  kColluder,  // all of the group give the same answer, drawn once for each task
};

// Labelers alike: each is drawn from these distributions.
struct LabelerGroup {
  std::string name;
  int32_t count = 1;
  Conduct conduct = Conduct::kHonest;
  // Skill in each domain: own level plus a part of the domain's own.
  double skill_mean = 1.5;
  double skill_sd = 0.7;
  double domain_sd = 0;  // of each domain about her level
  double drift_sd_per_day = 0;
  // The learning curve: what she gains in the end, and after how many answers
  // half of it.
  double learning_gain = 0;
  double learning_half = 50;
  double fatigue_per_hour = 0;  // logits lost for each hour of a shift
  double price = 0.05;          // per answer
  double price_sd = 0;          // of its logarithm
  double speed_sd = 0.3;        // of the logarithm of her time factor
  double seconds_sd = 0.4;      // of the logarithm of one answer's time
  double abandon = 0.01;        // chance that an answer she took never comes
  int32_t capacity = 4;         // tasks she takes at once, done in turn
  double shift_hours = 8;       // a day; 24: always there
  double shift_spread = 16;     // hours over which shifts begin, from hour 0
  double arrive_hour = 0;       // when the group joins
  double leave_hour = 1e9;      // and when it is gone
};

struct Scenario {
  std::string name;
  double hours = 24;  // of arrivals; what is open then is finished if it can be
  int32_t classes = 2;
  int32_t domains = 1;
  // Tasks: some at hour 0, others by a Poisson process.
  int32_t backlog = 0;
  double tasks_per_hour = 100;
  double difficulty_sd = 0.7;
  double value = 1;
  double seconds = 30;         // handling time at time factor 1
  double deadline_hours = 48;  // after arrival; then the label stands as it is
  double gold_share = 0;       // of tasks: truth told when it is done
  double window_seconds = 60;  // between two batches
  double lease_seconds = 900;
  std::vector<LabelerGroup> groups;
  // Most answers that one replication may have.
  int64_t most_answers = 10'000'000;
};

// kInvalidArgument names the field out of range, and says what it must be.
absl::Status Validate(const Scenario& scenario);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_SCENARIO_H_
