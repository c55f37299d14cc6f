// SPDX-License-Identifier: Apache-2.0
// What the calls of one pool show by themselves; who held which lease when is
// checker.cc's. The violations are described in checker.h.
#ifndef ALLOT_TESTS_TORTURE_CALL_CHECKS_H_
#define ALLOT_TESTS_TORTURE_CALL_CHECKS_H_

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "tests/torture/checker.h"
#include "tests/torture/history.h"

namespace allot::torture {

// (pool, a, b): a task and a labeler, or a lease's number.
using Key = std::tuple<uint8_t, int64_t, int64_t>;
std::string PairName(const Key& pair);

struct Use {
  const Call* call;
  const Item* item;
};

inline bool Answered(const Call& call) { return call.returned != kNever; }

// withdrawn_granted
void CheckWithdrawals(const std::vector<const Call*>& calls, Verdict& verdict);
// fencing
void CheckFencing(const std::vector<const Call*>& calls, Verdict& verdict);
// retry_differs
void CheckRetries(const std::vector<const Call*>& calls, Verdict& verdict);
// answer_lost, answer_twice, answer_invented, answer_changed. `at_the_end`:
// nothing is under way any more.
void CheckAnswers(const std::vector<const Call*>& calls,
                  const std::vector<Kept>& answers, bool at_the_end,
                  Verdict& verdict);

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_CALL_CHECKS_H_
