// SPDX-License-Identifier: Apache-2.0
// The log: everything that ever changed a pool. State is a fold over these, in
// order, and of nothing else; replaying them gives the same state bit for bit.
#ifndef ALLOT_LIB_STORE_EVENT_H_
#define ALLOT_LIB_STORE_EVENT_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lib/roster/labeler.h"
#include "lib/roster/pool.h"
#include "lib/roster/task.h"

namespace allot {

struct PoolUpserted {
  Pool pool;
};

// Labelers were added or changed, as the caller said (absent fields kept).
struct LabelersUpserted {
  std::vector<LabelerUpdate> labelers;
};

struct LabelersDeleted {
  std::vector<std::string> ids;
};

// Tasks became known, or known better. A task's specification is fixed by its
// first event, but for a gold label, which may come later.
struct TasksRecorded {
  std::vector<Task> tasks;
};

// New answers, in the order they were accepted: no (task, labeler) pair twice
// in the whole log of a pool.
struct AnswersRecorded {
  std::vector<Answer> answers;
};

// A claim on (task, labeler).
struct Lease {
  std::string id;  // unique in the pool
  std::string task;
  std::string labeler;
  int64_t expires_unix_micros = 0;

  friend bool operator==(const Lease&, const Lease&) = default;
};

struct LeasesGranted {
  std::vector<Lease> leases;
};

struct LeasesRenewed {
  std::vector<std::string> ids;
  int64_t expires_unix_micros = 0;
};

// Why a lease ended before its answer came.
enum class ReleaseReason {
  kReleased,       // given back; she may get the task again
  kNotAgainToHer,  // she skipped it; others may get it
  kExpired,
  kNever,  // nobody gets the task from now on
};

struct LeasesEnded {
  std::vector<std::string> ids;
  ReleaseReason reason = ReleaseReason::kReleased;
};

// The response of a call that changed something, in the append of its own
// changes: either both are in the log or neither. A retry of the call gets it
// again, wherever and whenever it arrives. A store may forget the contents of
// those that are over a day old: all fields are empty then.
struct RequestAnswered {
  std::string id;            // of the request, unique in the pool for a day
  uint64_t fingerprint = 0;  // of what was asked
  std::string response;      // in the encoding of whoever asked

  friend bool operator==(const RequestAnswered&,
                         const RequestAnswered&) = default;
};

using EventBody = std::variant<PoolUpserted, LabelersUpserted, LabelersDeleted,
                               TasksRecorded, AnswersRecorded, LeasesGranted,
                               LeasesRenewed, LeasesEnded, RequestAnswered>;

struct Event {
  std::string pool;
  int64_t unix_micros = 0;  // when the service accepted it
  EventBody body;
};

}  // namespace allot

#endif  // ALLOT_LIB_STORE_EVENT_H_
