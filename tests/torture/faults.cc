// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/faults.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "lib/base/status_macros.h"
#include "tests/torture/connections.h"

namespace allot::torture {

Faults::Faults(Cluster* cluster, Crowd* crowd, bool may_kill, bool only_kill,
               Rng rng)
    : cluster_(*cluster), crowd_(*crowd), rng_(rng) {
  if (only_kill) {
    turns_ = {Kind::kKill};
    return;
  }
  const bool redis = cluster->redis_servers() > 0;
  if (redis) turns_ = {Kind::kKillRedis};
  if (may_kill) turns_.push_back(Kind::kKill);
  turns_.push_back(Kind::kPause);
  if (redis && may_kill) turns_.push_back(Kind::kKillBoth);
  if (redis) turns_.push_back(Kind::kPauseRedis);
  if (may_kill) turns_.push_back(Kind::kKill);
}

absl::Status Faults::Kill(int replica) {
  const int64_t start = NowMicros();
  ALLOT_ASSIGN_OR_RETURN(const absl::Duration took,
                         cluster_.KillAndRestart(replica));
  const int64_t serving = NowMicros();
  ++counts_.kills;
  counts_.start_seconds.push_back(absl::ToDoubleSeconds(took));
  if (cluster_.replicas() > 1) return absl::OkStatus();
  while (crowd_.last_success() < serving && !crowd_.Done() &&
         NowMicros() - serving < 30'000'000) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  counts_.answer_seconds.push_back(1e-6 *
                                   static_cast<double>(NowMicros() - start));
  return absl::OkStatus();
}

absl::Status Faults::Strike(Kind kind) {
  const int replica = AnyReplica();
  const int server = Below(std::max(cluster_.redis_servers(), 1));
  // Leases of 1 and 3 s run out meanwhile.
  const absl::Duration pause = absl::Milliseconds(1500 + rng_.Below(3000));
  switch (kind) {
    case Kind::kKillRedis:
      ++counts_.redis_kills;
      cluster_.KillAndRestartRedis(server,
                                   absl::Milliseconds(rng_.Below(1000)));
      return absl::OkStatus();
    case Kind::kKill:
      return Kill(replica);
    case Kind::kPause:
      ++counts_.pauses;
      cluster_.Pause(replica, pause);
      return absl::OkStatus();
    case Kind::kKillBoth:
      ++counts_.redis_kills;
      ++counts_.kills;
      return cluster_.KillAndRestartBoth(replica, server);
    case Kind::kPauseRedis:
      ++counts_.redis_pauses;
      cluster_.PauseRedis(server, pause);
      return absl::OkStatus();
  }
  return absl::InternalError("no such fault");
}

absl::Status Faults::Next() {
  const absl::Duration rest =
      std::max(absl::Milliseconds(300 + rng_.Below(1500)), 3 * last_);
  const absl::Time until = absl::Now() + rest;
  while (absl::Now() < until && !crowd_.Done()) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  if (crowd_.Done()) return absl::OkStatus();
  const absl::Time start = absl::Now();
  if (turn_ == turns_.size()) {
    turn_ = 0;
    std::shuffle(turns_.begin(), turns_.end(), rng_);
  }
  const absl::Status status = Strike(turns_[turn_++]);
  last_ = absl::Now() - start;
  return status;
}

}  // namespace allot::torture
