// SPDX-License-Identifier: Apache-2.0
// Where the log is kept. A Store knows the shape of events and nothing of what
// they mean: folding them into state is the engine's work.
#ifndef ALLOT_LIB_STORE_STORE_H_
#define ALLOT_LIB_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/store/event.h"

namespace allot {

// A checkpoint of one pool's folded state, in the engine's own encoding: a
// short cut for Load(). `sequence` is that of the last event folded into it.
struct Checkpoint {
  std::string pool;
  int64_t sequence = 0;
  std::string bytes;
};

// Where a pool's log ends, and up to where its checkpoint reaches; 0: there is
// none.
struct LogEnd {
  std::string pool;
  int64_t sequence = 0;
  int64_t checkpoint = 0;
};

// Up to which sequence number each pool's log is known. Not in it: 0.
using LogPositions = std::map<std::string, int64_t, std::less<>>;

using EventVisitor =
    absl::FunctionRef<absl::Status(int64_t sequence, Event&& event)>;

// A log for each pool, and how it grows: only at an end that the writer knows.
//
// Writers decide on a state that is the fold of a pool's log up to some event,
// and append "if that is still the last one". Of writers that race, in one
// process or in many, one gets in; the others are told, fold what they missed
// and decide again. So every event in the log was decided on exactly the state
// that the log before it folds to, and what holds for one writer (exactly k, no
// pair twice, no labeler over her capacity) holds for any number of them: one
// that slept, or was cut off, cannot append what it decided before.
//
// Thread-safe. Every call may block on I/O.
class Store {
 public:
  virtual ~Store() = default;

  // Whether other processes append to the same log: then whoever keeps a folded
  // state must look for what they wrote.
  virtual bool shared() const { return false; }
  // What an operator should know: promises that do not hold as the store is set
  // up.
  virtual std::vector<std::string> warnings() const { return {}; }

  // Whether nothing can be written, now or later: Append() is refused.
  virtual bool read_only() const { return false; }

  // Appends all events, which are of `pool`, if the last event of its log is
  // number `after` (0: the log is empty), or none of them. Returns only when
  // they are durable (for stores that promise it). The events get consecutive
  // numbers above `after`: just above in a store that numbers each pool's log
  // by itself, higher in one that has one series for all pools. Returns the
  // number of the last one. No events: only looks, and returns `after`.
  //
  // Numbers are finite and strings UTF-8: the door saw to it, and a store may
  // refuse others (kInvalidArgument), but never changes a value silently.
  //
  // Errors: kAborted, the log ends elsewhere: Load() what is missing and decide
  // again. kResourceExhausted (disk full), kFailedPrecondition (read-only),
  // kAlreadyExists (an answer's task and labeler are in the pool's log; a store
  // need not look, a writer who folds the log knows). After these nothing was
  // appended. kUnavailable (try again): in a shared store it is not known
  // whether the events were appended, all or none; as whatever is appended next
  // names the last event it knows of, nothing can come of that but a conflict.
  // kDataLoss: the log has lost events that were durable once.
  //
  // A store that leaves the writing to others may call `meanwhile`, once, from
  // this thread, while they are at it.
  virtual absl::StatusOr<int64_t> Append(
      absl::string_view pool, int64_t after, std::span<const Event> events,
      absl::FunctionRef<void()> meanwhile) = 0;
  absl::StatusOr<int64_t> Append(absl::string_view pool, int64_t after,
                                 std::span<const Event> events) {
    return Append(pool, after, events, [] {});
  }

  // Calls `visit` with each event of `pool` whose sequence number is above
  // `after`, in order, until `visit` returns an error, which is then returned.
  // The log is read at least up to where it ended when the call began; `visit`
  // may use the store.
  // kOutOfRange: the log no longer reaches back to `after`, start from the
  // checkpoint. kDataLoss: the log is damaged.
  virtual absl::Status Load(absl::string_view pool, int64_t after,
                            EventVisitor visit) = 0;
  // The same for all pools, each from its own position; pools' events may come
  // interleaved.
  virtual absl::Status LoadAll(const LogPositions& after,
                               EventVisitor visit) = 0;

  // All pools that have a log, ascending.
  virtual absl::StatusOr<std::vector<LogEnd>> Ends() = 0;

  // Replaces each pool's checkpoint, unless there is one that reaches further
  // or another process is writing one. Atomic for each pool. A store may then
  // drop the events that the checkpoint holds.
  virtual absl::Status SaveCheckpoints(
      std::span<const Checkpoint> checkpoints) = 0;
  virtual absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() = 0;
  // Of one pool; absent if it has none.
  virtual absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(
      absl::string_view pool) = 0;

  // A cheap check that the store answers, for readiness probes.
  virtual absl::Status Ping() = 0;
};

// What Append() says when the log of `pool` ends at `end`, not at `after`.
absl::Status LogMovedOn(absl::string_view pool, int64_t after, int64_t end);

// Opens a store by its address: "memory:", "sqlite:PATH" or a redis:// address
// (redis_address.h).
// Errors: kInvalidArgument for another scheme; what the back end says.
absl::StatusOr<std::unique_ptr<Store>> OpenStore(absl::string_view address);

// The address as it may be shown: without a password.
std::string ShownAddress(absl::string_view address);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_STORE_H_
