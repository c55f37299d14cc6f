// SPDX-License-Identifier: Apache-2.0
// Does a history keep what allot promises? Judged from the outside: a call took
// effect at some moment between being sent and being answered, and one that was
// never answered may or may not have. Only what is wrong for every such moment
// is a violation, so the checker never cries wolf; and since every call of a
// run is sent until it is answered, little stays in doubt.
//
// A lease is certainly open from the answer that granted it until somebody may
// have ended it: the first call that releases it or answers its pair is sent,
// or it expires (as renewed). On those spans and on answers:
//
//   pair_twice        two leases of a pair at once; a pair that was answered,
//   or
//                     skipped for good, is granted again
//   withdrawn_granted a task that was withdrawn is granted to somebody
//   over_redundancy   open leases + answers in time > k, at any moment
//   over_capacity     a labeler's open leases > her capacity, at any moment
//   answer_lost       an acknowledged answer is not there at the end
//   answer_twice      there more than once, or recorded by two requests
//   answer_invented   there, but nobody sent it
//   answer_changed    there with another label than was acknowledged
//   stale_lease       a lease that had ended was renewed or released; with a
//                     shared store an expiry counts as its end only after
//                     another length of it, as for a replica that starts it
//                     begins anew, and the longest time that the pool's log may
//                     have stood still
//   lease_stranded    one is open long after the last was asked for (by whoever
//                     waits for it; no history shows it)
//   late_as_in_time   an answer counted as in time after its lease was released
//   fencing           lease numbers: one given twice, or one that is smaller
//                     than that of a lease granted before
//   retry_differs     a request sent again got another response
#ifndef ALLOT_TESTS_TORTURE_CHECKER_H_
#define ALLOT_TESTS_TORTURE_CHECKER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/torture/history.h"

namespace allot::torture {

struct Verdict {
  static constexpr size_t kMostExamples = 20;
  std::map<std::string, int64_t> violations;  // by name, those above
  std::vector<std::string> examples;          // the first few, in words

  int64_t total() const {
    int64_t sum = 0;
    for (const auto& [name, count] : violations) sum += count;
    return sum;
  }
  void Violate(const char* name, const std::string& what);
  void Add(const Verdict& more);
};

// O(n log n) in the items of the history. One pool after the other, as nothing
// is promised across pools: beside the history it takes memory for one pool's
// part, some 200 bytes an item.
Verdict Check(const History& history);

// Only whether what was acknowledged before is among `kept`, each exactly once:
// the part that holds at any moment, after a restart say. The calls that are
// under way must be among `calls`.
Verdict CheckKept(const std::vector<const Call*>& calls,
                  const std::vector<Kept>& kept);

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_CHECKER_H_
