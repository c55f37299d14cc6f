// SPDX-License-Identifier: Apache-2.0
// Redis as one thing that answers, whichever of its nodes does: a single
// server, the master that sentinels name, or a cluster.
//
// Cluster: a command goes to the node that is known to have its key's slot, or
// to any; MOVED teaches, ASK is followed once.
// Lost connections: the command is sent again on a new one, until the call's
// time is over; so commands must be safe to repeat. Pauses between tries grow
// and are drawn at random, so that replicas do not come back in step.
// Outages: once a call has failed for good, others fail at once, but for one at
// a time that tries whether Redis is back. So an outage costs a caller
// microseconds and not its whole time.
#ifndef ALLOT_LIB_STORE_REDIS_CLIENT_H_
#define ALLOT_LIB_STORE_REDIS_CLIENT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/rng.h"
#include "lib/store/redis_address.h"
#include "lib/store/redis_connection.h"

namespace allot {

// The slot of a key in a cluster: CRC-16 of what is between the first { and the
// next }, or of the whole key.
int RedisSlot(absl::string_view key);

// Thread-safe: a connection for each call that runs.
class RedisClient {
 public:
  // `clock` must outlive the client. `seed` is for the pauses only.
  RedisClient(RedisAddress address, const Clock* clock, uint64_t seed);

  // `key` names the slot. A reply that is an error becomes one.
  absl::StatusOr<RedisReply> Run(absl::string_view key,
                                 const RedisCommand& command);
  // Many commands in one round trip to each node, each with the key that names
  // its slot.
  struct Keyed {
    std::string key;
    RedisCommand command;
  };
  absl::StatusOr<std::vector<RedisReply>> RunAll(
      const std::vector<Keyed>& commands);

  // The nodes known now; the master behind sentinels.
  std::vector<RedisHost> Nodes();
  // On one node, without following it elsewhere.
  absl::StatusOr<RedisReply> RunOn(const RedisHost& node,
                                   const RedisCommand& command);

 private:
  using NodeName = std::pair<std::string, int>;
  int64_t Now() const { return clock_.MonotonicNanos(); }
  // Whether this call may try, and until when. Error: an outage.
  absl::Status Enter(bool* probing);
  void Leave(bool probing, const absl::Status& status);
  void Pause(int tries, int64_t deadline);

  // Where a key's commands go at the `tries`-th try.
  absl::StatusOr<RedisHost> NodeOf(int slot, int tries);
  absl::StatusOr<RedisHost> AskSentinels();
  void Learn(int slot, const RedisHost& node);
  void Forget(int slot, const RedisHost& node);

  absl::StatusOr<RedisConnection> Take(const RedisHost& node, int64_t deadline);
  void GiveBack(RedisConnection connection);
  void CloseIdle(const RedisHost& node);
  // One try; `asking` after an ASK.
  absl::StatusOr<RedisReply> TryOn(const RedisHost& node,
                                   const RedisCommand& command, bool asking,
                                   int64_t deadline);
  absl::StatusOr<RedisReply> RunUntil(int slot, const RedisCommand& command,
                                      int64_t deadline);
  absl::Status RunOnNode(const RedisHost& node,
                         const std::vector<Keyed>& commands,
                         const std::vector<size_t>& which, int64_t deadline,
                         std::vector<RedisReply>& replies);

  const RedisAddress address_;
  const Clock& clock_;
  const int64_t timeout_nanos_;

  Mutex mutex_;
  std::map<NodeName, std::vector<RedisConnection>> idle_
      ABSL_GUARDED_BY(mutex_);
  std::vector<RedisHost> nodes_ ABSL_GUARDED_BY(mutex_);
  std::map<int, RedisHost> node_of_slot_ ABSL_GUARDED_BY(mutex_);
  Rng rng_ ABSL_GUARDED_BY(mutex_);
  // An outage: since when is nobody's business, what matters is when to look
  // again, and that one caller does.
  absl::Status away_ ABSL_GUARDED_BY(mutex_);
  int64_t look_again_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t pause_nanos_ ABSL_GUARDED_BY(mutex_) = 0;
  bool looking_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace allot

#endif  // ALLOT_LIB_STORE_REDIS_CLIENT_H_
