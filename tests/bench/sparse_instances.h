// SPDX-License-Identifier: Apache-2.0
// The families of sparse instances that the matcher is measured on, from fixed
// seeds. All utilities are whole numbers, so that every solver's objective can
// be compared exactly.
//
//   uni   labelers drawn at random, costs uniform on 1 .. 10^6
//   knn   the best labelers by skill: cost 10^6 (1 - sigmoid(a . b)) of
//         clustered 16-dimensional skill vectors, hence near-ties everywhere
//
// A slot left empty costs kUnfilled; in the perfect families so much that
// filling every slot always comes first.
#ifndef ALLOT_TESTS_BENCH_SPARSE_INSTANCES_H_
#define ALLOT_TESTS_BENCH_SPARSE_INSTANCES_H_

#include <string>
#include <vector>

#include "lib/match/problem.h"

namespace allot::bench {

struct Family {
  const char* name;
  bool nearest;
  int tasks, labelers, edges_per_task;
  int least_redundancy, most_redundancy;
  int least_capacity, most_capacity;
  bool perfect;  // one to one, with a hidden perfect matching
  // Ratios to LEMON's NetworkSimplex that issue 7 asks for; 0: none.
  double goal, warm_goal;
};

const std::vector<Family>& Families();

// Deterministic. `scale` < 1 shrinks tasks and labelers alike.
Problem MakeInstance(const Family& family, double scale = 1);

// A share of the tasks is replaced: their utilities change by up to 10%.
Problem Replace(const Problem& problem, double share, uint64_t seed);

}  // namespace allot::bench

#endif  // ALLOT_TESTS_BENCH_SPARSE_INSTANCES_H_
