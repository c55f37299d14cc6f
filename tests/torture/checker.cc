// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/checker.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "tests/torture/call_checks.h"

namespace allot::torture {
namespace {

// A lease as the clients saw it.
struct Seen {
  const Call* grant = nullptr;
  const Item* item = nullptr;
  int64_t until = 0;  // certainly open from grant->returned until then
};

class Checker {
 public:
  Checker(const std::vector<const Call*>& calls, bool shared)
      : calls_(calls), shared_(shared) {}

  Verdict Run() {
    Index();
    for (auto& [pair, leases] : of_pair_) CheckPair(pair, leases);
    CheckOverlaps();
    CheckUses();
    return std::move(verdict_);
  }

 private:
  void IndexReports(const Call& call) {
    for (const Item& item : call.items) {
      reports_[{call.pool, item.task, item.labeler}].push_back({&call, &item});
    }
  }

  void Index() {
    for (const Call* each : calls_) {
      const Call& call = *each;
      if (call.kind == Kind::kReport) IndexReports(call);
      for (const Item& item : call.items) {
        if (call.kind == Kind::kAllocate) {
          of_pair_[{call.pool, item.task, item.labeler}].push_back(
              {&call, &item, 0});
        } else if (call.kind != Kind::kReport) {
          uses_[{call.pool, item.lease, 0}].push_back({&call, &item});
        }
      }
    }
    for (auto& [pair, leases] : of_pair_) {
      for (Seen& lease : leases) lease.until = CertainlyUntil(pair, lease);
    }
  }

  const std::vector<Use>& Find(
      const absl::flat_hash_map<Key, std::vector<Use>>& in, const Key& key) {
    static const std::vector<Use> kNone;
    const auto found = in.find(key);
    return found == in.end() ? kNone : found->second;
  }

  int64_t CertainlyUntil(const Key& pair, const Seen& lease) {
    int64_t until = kNever;
    for (const Use& report : Find(reports_, pair)) {
      if (report.call->returned >= lease.grant->invoked) {
        until = std::min(until, report.call->invoked);
      }
    }
    int64_t expires = lease.item->expires;
    std::vector<Use> renewals;
    for (const Use& use :
         Find(uses_, {std::get<0>(pair), lease.item->lease, 0})) {
      if (use.call->kind == Kind::kRenew) {
        renewals.push_back(use);
      } else if (use.item->outcome != Outcome::kNotOpen) {
        until = std::min(until, use.call->invoked);
      }
    }
    std::sort(renewals.begin(), renewals.end(), [](const Use& a, const Use& b) {
      return a.call->invoked < b.call->invoked;
    });
    int64_t last_returned = 0;  // of the renewals so far
    for (const Use& renewal : renewals) {
      const Call& call = *renewal.call;
      if (renewal.item->outcome == Outcome::kNotOpen) continue;
      if (!Answered(call)) {
        expires = std::min(expires, call.invoked + call.lease_duration);
      } else if (call.invoked < last_returned) {
        expires = std::min(expires, renewal.item->expires);  // in either order
      } else {
        expires = renewal.item->expires;
      }
      last_returned = std::max(last_returned, call.returned);
    }
    return std::min(until, expires);
  }

  void CheckPair(const Key& pair, std::vector<Seen>& leases) {
    std::sort(leases.begin(), leases.end(), [](const Seen& a, const Seen& b) {
      return a.item->lease < b.item->lease;
    });
    for (size_t i = 0; i + 1 < leases.size(); ++i) {
      const Seen& first = leases[i];
      const Seen& second = leases[i + 1];
      const int64_t from = first.grant->returned;
      const bool overlap = std::max(from, second.grant->returned) <
                           std::min(first.until, second.until);
      const bool within =
          from <= second.grant->invoked && first.until > second.grant->returned;
      if (overlap || within) {
        verdict_.Violate("pair_twice", absl::StrCat(PairName(pair), " holds L",
                                                    first.item->lease, " and L",
                                                    second.item->lease));
      }
    }
    int64_t closed = kNever;  // when the pair was certainly over for good
    for (const Use& report : Find(reports_, pair)) {
      if (Answered(*report.call)) {
        closed = std::min(closed, report.call->returned);
      }
    }
    for (const Seen& lease : leases) {
      for (const Use& use :
           Find(uses_, {std::get<0>(pair), lease.item->lease, 0})) {
        if (use.call->kind == Kind::kSkip &&
            use.item->outcome == Outcome::kOk) {
          closed = std::min(closed, use.call->returned);
        }
      }
    }
    for (const Seen& lease : leases) {
      if (lease.grant->invoked > closed) {
        verdict_.Violate("pair_twice",
                         absl::StrCat(PairName(pair), " got L",
                                      lease.item->lease, " after it was over"));
      }
    }
  }

  // The most of `spans` that contain one moment.
  static int64_t Deepest(std::vector<std::pair<int64_t, int64_t>>& spans) {
    std::vector<std::pair<int64_t, int>> ends;
    for (const auto& [from, until] : spans) {
      if (from >= until) continue;
      ends.push_back({from, 1});
      ends.push_back({until, -1});
    }
    std::sort(ends.begin(), ends.end());  // at one moment ends come first
    int64_t depth = 0, deepest = 0;
    for (const auto& [at, step] : ends) {
      depth += step;
      deepest = std::max(deepest, depth);
    }
    return deepest;
  }

  void CheckOverlaps() {
    absl::flat_hash_map<Key, std::vector<std::pair<int64_t, int64_t>>> of_task,
        of_labeler;
    for (const auto& [pair, leases] : of_pair_) {
      const auto [pool, task, labeler] = pair;
      for (const Seen& lease : leases) {
        const std::pair<int64_t, int64_t> span(lease.grant->returned,
                                               lease.until);
        of_task[{pool, task, 0}].push_back(span);
        of_labeler[{pool, labeler, 0}].push_back(span);
      }
    }
    for (const auto& [pair, reports] : reports_) {
      for (const Use& report : reports) {
        if (report.item->outcome != Outcome::kRecorded) continue;
        if (report.item->lease == 0) continue;  // evidence beside the leases
        of_task[{std::get<0>(pair), std::get<1>(pair), 0}].push_back(
            {report.call->returned, kNever});
      }
    }
    for (auto& [key, spans] : of_task) {
      const auto task = static_cast<int32_t>(std::get<1>(key));
      const int64_t deepest = Deepest(spans);
      if (deepest > RedundancyOf(task)) {
        verdict_.Violate(
            "over_redundancy",
            absl::StrCat("pool ", std::get<0>(key), " task ", task,
                         " of redundancy ", RedundancyOf(task), " had ",
                         deepest, " leases and answers at once"));
      }
    }
    for (auto& [key, spans] : of_labeler) {
      const auto labeler = static_cast<int32_t>(std::get<1>(key));
      const int64_t deepest = Deepest(spans);
      if (deepest > CapacityOf(labeler)) {
        verdict_.Violate(
            "over_capacity",
            absl::StrCat("pool ", std::get<0>(key), " labeler ", labeler,
                         " of capacity ", CapacityOf(labeler), " had ", deepest,
                         " leases at once"));
      }
    }
  }

  // Whether the pair of a lease had its answer before the lease was used.
  bool AfterAnswer(const Use& use) {
    for (const Use& report :
         Find(reports_, {use.call->pool, use.item->task, use.item->labeler})) {
      if (report.call->returned < use.call->invoked) return true;
    }
    return false;
  }

  // Whether a renewal was sent when the lease must have expired.
  bool AfterExpiry(const Use& renewal, const std::vector<Use>& uses) {
    if (renewal.call->kind != Kind::kRenew) return false;
    const auto leases = of_pair_.find(
        {renewal.call->pool, renewal.item->task, renewal.item->labeler});
    if (leases == of_pair_.end()) return false;
    for (const Seen& lease : leases->second) {
      if (lease.item->lease != renewal.item->lease) continue;
      int64_t latest = lease.item->expires;
      for (const Use& use : uses) {
        if (use.call->kind != Kind::kRenew || use.call == renewal.call)
          continue;
        if (use.item->outcome == Outcome::kNotOpen) continue;
        latest =
            std::max(latest, Answered(*use.call) ? use.item->expires : kNever);
      }
      return renewal.call->invoked > latest &&
             renewal.call->invoked > latest + MayBeLate(lease.grant->invoked,
                                                        latest,
                                                        renewal.call->returned);
    }
    return false;
  }

  // How long after `expires` a lease granted at `from` may be open at `until`:
  // for a replica that starts it begins anew, so its whole length, and if
  // nobody could append its end before that start, the longest time in which
  // the log may have stood still. Whatever was answered had its event after it
  // was sent.
  int64_t MayBeLate(int64_t from, int64_t expires, int64_t until) {
    if (!shared_) return 0;
    return expires - from + LongestRest(from, until);
  }
  int64_t LongestRest(int64_t from, int64_t until) {
    if (by_return_.empty()) {
      for (const Call* call : calls_) {
        if (Answered(*call)) by_return_.push_back(call);
      }
      std::sort(by_return_.begin(), by_return_.end(),
                [](const Call* a, const Call* b) {
                  return a->returned < b->returned;
                });
    }
    auto next = std::partition_point(
        by_return_.begin(), by_return_.end(),
        [&](const Call* call) { return call->returned <= from; });
    int64_t last = from, longest = 0;
    for (; last < until; ++next) {
      const bool end = next == by_return_.end() || (*next)->returned > until;
      longest = std::max(longest, (end ? until : (*next)->returned) - last);
      if (end) break;
      last = std::max(last, (*next)->invoked);
    }
    return longest;
  }

  // Renewals and releases of leases that were over; answers in time without a
  // lease.
  void CheckUses() {
    for (const auto& [key, uses] : uses_) {
      int64_t over = kNever;
      const Call* by = nullptr;
      for (const Use& use : uses) {
        if (use.call->kind != Kind::kRenew &&
            use.item->outcome == Outcome::kOk && use.call->returned < over) {
          over = use.call->returned;
          by = use.call;
        }
      }
      for (const Use& use : uses) {
        if (use.item->outcome != Outcome::kOk) continue;
        const bool ended_before =
            use.call != by &&
            (use.call->invoked > over ||
             (by != nullptr && use.call->kind != Kind::kRenew));
        if (ended_before || AfterAnswer(use) || AfterExpiry(use, uses)) {
          verdict_.Violate(
              "stale_lease",
              absl::StrCat("pool ", std::get<0>(key), " L", std::get<1>(key),
                           " was used after its end"));
        }
      }
    }
    for (const auto& [pair, reports] : reports_) {
      const auto leases = of_pair_.find(pair);
      for (const Use& report : reports) {
        if (report.item->outcome != Outcome::kRecorded ||
            report.item->lease == 0) {
          continue;
        }
        bool may_hold = false;
        if (leases != of_pair_.end()) {
          for (const Seen& lease : leases->second) {
            int64_t released = kNever;
            for (const Use& use :
                 Find(uses_, {std::get<0>(pair), lease.item->lease, 0})) {
              if (use.call->kind != Kind::kRenew &&
                  use.item->outcome == Outcome::kOk) {
                released = use.call->returned;
              }
            }
            may_hold |= lease.grant->invoked <= report.call->returned &&
                        released >= report.call->invoked;
          }
        }
        if (!may_hold) {
          verdict_.Violate(
              "late_as_in_time",
              absl::StrCat(PairName(pair), " held no lease any more"));
        }
      }
    }
  }

  const std::vector<const Call*>& calls_;
  const bool shared_;
  std::vector<const Call*> by_return_;  // answered calls; if shared
  Verdict verdict_;
  absl::flat_hash_map<Key, std::vector<Seen>> of_pair_;
  absl::flat_hash_map<Key, std::vector<Use>> reports_;  // by pair
  absl::flat_hash_map<Key, std::vector<Use>> uses_;     // by lease
};

}  // namespace

void Verdict::Violate(const char* name, const std::string& what) {
  ++violations[name];
  if (examples.size() < kMostExamples) {
    examples.push_back(absl::StrCat(name, ": ", what));
  }
}

void Verdict::Add(const Verdict& more) {
  for (const auto& [name, count] : more.violations) violations[name] += count;
  for (const std::string& example : more.examples) {
    if (examples.size() < kMostExamples) examples.push_back(example);
  }
}

Verdict Check(const History& history) {
  std::map<uint8_t, std::vector<const Call*>> calls;
  for (const Call& call : history.calls) calls[call.pool].push_back(&call);
  for (const std::vector<Kept>& of_replica : history.kept) {
    for (const Kept& answer : of_replica) calls[answer.pool];
  }
  Verdict verdict;
  for (auto& [pool, of_pool] : calls) {
    std::vector<std::vector<Kept>> kept(history.kept.size());
    for (size_t i = 0; i < kept.size(); ++i) {
      for (const Kept& answer : history.kept[i]) {
        if (answer.pool == pool) kept[i].push_back(answer);
      }
    }
    verdict.Add(Checker(of_pool, history.shared).Run());
    CheckWithdrawals(of_pool, verdict);
    CheckFencing(of_pool, verdict);
    CheckRetries(of_pool, verdict);
    for (const std::vector<Kept>& of_replica : kept) {
      CheckAnswers(of_pool, of_replica, /*at_the_end=*/true, verdict);
    }
  }
  return verdict;
}

Verdict CheckKept(const std::vector<const Call*>& calls,
                  const std::vector<Kept>& kept) {
  Verdict verdict;
  CheckAnswers(calls, kept, /*at_the_end=*/false, verdict);
  return verdict;
}

}  // namespace allot::torture
