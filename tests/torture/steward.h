// SPDX-License-Identifier: Apache-2.0
// Makes the pools of a crowd, and reads from each replica what it has of them.
#ifndef ALLOT_TESTS_TORTURE_STEWARD_H_
#define ALLOT_TESTS_TORTURE_STEWARD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/torture/connections.h"
#include "tests/torture/history.h"

namespace allot::torture {

std::string PoolName(int pool);
// "t17", "w17", "L17": 17.
int64_t NumberOf(const std::string& id);

// Of one thread. Calls are sent until they are answered.
class Steward {
 public:
  explicit Steward(const std::vector<std::string>& servers)
      : connections_(servers, -1, Rng(0)) {}

  size_t servers() const { return connections_.size(); }

  absl::Status MakePool(int pool, int labelers);
  // A replica may lag a moment behind what another one acknowledged, but not
  // behind what it has looked for: a release of no lease at all makes it look.
  // Whatever was acknowledged before must be found by reads after.
  absl::Status CatchUp(size_t server, int pool);
  // Answers of the tasks given, which all have some.
  absl::Status ReadAnswers(size_t server, int pool,
                           const std::vector<int32_t>& tasks,
                           std::vector<Kept>& kept);
  absl::StatusOr<int64_t> CountOpenLeases(size_t server, int pool);

 private:
  Connections connections_;
};

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_STEWARD_H_
