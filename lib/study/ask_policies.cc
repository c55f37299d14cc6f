// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/study/allot_policy.h"
#include "lib/study/ask_policy.h"
#include "lib/study/plain_policies.h"

namespace allot {
namespace {

struct Ablation {
  absl::string_view name;
  AllotParts parts;
};

constexpr Ablation kAllot[] = {
    {"allot", {}},
    {"allot-unmatched", {.matching = false}},
    {"allot-uninformed", {.information = false}},
    {"allot-unpriced", {.price = false}},
    {"allot-fixed", {.adaptive = false}},
    {"allot-unlearned", {.learning = false}},
    {"allot-ungolden", {.gold = false}},
    {"allot-exploring", {.explore = 1}},
    {"allot-fair", {.fairness = 0.6, .fair_answers = 3}},
};

}  // namespace

std::span<const AskPolicyInfo> AskPolicies() {
  static const std::vector<AskPolicyInfo>& policies =
      *new std::vector<AskPolicyInfo>{
          {"random", "labelers and tasks at random"},
          {"round-robin", "labelers and tasks in turn"},
          {"least", "the task with the fewest answers"},
          {"uncertainty", "the task whose votes disagree most (AskIt)"},
          {"qasca", "the task whose expected accuracy rises most (QASCA)"},
          {"thompson", "the labeler by a draw of her accuracy"},
          {"optkg", "the most optimistic rise in confidence (OptKG)"},
          {"information", "the labeler expected to tell most bits"},
          {"overlap", "dynamic overlap by a fixed skill formula"},
          {"majority", "fixed k and majority vote"},
          {"allot", "the service with its defaults"},
          {"allot-unmatched", "allot, pairs made at random"},
          {"allot-uninformed", "allot, bits worth nothing"},
          {"allot-unpriced", "allot, all prices 0 to the plan"},
          {"allot-fixed", "allot, k answers to every task"},
          {"allot-unlearned", "allot, nothing learned of labelers"},
          {"allot-ungolden", "allot, not told the gold"},
          {"allot-exploring",
           "allot, knowing a labeler worth as much as a label"},
          {"allot-fair",
           "allot, a bonus for whoever has had fewer than three answers"},
      };
  return policies;
}

absl::StatusOr<std::unique_ptr<AskPolicy>> MakeAskPolicy(
    absl::string_view name, const StudySetting& setting,
    const AskPolicyOptions& options) {
  for (const Ablation& ablation : kAllot) {
    if (ablation.name == name) {
      return MakeAllotPolicy(setting, options, ablation.parts);
    }
  }
  if (auto plain = MakePlainPolicy(name, setting, options)) return plain;
  std::vector<absl::string_view> names;
  for (const AskPolicyInfo& policy : AskPolicies())
    names.push_back(policy.name);
  return absl::InvalidArgumentError(absl::StrCat("policy: must be one of ",
                                                 absl::StrJoin(names, ", "),
                                                 "; got \"", name, "\""));
}

}  // namespace allot
