// SPDX-License-Identifier: Apache-2.0
// What a pool is: a namespace with its own skill space, label sets, learning
// parameters and named policies.
#ifndef ALLOT_LIB_ROSTER_POOL_H_
#define ALLOT_LIB_ROSTER_POOL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/skill/policy.h"

namespace allot {

// One dimension of the skill space and the belief about a labeler of whom
// nothing is known yet.
struct Skill {
  std::string name;
  double prior_mean = 1.0;      // logits; 1.0 is right 73% of the time at K = 2
                                // before the guess floor
  double prior_variance = 1.0;  // logits squared, > 0
};

// The classes of a kind of task, by name.
struct LabelSet {
  std::string name;
  std::vector<std::string> labels;  // [K], distinct, 2 <= K <= 1000
};

// When to accept a label, ask for more answers, or give up.
struct ConfidenceRule {
  double target_confidence = 0.95;  // in (1/K, 1)
  int max_answers = 10;             // per task, >= 1
};

struct Policy {
  std::string name;
  ObjectiveWeights weights;
  ConfidenceRule confidence;
};

// How fast beliefs move.
struct LearningRule {
  bool learn_prior = true;     // re-estimate the newcomers' prior from the pool
  double drift_per_day = 0.0;  // logits squared a day, >= 0
  double difficulty_variance = 0.5;  // of a task whose own is not given, >= 0
};

struct Pool {
  std::string id;
  std::vector<Skill> skills;         // [D], 1 <= D <= 256
  std::vector<LabelSet> label_sets;  // the first one is a task's default
  std::vector<Policy> policies;      // the first one is a call's default
  LearningRule learning;
};

}  // namespace allot

#endif  // ALLOT_LIB_ROSTER_POOL_H_
