// SPDX-License-Identifier: Apache-2.0
// Answers from labelers whose habits are known, for tests of aggregation.
#ifndef ALLOT_TESTS_TRUTH_SIMULATED_POOL_H_
#define ALLOT_TESTS_TRUTH_SIMULATED_POOL_H_

#include <cassert>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/base/matrix.h"
#include "lib/base/rng.h"
#include "lib/truth/answer_set.h"

namespace allot {

struct SimulatedPool {
  std::vector<LabelAnswer> rows;
  std::vector<int32_t> truth;  // [tasks]
  AnswerSet answers;
};

inline AnswerSet BuildOrDie(int32_t tasks, int32_t labelers, int32_t classes,
                            const std::vector<LabelAnswer>& rows) {
  auto set = AnswerSet::Build(tasks, labelers, classes, rows);
  assert(set.ok());
  return *std::move(set);
}

// `redundancy` distinct labelers answer every task. Labeler l is right with
// probability accuracy[l] and errs evenly. Requires redundancy <= labelers.
inline SimulatedPool SimulateOneCoin(int32_t tasks, int32_t classes,
                                     int32_t redundancy,
                                     const std::vector<double>& accuracy,
                                     uint64_t seed) {
  Rng rng(seed);
  SimulatedPool pool;
  const auto labelers = static_cast<int32_t>(accuracy.size());
  std::vector<int32_t> order(labelers);
  for (int32_t l = 0; l < labelers; ++l) order[l] = l;
  for (int32_t t = 0; t < tasks; ++t) {
    const auto truth = static_cast<int32_t>(rng.Below(classes));
    pool.truth.push_back(truth);
    Shuffle(order, rng);
    for (int32_t r = 0; r < redundancy; ++r) {
      int32_t label = truth;
      if (!rng.Bernoulli(accuracy[order[r]])) {
        label = (truth + 1 + static_cast<int32_t>(rng.Below(classes - 1))) %
                classes;
      }
      pool.rows.push_back({t, order[r], label});
    }
  }
  pool.answers = BuildOrDie(tasks, labelers, classes, pool.rows);
  return pool;
}

// The share of tasks whose largest posterior is the truth.
inline double Accuracy(const MatrixF& posterior,
                       const std::vector<int32_t>& truth) {
  int right = 0;
  for (size_t t = 0; t < truth.size(); ++t) {
    Eigen::Index best = 0;
    posterior.row(static_cast<Eigen::Index>(t)).maxCoeff(&best);
    if (best == truth[t]) ++right;
  }
  return static_cast<double>(right) / static_cast<double>(truth.size());
}

// The same answers with class c renamed to rename[c].
inline std::vector<LabelAnswer> Renamed(std::vector<LabelAnswer> rows,
                                        const std::vector<int32_t>& rename) {
  for (LabelAnswer& row : rows) row.label = rename[row.label];
  return rows;
}

}  // namespace allot

#endif  // ALLOT_TESTS_TRUTH_SIMULATED_POOL_H_
