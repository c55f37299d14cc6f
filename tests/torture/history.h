// SPDX-License-Identifier: Apache-2.0
// What a crowd of clients did and saw: every call with the times at which it
// was sent and answered. All that the checker knows; it never looks inside.
#ifndef ALLOT_TESTS_TORTURE_HISTORY_H_
#define ALLOT_TESTS_TORTURE_HISTORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace allot::torture {

// Times are microseconds since 1970, on the clock that the servers use too.
constexpr int64_t kNever = INT64_MAX;

// Three ways to give a lease back: to anybody, to anybody else, and for good,
// as the task cannot be done.
enum class Kind : uint8_t {
  kAllocate,
  kRenew,
  kRelease,
  kSkip,
  kReport,
  kWithdraw,
};

enum class Outcome : uint8_t {
  kUnknown,  // the call was never answered
  kGranted,
  kOk,
  kNotOpen,
  kRecorded,
  kRecordedLate,
  kDuplicate,
  kConflict,
};

// One lease or answer of a call.
struct Item {
  int64_t lease = 0;    // its number; 0: an answer that names none
  int64_t expires = 0;  // as the response says
  int32_t task = 0;
  int32_t labeler = 0;
  int8_t label = 0;
  Outcome outcome = Outcome::kUnknown;
};

// One request, however often it was sent.
struct Call {
  int64_t invoked = 0;         // when it was first sent
  int64_t returned = kNever;   // when it was first answered
  int64_t lease_duration = 0;  // asked for
  uint64_t response = 0;       // hash of the first answer's bytes
  int32_t attempts = 0;
  uint8_t pool = 0;
  Kind kind = Kind::kAllocate;
  std::vector<Item> items;  // of an Allocate: what was granted
  // Hashes of what it was answered when it was sent again.
  std::vector<uint64_t> again;
};

// An answer that is there at the end, or after a restart.
struct Kept {
  uint8_t pool = 0;
  int32_t task = 0;
  int32_t labeler = 0;
  int8_t label = 0;
};

struct History {
  // Whether replicas share the store: for one that starts leases begin anew, so
  // that they may end late.
  bool shared = false;
  std::vector<Call> calls;
  // Read when nothing was under way any more: all answers of all tasks, as each
  // replica has them.
  std::vector<std::vector<Kept>> kept;
};

// Operations are counted by the item: a claim that was granted, a lease that
// one asked to renew or release, an answer that was sent. A request that was
// answered once more is one, too, and so is one that was first answered after
// some attempts had failed, however many those were.
struct Counts {
  int64_t calls = 0;
  int64_t claims = 0;
  int64_t renewals = 0;
  int64_t releases = 0;
  int64_t skips = 0;
  int64_t withdrawals = 0;
  int64_t answers = 0;  // sent, of which:
  int64_t late = 0;
  int64_t duplicates = 0;      // the same again, or another one
  int64_t in_time = 0;         // ended their lease
  int64_t ended = 0;           // leases given back
  int64_t not_open = 0;        // renewals and releases that came too late
  int64_t repeated_calls = 0;  // after an error or on purpose
  int64_t operations() const {
    return claims + renewals + releases + skips + withdrawals + answers +
           repeated_calls;
  }
};
Counts CountOperations(const std::vector<Call>& calls);

// The rules of the game, known to the clients and to the checker.
inline int32_t RedundancyOf(int32_t task) { return 1 + task % 3; }
inline int32_t CapacityOf(int32_t labeler) { return 1 + labeler % 8; }

absl::Status SaveHistory(const History& history, const std::string& path);
absl::StatusOr<History> LoadHistory(const std::string& path);

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_HISTORY_H_
