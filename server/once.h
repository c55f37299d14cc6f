// SPDX-License-Identifier: Apache-2.0
// A call that changes something, made safe to retry: with a request_id its
// first response is found in the pool's log, or goes there with its changes.
#ifndef ALLOT_SERVER_ONCE_H_
#define ALLOT_SERVER_ONCE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/engine/request.h"
#include "server/core.h"
#include "server/grpc_status.h"
#include "server/method.h"

namespace allot {

template <typename Message>
concept HasRosterVersion = requires(Message message) {
  message.set_roster_version(1);
};

// The sequence of the event that keeps a response is the number of the roster
// that its changes make: not known when the response is stored.
template <typename Response>
void SetRosterVersion(int64_t sequence, Response* response) {
  if constexpr (HasRosterVersion<Response>) {
    if (response->roster_version() == 0) response->set_roster_version(sequence);
  }
}

// The engine's refusal of a request id, with its reason.
inline absl::Status WithReuse(absl::Status status) {
  return absl::IsInvalidArgument(status) &&
                 absl::StartsWith(status.message(), "request_id: was used")
             ? WithReason(std::move(status), "REQUEST_ID_REUSED")
             : status;
}

// Serves one call. `run(Request<Result>*)` asks the engine; `fill(result)`
// writes the response, and is called once unless this is a retry. The result,
// or nothing if the response was a replay.
//
// A stream's message is the same request as the unary call's.
template <typename Result, typename Wire, typename Response, typename Run,
          typename Fill>
absl::StatusOr<std::optional<Result>> Once(const ServerCore& core,
                                           absl::string_view pool_id,
                                           const Wire& wire, Response* response,
                                           const Run& run, const Fill& fill) {
  if (wire.request_id().empty()) {
    absl::StatusOr<Result> result = run(nullptr);
    if (!result.ok()) return result.status();
    fill(*result);
    return std::optional<Result>(*std::move(result));
  }
  Request<Result> request;
  request.id = absl::StrCat(Wire::descriptor()->name(), ":", wire.request_id());
  request.fingerprint = Fingerprint(wire);
  // More than once if another replica is faster.
  request.encode = [&](const Result& result) {
    response->Clear();
    fill(result);
    return response->SerializeAsString();
  };
  const auto replay = [&](const Replay& first) -> absl::Status {
    if (!response->ParseFromString(first.response)) {
      return absl::DataLossError("request_id: its response cannot be read");
    }
    SetRosterVersion(first.sequence, response);
    core.metrics->Replayed();
    return absl::OkStatus();
  };
  // Before anything else is looked at: what the call names may be gone by now.
  const auto known =
      core.engine->FindReplay(pool_id, request.id, request.fingerprint);
  if (!known.ok()) return WithReuse(known.status());
  if (known->has_value()) {
    ALLOT_RETURN_IF_ERROR(replay(**known));
    return std::optional<Result>();
  }
  absl::StatusOr<Result> result = run(&request);
  if (!result.ok()) return WithReuse(result.status());
  if (request.replay) {
    ALLOT_RETURN_IF_ERROR(replay(*request.replay));
    return std::optional<Result>();
  }
  SetRosterVersion(request.sequence, response);
  return std::optional<Result>(*std::move(result));
}

}  // namespace allot

#endif  // ALLOT_SERVER_ONCE_H_
