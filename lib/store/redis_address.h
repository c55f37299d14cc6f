// SPDX-License-Identifier: Apache-2.0
// Where a Redis is and how to enter it, as one text.
//
//   redis://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...][/DATABASE][?OPTIONS]
//   redis+sentinel://[USER[:PASSWORD]@]HOST[:PORT][,...]/MASTER[/DATABASE][?..]
//
// Several hosts: nodes of one Redis Cluster, or the sentinels; any one that
// answers will do. OPTIONS, joined by &:
//   password_file=PATH   the password is the file's first line: it shows in no
//                        process list
//   prefix=NAME          begins every key; allot if absent
//   timeout=2s           how long one call may take, 10 ms to 1 minute
//   keep_events=10000    events that a log keeps behind its checkpoint, 0 or
//                        more; "all" keeps the whole log
//   require_durable=1    refuse a Redis that may forget what it acknowledged
//
// %XX stands for any byte in USER, PASSWORD, MASTER and option values.
#ifndef ALLOT_LIB_STORE_REDIS_ADDRESS_H_
#define ALLOT_LIB_STORE_REDIS_ADDRESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace allot {

struct RedisHost {
  std::string host;
  int port = 6379;

  friend bool operator==(const RedisHost&, const RedisHost&) = default;
};

struct RedisAddress {
  std::vector<RedisHost> hosts;  // nodes, or sentinels if `master` is set
  std::string master;            // as the sentinels call it
  std::string user;              // empty: Redis's default user
  std::string password;
  std::string password_file;
  int database = 0;
  std::string prefix = "allot";
  absl::Duration timeout = absl::Seconds(2);
  int64_t keep_events = 10'000;  // -1: all
  bool require_durable = false;
};

// kInvalidArgument, and the message never holds a password.
absl::StatusOr<RedisAddress> ParseRedisAddress(absl::string_view address);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_REDIS_ADDRESS_H_
