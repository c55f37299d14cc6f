// SPDX-License-Identifier: Apache-2.0
// What one pool may take of the server, so that nobody's load is everybody's.
#ifndef ALLOT_SERVER_QUOTAS_H_
#define ALLOT_SERVER_QUOTAS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/published.h"
#include "server/json_file.h"

namespace allot {

// 0 is no limit.
struct QuotaRule {
  std::string pool;  // an id, or "*" for each pool that has no rule of its own
  double calls_per_second = 0;
  double burst = 0;   // calls at once, >= 1 with calls_per_second
  int in_flight = 0;  // calls that wait or run
};

// [{"pool": "animals", "calls_per_second": 100, "burst": 20, "in_flight": 8}].
// Errors: kInvalidArgument with the line.
absl::StatusOr<std::vector<QuotaRule>> ParseQuotas(absl::string_view file,
                                                   const JsonValue& list);

// Thread-safe; Take() and Give() are lock-free but for a reference count, and
// cost a load where there are no rules.
class Quotas {
 public:
  // What a pool has taken. Lives as long as Quotas.
  struct Account {
    std::atomic<int> in_flight{0};
    // When the next call would be due if calls came at the rate (the generic
    // cell rate algorithm, ITU-T I.371): a token bucket in one number.
    std::atomic<int64_t> due_nanos{0};
  };
  struct Outcome {
    bool granted = true;
    Account* account = nullptr;  // to be given back; null: nothing was taken
    int64_t retry_nanos = 0;     // when a refused call may succeed
  };

  // Replaces the rules. Calls in flight stay counted.
  void Set(const std::vector<QuotaRule>& rules);

  Outcome Take(uint64_t pool_hash, int64_t now_nanos);
  static void Give(Account* account) {
    if (account != nullptr) {
      account->in_flight.fetch_sub(1, std::memory_order_relaxed);
    }
  }

 private:
  struct Rule {
    int64_t gap_nanos = 0;    // between two calls, on average
    int64_t slack_nanos = 0;  // how far ahead of the rate calls may be
    int in_flight = 0;
    Account* account = nullptr;  // null: one of `lanes_`
  };
  struct Rules {
    absl::flat_hash_map<uint64_t, Rule> by_pool;
    bool has_default = false;
    Rule fallback;
  };
  static constexpr int kLanes = 256;

  std::atomic<bool> any_{false};
  Published<Rules> rules_;
  // Never removed: calls in flight point at them. Bounded by what operators
  // ever named in one life of the process.
  absl::flat_hash_map<uint64_t, std::unique_ptr<Account>> accounts_;
  std::array<Account, kLanes> lanes_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_QUOTAS_H_
