// SPDX-License-Identifier: Apache-2.0
// The calls of ConfidenceService between the wire and the domain.
#ifndef ALLOT_SERVER_CONVERT_CONFIDENCE_H_
#define ALLOT_SERVER_CONVERT_CONFIDENCE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "allot/v1/confidence.pb.h"
#include "lib/engine/calls.h"
#include "server/convert_task.h"

namespace allot {

// Errors: kInvalidArgument with violations; kNotFound for an unknown policy.
absl::StatusOr<ScoreCall> ToScoreCall(const v1::ScoreRequest& in,
                                      const Pool& pool, int64_t now_unix_micros,
                                      FindClasses remembered);

void ToProto(const ScoreSheet& in, const Pool& pool, v1::ScoreResponse* out);

}  // namespace allot

#endif  // ALLOT_SERVER_CONVERT_CONFIDENCE_H_
