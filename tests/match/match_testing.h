// SPDX-License-Identifier: Apache-2.0
// Random problems and an oracle for the tests of lib/match.
#ifndef ALLOT_TESTS_MATCH_MATCH_TESTING_H_
#define ALLOT_TESTS_MATCH_MATCH_TESTING_H_

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "lib/base/rng.h"
#include "lib/match/problem.h"

namespace allot {

struct Pair {
  int labeler;
  double utility;
};

// Adds a task with these pairs.
inline void AddTask(const std::vector<Pair>& pairs, int redundancy,
                    Problem& problem) {
  for (const Pair& pair : pairs) {
    problem.labeler.push_back(pair.labeler);
    problem.utility.push_back(pair.utility);
  }
  problem.offset.push_back(static_cast<int32_t>(problem.labeler.size()));
  problem.redundancy.push_back(redundancy);
}

struct RandomShape {
  int tasks = 5, labelers = 5;
  double density = 0.8;
  int most_redundancy = 3, most_capacity = 3;
  // Utilities are whole numbers in [lowest, highest]: the narrower, the more
  // ties.
  int lowest = -3, highest = 9;
  int most_penalty = 0;
};

inline Problem RandomProblem(const RandomShape& shape, Rng& rng) {
  Problem problem;
  for (int l = 0; l < shape.labelers; ++l) {
    problem.capacity.push_back(
        static_cast<int32_t>(rng.Below(shape.most_capacity + 1)));
  }
  for (int t = 0; t < shape.tasks; ++t) {
    std::vector<Pair> pairs;
    for (int l = 0; l < shape.labelers; ++l) {
      if (!rng.Bernoulli(shape.density)) continue;
      pairs.push_back(
          {l, shape.lowest + static_cast<double>(
                                 rng.Below(shape.highest - shape.lowest + 1))});
    }
    Shuffle(pairs, rng);
    AddTask(pairs, static_cast<int>(rng.Below(shape.most_redundancy + 1)),
            problem);
    if (shape.most_penalty > 0) {
      problem.unfilled_penalty.push_back(
          static_cast<double>(rng.Below(shape.most_penalty + 1)));
    }
  }
  return problem;
}

// The best objective, by dynamic programming over how much of each labeler's
// capacity (at most 3, as two bits) the tasks so far have used.
inline double BruteForce(const Problem& problem) {
  const int labelers = problem.num_labelers();
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  const size_t states = size_t{1} << (2 * labelers);
  std::vector<double> best(states, kNever), next(states);
  best[0] = 0;
  for (int t = 0; t < problem.num_tasks(); ++t) {
    std::fill(next.begin(), next.end(), kNever);
    const int begin = problem.offset[t];
    const int edges = problem.offset[t + 1] - begin;
    for (unsigned chosen = 0; chosen < 1u << edges; ++chosen) {
      const int count = std::popcount(chosen);
      if (count > problem.redundancy[t]) continue;
      double gain = -(problem.redundancy[t] - count) * problem.penalty(t);
      for (int i = 0; i < edges; ++i) {
        if (chosen >> i & 1) gain += problem.utility[begin + i];
      }
      for (size_t used = 0; used < states; ++used) {
        if (best[used] == kNever) continue;
        size_t after = used;
        bool fits = true;
        for (int i = 0; i < edges && fits; ++i) {
          if (!(chosen >> i & 1)) continue;
          const int l = problem.labeler[begin + i];
          const int load = static_cast<int>(after >> (2 * l) & 3);
          fits = load < problem.capacity[l] && load < 3;
          after += size_t{1} << (2 * l);
        }
        if (fits) next[after] = std::max(next[after], best[used] + gain);
      }
    }
    best.swap(next);
  }
  return *std::max_element(best.begin(), best.end());
}

}  // namespace allot

#endif  // ALLOT_TESTS_MATCH_MATCH_TESTING_H_
