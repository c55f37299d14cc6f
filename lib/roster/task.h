// SPDX-License-Identifier: Apache-2.0
// A task to be labeled and an answer to it, in domain words.
#ifndef ALLOT_LIB_ROSTER_TASK_H_
#define ALLOT_LIB_ROSTER_TASK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/roster/pool.h"
#include "lib/skill/loading.h"

namespace allot {

struct Task {
  std::string id;
  // Nonzero weights over the pool's skills, ascending, normalised to
  // sum |weight| = 1.
  std::vector<SkillWeight> loading;
  int32_t num_classes = 2;                    // K, [2, 1000]
  std::string label_set;                      // empty: classes have no names
  double difficulty = 0;                      // logits, 0 = reference
  std::optional<double> difficulty_variance;  // >= 0; absent: the pool's
  std::vector<double> prior;                  // [K] or empty: uniform
  double base_seconds = 30;                   // at log-speed 0, > 0
  int32_t redundancy = 1;                     // distinct labelers, [1, 64]
  double value = 1;  // currency per unit of quality, >= 0
  std::vector<std::string> required_qualifications;
  std::vector<std::string> excluded_labelers;
  std::optional<int32_t> gold_label;  // the known truth

  friend bool operator==(const Task&, const Task&) = default;
};

// The task that a pool takes for granted of an id it has no specification of:
// every skill counts equally, the first label set or two classes.
Task DefaultTask(const Pool& pool, std::string id);

struct Answer {
  std::string task;
  std::string labeler;
  int32_t label = 0;                       // class, in [0, K)
  std::optional<double> handling_seconds;  // > 0
  int64_t answered_unix_micros = 0;        // when she answered

  friend bool operator==(const Answer&, const Answer&) = default;
};

}  // namespace allot

#endif  // ALLOT_LIB_ROSTER_TASK_H_
