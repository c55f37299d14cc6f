// SPDX-License-Identifier: Apache-2.0
// The calls of LabelerService between the wire and the domain.
#ifndef ALLOT_SERVER_CONVERT_LABELER_H_
#define ALLOT_SERVER_CONVERT_LABELER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "allot/v1/labeler.pb.h"
#include "lib/engine/calls.h"
#include "server/convert_task.h"

namespace allot {

// Errors of all: kInvalidArgument with violations.
absl::StatusOr<std::vector<LabelerUpdate>> ToLabelerUpdates(
    const v1::UpsertLabelersRequest& in, const Pool& pool);
absl::StatusOr<std::vector<std::string>> ToLabelerIds(
    const v1::DeleteLabelersRequest& in);
absl::StatusOr<AnswerReport> ToAnswerReport(const v1::ReportAnswersRequest& in,
                                            const Pool& pool,
                                            int64_t now_unix_micros,
                                            FindClasses remembered);

// Where a page of labelers starts and how long it is.
struct LabelerPageRequest {
  int64_t first_row = 0;
  int32_t limit = 100;
};
absl::StatusOr<LabelerPageRequest> ToPageRequest(
    const v1::ListLabelersRequest& in);

void ToProto(const LabelerInfo& in, const Pool& pool, v1::Labeler* out);
void ToProto(const LabelerPage& in, const Pool& pool,
             v1::ListLabelersResponse* out);
void ToProto(const AnswerReceipt& in, v1::ReportAnswersResponse* out);

}  // namespace allot

#endif  // ALLOT_SERVER_CONVERT_LABELER_H_
