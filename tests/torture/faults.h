// SPDX-License-Identifier: Apache-2.0
// What goes wrong on purpose, and how long it takes to come back.
#ifndef ALLOT_TESTS_TORTURE_FAULTS_H_
#define ALLOT_TESTS_TORTURE_FAULTS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/rng.h"
#include "tests/torture/cluster.h"
#include "tests/torture/crowd.h"

namespace allot::torture {

struct FaultCounts {
  int kills = 0;  // of a replica
  int redis_kills = 0;
  int pauses = 0;  // of a replica, longer than the shorter leases
  int redis_pauses = 0;
  std::vector<double> start_seconds;   // from exec to serving
  std::vector<double> answer_seconds;  // from the kill to the first answer
};

class Faults {
 public:
  // Without `may_kill` replicas are only paused: a memory store dies with them.
  // With `only_kill` nothing else befalls them.
  Faults(Cluster* cluster, Crowd* crowd, bool may_kill, bool only_kill,
         Rng rng);

  // One, after a rest: at least three times as long as the last one and its
  // restart took, so that a store that takes long to read does not leave the
  // crowd without a service for most of the time. All kinds in turn, at first
  // as listed in Kind, then in any order.
  absl::Status Next();
  // kill -9 of a replica, and starts it again.
  absl::Status Kill(int replica);

  const FaultCounts& counts() const { return counts_; }
  int AnyReplica() { return Below(cluster_.replicas()); }

 private:
  int Below(int limit) {
    return static_cast<int>(rng_.Below(static_cast<uint64_t>(limit)));
  }
  enum class Kind {
    kKillRedis,
    kKill,
    kPause,
    kKillBoth,  // Redis and a replica at the same moment
    kPauseRedis
  };
  absl::Status Strike(Kind kind);

  Cluster& cluster_;
  Crowd& crowd_;
  Rng rng_;
  std::vector<Kind> turns_;  // of this round
  size_t turn_ = 0;
  FaultCounts counts_;
  absl::Duration last_;
};

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_FAULTS_H_
