// SPDX-License-Identifier: Apache-2.0
// A pool to convert requests for, and what is said of those that are malformed.
#ifndef ALLOT_TESTS_SERVER_CONVERT_TESTING_H_
#define ALLOT_TESTS_SERVER_CONVERT_TESTING_H_

#include <limits>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "server/convert_task.h"

namespace allot {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

inline Pool TwoSkills() {
  Pool pool;
  pool.id = "animals";
  pool.skills = {{.name = "cats"}, {.name = "dogs"}};
  pool.label_sets = {{.name = "species", .labels = {"cat", "dog", "other"}},
                     {.name = "yes-no", .labels = {"no", "yes"}}};
  Policy careful;
  careful.name = "careful";
  careful.confidence.target_confidence = 0.99;
  pool.policies = {Policy{.name = "usual"}, careful};
  return pool;
}

inline TaskClasses NothingRemembered(absl::string_view) {
  return DefaultClasses(TwoSkills());
}

inline std::vector<google::rpc::BadRequest::FieldViolation> ViolationsOf(
    const absl::Status& status) {
  google::rpc::BadRequest detail;
  const auto payload =
      status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  if (payload) detail.ParseFromString(std::string(*payload));
  return {detail.field_violations().begin(), detail.field_violations().end()};
}

}  // namespace allot

#endif  // ALLOT_TESTS_SERVER_CONVERT_TESTING_H_
