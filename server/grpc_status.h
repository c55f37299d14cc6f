// SPDX-License-Identifier: Apache-2.0
// The one place where absl::Status becomes grpc::Status (Debian's gRPC has no
// conversion of its own), with error details after https://google.aip.dev/193.
#ifndef ALLOT_SERVER_GRPC_STATUS_H_
#define ALLOT_SERVER_GRPC_STATUS_H_

#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/status.h"

namespace allot {

// The domain of every google.rpc.ErrorInfo.
inline constexpr absl::string_view kErrorDomain = "allot.dev";

// Adds google.rpc.ErrorInfo to an error. One that has a reason keeps it: the
// place nearest to the fault knows best. OK stays OK. Metadata values are cut
// to 256 bytes.
absl::Status WithReason(
    absl::Status status, absl::string_view reason,
    std::initializer_list<std::pair<absl::string_view, absl::string_view>>
        metadata = {});

// Details for an error of the engine, whose messages begin with the path of the
// field they are about ("answers[3].labeler_id: there is no ..."): a BadRequest
// with that path, and for kNotFound the reason LABELER_NOT_FOUND,
// TASK_NOT_FOUND or POOL_NOT_FOUND by the field's name.
absl::Status WithFieldOfMessage(absl::Status status);

// An error with all the details it can have: those above, and the reason of its
// code if it has none of its own (docs/api.md lists them).
absl::Status Explained(absl::Status status);

// Adds google.rpc.RetryInfo to an error.
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);

// Attaches any detail message, as it will stand in google.rpc.Status.details.
void AddDetail(const google::protobuf::Message& detail, absl::Status* status);

// The reason that WithReason() attached; empty if none.
std::string ReasonOf(const absl::Status& status);

// Code, message and details of Explained(status). Messages are cut to 1 KiB.
grpc::Status ToGrpcStatus(const absl::Status& status);

// "OK", "InvalidArgument", ...: the names that go-grpc-middleware's metrics
// use. Every code from 0 to 16 has one.
inline constexpr int kNumCodes = 17;
absl::string_view CodeName(absl::StatusCode code);

}  // namespace allot

#endif  // ALLOT_SERVER_GRPC_STATUS_H_
