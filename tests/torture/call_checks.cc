// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/call_checks.h"

#include <algorithm>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace allot::torture {
namespace {

bool Acknowledged(const Item& item) {
  return item.outcome == Outcome::kRecorded ||
         item.outcome == Outcome::kRecordedLate;
}

}  // namespace

std::string PairName(const Key& pair) {
  return absl::StrCat("pool ", std::get<0>(pair), " task ", std::get<1>(pair),
                      " labeler ", std::get<2>(pair));
}

void CheckWithdrawals(const std::vector<const Call*>& calls, Verdict& verdict) {
  absl::flat_hash_map<Key, int64_t> closed;  // by task: certainly from then
  for (const Call* call : calls) {
    if (call->kind != Kind::kWithdraw) continue;
    for (const Item& item : call->items) {
      if (item.outcome != Outcome::kOk) continue;
      int64_t& from =
          closed.try_emplace({call->pool, item.task, 0}, kNever).first->second;
      from = std::min(from, call->returned);
    }
  }
  for (const Call* call : calls) {
    if (call->kind != Kind::kAllocate) continue;
    for (const Item& item : call->items) {
      const auto task = closed.find({call->pool, item.task, 0});
      if (task == closed.end() || call->invoked <= task->second) continue;
      verdict.Violate(
          "withdrawn_granted",
          absl::StrCat(PairName({call->pool, item.task, item.labeler}),
                       " got L", item.lease));
    }
  }
}

void CheckFencing(const std::vector<const Call*>& calls, Verdict& verdict) {
  // By pool: grants by when they were sent, and by when they were answered.
  std::map<uint8_t, std::vector<const Call*>> grants;
  absl::flat_hash_map<Key, int> times;
  for (const Call* each : calls) {
    const Call& call = *each;
    if (call.kind != Kind::kAllocate || call.items.empty()) continue;
    grants[call.pool].push_back(&call);
    for (const Item& item : call.items) {
      if (++times[{call.pool, item.lease, 0}] == 2) {
        verdict.Violate("fencing", absl::StrCat("pool ", call.pool, " gave L",
                                                item.lease, " twice"));
      }
    }
  }
  for (auto& [pool, sent] : grants) {
    std::vector<const Call*> done = sent;
    std::sort(sent.begin(), sent.end(), [](const Call* a, const Call* b) {
      return a->invoked < b->invoked;
    });
    std::sort(done.begin(), done.end(), [](const Call* a, const Call* b) {
      return a->returned < b->returned;
    });
    int64_t largest = 0;
    size_t next = 0;
    for (const Call* call : sent) {
      for (; next < done.size() && done[next]->returned < call->invoked;
           ++next) {
        for (const Item& item : done[next]->items) {
          largest = std::max(largest, item.lease);
        }
      }
      for (const Item& item : call->items) {
        if (item.lease > largest) continue;
        verdict.Violate("fencing",
                        absl::StrCat("pool ", pool, " gave L", item.lease,
                                     " after L", largest));
      }
    }
  }
}

void CheckRetries(const std::vector<const Call*>& calls, Verdict& verdict) {
  for (const Call* each : calls) {
    const Call& call = *each;
    for (const uint64_t again : call.again) {
      if (again == call.response) continue;
      verdict.Violate(
          "retry_differs",
          absl::StrCat("a call of pool ", call.pool, " with ",
                       call.items.size(), " items, sent at ", call.invoked));
    }
  }
}

void CheckAnswers(const std::vector<const Call*>& calls,
                  const std::vector<Kept>& answers, bool at_the_end,
                  Verdict& verdict) {
  absl::flat_hash_map<Key, std::vector<Use>> reports_of;
  for (const Call* call : calls) {
    if (call->kind != Kind::kReport) continue;
    for (const Item& item : call->items) {
      reports_of[{call->pool, item.task, item.labeler}].push_back(
          {call, &item});
    }
  }
  absl::flat_hash_map<Key, int8_t> kept;
  for (const Kept& answer : answers) {
    const Key pair(answer.pool, answer.task, answer.labeler);
    if (!kept.emplace(pair, answer.label).second) {
      verdict.Violate("answer_twice",
                      absl::StrCat(PairName(pair), " is kept twice"));
    }
    bool sent = false;
    if (const auto of = reports_of.find(pair); of != reports_of.end()) {
      for (const Use& report : of->second) {
        sent |= report.item->label == answer.label;
      }
    }
    if (!sent) verdict.Violate("answer_invented", PairName(pair));
  }
  for (const auto& [pair, reports] : reports_of) {
    int recorded = 0;
    for (const Use& report : reports) {
      if (!Answered(*report.call)) continue;
      recorded += Acknowledged(*report.item) ? 1 : 0;
      const auto found = kept.find(pair);
      if (found == kept.end()) {
        // Whatever it was answered says that the pair has an answer.
        verdict.Violate("answer_lost", PairName(pair));
        break;
      }
      const bool same = found->second == report.item->label;
      const bool conflict = report.item->outcome == Outcome::kConflict;
      if (same == conflict) verdict.Violate("answer_changed", PairName(pair));
    }
    if (recorded > 1) {
      verdict.Violate(
          "answer_twice",
          absl::StrCat(PairName(pair), " was recorded ", recorded, " times"));
    }
    if (at_the_end && recorded == 0 && kept.contains(pair) &&
        std::all_of(reports.begin(), reports.end(),
                    [](const Use& report) { return Answered(*report.call); })) {
      verdict.Violate(
          "answer_invented",
          absl::StrCat(PairName(pair), " is kept, no call recorded it"));
    }
  }
}

}  // namespace allot::torture
