// SPDX-License-Identifier: Apache-2.0
// The calls of AllocationService between the wire and the domain.
#ifndef ALLOT_SERVER_CONVERT_ALLOCATION_H_
#define ALLOT_SERVER_CONVERT_ALLOCATION_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "allot/v1/allocation.pb.h"
#include "lib/engine/calls.h"

namespace allot {

// Errors: kInvalidArgument with violations; kNotFound for an unknown policy.
// `now_nanos` and `deadline_nanos` are Clock::MonotonicNanos(); the call's
// deadline and time_limit make the plan's deadline.
absl::StatusOr<AllocateCall> ToAllocateCall(
    const v1::AllocateRequest& in, const Pool& pool, int64_t now_nanos,
    std::optional<int64_t> deadline_nanos);

struct RenewCall {
  std::vector<std::string> leases;
  int64_t lease_micros = 0;
};
absl::StatusOr<RenewCall> ToRenewCall(const v1::RenewLeasesRequest& in);

struct ReleaseCall {
  std::vector<std::string> leases;
  ReleaseReason reason = ReleaseReason::kReleased;
};
absl::StatusOr<ReleaseCall> ToReleaseCall(const v1::ReleaseLeasesRequest& in);

// `call` is the one that was planned: the plan refers to its tasks.
void ToProto(const Plan& in, const AllocateCall& call,
             v1::AllocateResponse* out);
// Results in the order of `leases`. `renewed`: with the new times.
void ToProto(std::span<const LeaseResult> in,
             std::span<const std::string> leases, bool renewed,
             google::protobuf::RepeatedPtrField<v1::LeaseResult>* out);

}  // namespace allot

#endif  // ALLOT_SERVER_CONVERT_ALLOCATION_H_
