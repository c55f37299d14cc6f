// SPDX-License-Identifier: Apache-2.0
// The log in Redis, for many replicas of a service: docs/store.md, "Redis".
//
// Keys, of which those of a pool share a hash tag and so a node of a cluster
// (POOL with %XX for %, { and }; % alone for the empty id):
//   PREFIX:pools            set: ids of the pools
//   PREFIX:format           version of all this
//   PREFIX:{POOL}:log       stream: entry N-0 is event N; field a, the append
//                           it came with; field e, the event (event_bytes.h)
//   PREFIX:{POOL}:end       hash: end, the number of the last event; append,
//                           the append it came with; checkpoint, up to where
//                           there is one; generation and parts of it
//   PREFIX:{POOL}:checkpoint:GENERATION   hash: part number to bytes
//   PREFIX:{POOL}:saving    string: a replica writes a checkpoint, for a minute
//
// An append is one script: it looks where the log ends, adds the entries,
// moves the end. It carries a name of its own that stays with its entries. So
// when a connection is lost in the middle, the append is sent again, and the
// script sees from the entry where the first of its events would be whether it
// had been there before.
//
// The names are a chain, too: the script and every load compare the name of the
// last event known with the one in Redis. A Redis that lost acknowledged events
// (no persistence, a failover before replication) and went on without them is
// noticed at the next call, and not folded onto a state it does not belong to:
// kDataLoss.
//
// Needs Redis 6.2 or later.
#ifndef ALLOT_LIB_STORE_REDIS_STORE_H_
#define ALLOT_LIB_STORE_REDIS_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/store/redis_address.h"
#include "lib/store/store.h"

namespace allot {

// `clock`, for pauses and time limits, must outlive the store; null: the
// system's. Besides the errors of Store:
//   kUnavailable         Redis does not answer
//   kFailedPrecondition  wrong password, a newer allot's keys, or
//                        require_durable and Redis may forget
absl::StatusOr<std::unique_ptr<Store>> OpenRedis(const RedisAddress& address,
                                                 const Clock* clock = nullptr);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_REDIS_STORE_H_
