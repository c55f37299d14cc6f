// SPDX-License-Identifier: Apache-2.0
// Where the log is kept. A Store knows the shape of events and nothing of what
// they mean: folding them into state is the engine's work.
#ifndef ALLOT_LIB_STORE_STORE_H_
#define ALLOT_LIB_STORE_STORE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/store/event.h"

namespace allot {

// A checkpoint of one pool's folded state, in the engine's own encoding: only
// a short cut for Load(), never the truth. `sequence` is that of the last
// event folded into it.
struct Checkpoint {
  std::string pool;
  int64_t sequence = 0;
  std::string bytes;
};

// Thread-safe. Every call may block on I/O.
class Store {
 public:
  virtual ~Store() = default;

  // Appends all events or none, and returns only when they are durable (for
  // stores that promise it). Events get consecutive sequence numbers, from 1,
  // one series for the whole store; returns the number of the last one.
  // Numbers are finite and strings UTF-8: the door saw to it, and a store may
  // refuse others (kInvalidArgument), but never changes a value silently.
  // Errors: kUnavailable (try again), kResourceExhausted (disk full),
  // kFailedPrecondition (read-only), kAlreadyExists (an answer's pool, task and
  // labeler are in the log). After an error nothing was appended.
  virtual absl::StatusOr<int64_t> Append(std::span<const Event> events) = 0;

  // Calls `visit` with each event whose sequence number is above `after`, in
  // order, until `visit` returns an error, which is then returned. The log is
  // read as it was when the call began; `visit` may use the store.
  // kDataLoss: the log is damaged.
  virtual absl::Status Load(
      int64_t after,
      absl::FunctionRef<absl::Status(int64_t sequence, Event&& event)>
          visit) = 0;

  // Replaces the checkpoint of each pool named. Atomic for the whole span.
  virtual absl::Status SaveCheckpoints(
      std::span<const Checkpoint> checkpoints) = 0;
  virtual absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() = 0;

  // A cheap check that the store answers, for readiness probes.
  virtual absl::Status Ping() = 0;
};

// Opens a store by its address: "memory:" or "sqlite:PATH".
// Errors: kInvalidArgument for another scheme; what the back end says.
absl::StatusOr<std::unique_ptr<Store>> OpenStore(absl::string_view address);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_STORE_H_
