// SPDX-License-Identifier: Apache-2.0
// allot replay: what another build, or another policy, would have planned.
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/message_file.h"
#include "cli/text_table.h"
#include "lib/base/clock.h"
#include "lib/base/status_macros.h"
#include "lib/store/store.h"
#include "server/replay.h"

namespace allot {
namespace {

using Json = nlohmann::ordered_json;

struct CommandOptions {
  std::vector<std::string> logs;
  std::string store;
  std::string policy_file;
  std::vector<std::string> set;
  std::vector<std::string> pools;
  int most_shown = 10;
  bool expect_identical = false;
};

constexpr std::array<absl::string_view, 4> kChanges = {
    "identical", "other_numbers", "other_pairs", "refused"};

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 1
                    : static_cast<double>(part) / static_cast<double>(whole);
}

struct Comparison {
  int64_t plans = 0;
  std::array<int64_t, kChanges.size()> by_change{};
  // Of those that are not identical: not the replay's doing.
  int64_t not_repeatable = 0;
  PlanTotals before, after;
  int64_t kept = 0;
  absl::Time first = absl::InfiniteFuture(), last = absl::InfinitePast();
  std::vector<std::string> versions;
  std::vector<ReplayedPlan> changed;  // the most changed, at most most_shown

  int64_t identical() const { return by_change[0]; }
  // That a build of the same behaviour would not have changed.
  int64_t unexpected() const { return plans - identical() - not_repeatable; }
  double agreement() const {
    return Share(kept, before.pairs + after.pairs - kept);
  }
};

int64_t PairsMoved(const ReplayedPlan& plan) {
  return plan.before.pairs + plan.after.pairs - 2 * plan.kept;
}

void AddTotals(const PlanTotals& plan, PlanTotals& totals) {
  totals.pairs += plan.pairs;
  totals.utility += plan.utility;
  totals.cost += plan.cost;
  totals.bits += plan.bits;
  totals.gap = std::max(totals.gap, plan.gap);
  totals.seconds += plan.seconds;
}

void Count(const ReplayedPlan& plan, size_t most_shown,
           Comparison& comparison) {
  ++comparison.plans;
  ++comparison.by_change[static_cast<size_t>(plan.change)];
  comparison.first = std::min(comparison.first, plan.time);
  comparison.last = std::max(comparison.last, plan.time);
  if (std::ranges::find(comparison.versions, plan.version) ==
      comparison.versions.end()) {
    comparison.versions.push_back(plan.version);
  }
  if (plan.change != PlanChange::kImpossible) {
    AddTotals(plan.before, comparison.before);
    AddTotals(plan.after, comparison.after);
    comparison.kept += plan.kept;
  }
  if (plan.change == PlanChange::kIdentical) return;
  if (!plan.basis.repeatable()) ++comparison.not_repeatable;
  std::vector<ReplayedPlan>& changed = comparison.changed;
  const auto more = [](const ReplayedPlan& x, const ReplayedPlan& y) {
    if (PairsMoved(x) != PairsMoved(y)) return PairsMoved(x) > PairsMoved(y);
    return std::abs(x.after.utility - x.before.utility) >
           std::abs(y.after.utility - y.before.utility);
  };
  changed.insert(std::upper_bound(changed.begin(), changed.end(), plan, more),
                 plan);
  if (changed.size() > most_shown) changed.pop_back();
}

std::string WhyNotRepeatable(const PlanBasis& basis) {
  std::vector<absl::string_view> reasons;
  if (basis.time_ran_out) reasons.push_back("time ran out");
  if (basis.state_moved) reasons.push_back("state moved");
  if (basis.claims_lost) reasons.push_back("claims lost");
  return absl::StrJoin(reasons, ", ");
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

std::string Percent(double share) {
  return FormatFixed(100 * share, share > 0 && share < 1e-4 ? 6 : 2) + "%";
}

void PrintTotals(const Comparison& comparison) {
  TextTable table({"", ">LOGGED", ">REPLAYED", ">CHANGE"});
  const auto add = [&](const char* name, double before, double after,
                       int digits) {
    table.AddRow({name, FormatFixed(before, digits), FormatFixed(after, digits),
                  before == 0 ? (after == 0 ? "0.00%" : "-")
                              : Percent((after - before) / std::abs(before))});
  };
  const PlanTotals& before = comparison.before;
  const PlanTotals& after = comparison.after;
  add("pairs", static_cast<double>(before.pairs),
      static_cast<double>(after.pairs), 0);
  add("utility", before.utility, after.utility, 4);
  add("cost", before.cost, after.cost, 4);
  add("bits", before.bits, after.bits, 3);
  table.AddRow({"largest gap", Percent(before.gap), Percent(after.gap)});
  add("seconds to plan", before.seconds, after.seconds, 3);
  table.Print(std::cout);
}

void PrintChanged(const Comparison& comparison) {
  TextTable table({"TIME", "POOL", ">EVENT", ">TASKS", ">PAIRS", ">KEPT",
                   ">UTILITY", ">COST", ">BITS", "REQUEST", "WHY"});
  const auto change = [](double before, double after, int digits) {
    return absl::StrCat(after < before ? "" : "+",
                        FormatFixed(after - before, digits));
  };
  for (const ReplayedPlan& plan : comparison.changed) {
    table.AddRow({TimeText(plan.time), plan.pool, absl::StrCat(plan.sequence),
                  FormatCount(plan.tasks), FormatCount(plan.before.pairs),
                  FormatCount(plan.kept),
                  change(plan.before.utility, plan.after.utility, 4),
                  change(plan.before.cost, plan.after.cost, 4),
                  change(plan.before.bits, plan.after.bits, 3),
                  plan.request_id.empty() ? "-" : plan.request_id,
                  plan.change == PlanChange::kImpossible
                      ? std::string(plan.error.message())
                      : WhyNotRepeatable(plan.basis)});
  }
  if (table.empty()) return;
  std::cout << "\nChanged most:\n";
  table.Print(std::cout);
}

void Print(const Comparison& comparison, bool other_policy) {
  std::cout << FormatPlural(comparison.plans, "plan") << " of "
            << TimeText(comparison.first) << " to " << TimeText(comparison.last)
            << ", by allotd " << absl::StrJoin(comparison.versions, ", ")
            << '\n'
            << "  identical      " << FormatCount(comparison.by_change[0])
            << '\n'
            << "  other numbers  " << FormatCount(comparison.by_change[1])
            << '\n'
            << "  other pairs    " << FormatCount(comparison.by_change[2])
            << '\n'
            << "  refused        " << FormatCount(comparison.by_change[3])
            << '\n';
  if (comparison.not_repeatable > 0) {
    std::cout << "  " << FormatCount(comparison.not_repeatable)
              << " of those that changed were made in a race with time or "
                 "other calls, and may differ for that\n";
  }
  std::cout << "plan agreement " << Percent(comparison.agreement()) << ": "
            << FormatCount(comparison.kept) << " of "
            << FormatCount(comparison.before.pairs) << " pairs kept\n\n";
  PrintTotals(comparison);
  if (other_policy) {
    std::cout << "Utilities before and after are by different policies.\n";
  }
  PrintChanged(comparison);
}

Json ToJson(const PlanTotals& totals) {
  return {{"pairs", totals.pairs}, {"utility", totals.utility},
          {"cost", totals.cost},   {"bits", totals.bits},
          {"gap", totals.gap},     {"seconds", totals.seconds}};
}

void PrintAsJson(const Comparison& comparison) {
  Json changed = Json::array();
  for (const ReplayedPlan& plan : comparison.changed) {
    Json one = {{"file", plan.place.file},
                {"offset", plan.place.offset},
                {"time", TimeText(plan.time)},
                {"pool_id", plan.pool},
                {"request_id", plan.request_id},
                {"sequence", plan.sequence},
                {"tasks", plan.tasks},
                {"change", kChanges[static_cast<size_t>(plan.change)]},
                {"repeatable", plan.basis.repeatable()},
                {"why_not_repeatable", WhyNotRepeatable(plan.basis)},
                {"pairs_kept", plan.kept},
                {"logged", ToJson(plan.before)},
                {"replayed", ToJson(plan.after)}};
    if (!plan.error.ok()) one["error"] = std::string(plan.error.message());
    changed.push_back(std::move(one));
  }
  Json out = {{"plans", comparison.plans}};
  for (size_t i = 0; i < kChanges.size(); ++i) {
    out[std::string(kChanges[i])] = comparison.by_change[i];
  }
  out["changed_not_repeatable"] = comparison.not_repeatable;
  out["pairs_kept"] = comparison.kept;
  out["agreement"] = comparison.agreement();
  out["logged"] = ToJson(comparison.before);
  out["replayed"] = ToJson(comparison.after);
  out["changed"] = std::move(changed);
  std::cout << out.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

// "quality=2,must_fill=true" as the fields of a policy.
absl::StatusOr<v1::Policy> ParseChanges(const std::vector<std::string>& set) {
  std::vector<std::string> members;
  for (const std::string& one : set) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(one, absl::MaxSplits('=', 1));
    const bool name =
        !parts.first.empty() && std::ranges::all_of(parts.first, [](char c) {
          return absl::ascii_islower(c) || c == '_';
        });
    const bool value =
        !parts.second.empty() && std::ranges::all_of(parts.second, [](char c) {
          return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '+';
        });
    if (!name || !value) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--set: want FIELD=VALUE of allot.v1.Policy, got \"", one, "\""));
    }
    members.push_back(absl::StrCat("\"", parts.first, "\":", parts.second));
  }
  v1::Policy policy;
  ALLOT_RETURN_IF_ERROR(ParseJsonMessage(
      absl::StrCat("{", absl::StrJoin(members, ","), "}"), "--set", policy));
  return policy;
}

absl::StatusOr<std::vector<std::string>> FilesOf(
    const std::vector<std::string>& logs) {
  std::vector<std::string> files;
  for (const std::string& log : logs) {
    if (!std::filesystem::is_directory(log)) {
      files.push_back(log);
      continue;
    }
    ALLOT_ASSIGN_OR_RETURN(const std::vector<std::string> more,
                           AllocationLogFiles(log));
    files.insert(files.end(), more.begin(), more.end());
  }
  return files;
}

absl::Status RunReplay(const Invocation& invocation,
                       const CommandOptions& options) {
  LogReplayOptions replay;
  replay.pools = options.pools;
  if (!options.policy_file.empty()) {
    ALLOT_RETURN_IF_ERROR(
        ReadJsonFile(options.policy_file, replay.policy.emplace()));
  }
  ALLOT_ASSIGN_OR_RETURN(replay.changes, ParseChanges(options.set));
  ALLOT_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                         FilesOf(options.logs));
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                         OpenForReading(options.store));
  const SystemClock clock;
  Comparison comparison;
  ALLOT_RETURN_IF_ERROR(ReplayAllocations(
      files, store.get(), &clock, replay,
      [&](const ReplayedPlan& plan) {
        Count(plan, static_cast<size_t>(options.most_shown), comparison);
      },
      [](const std::string& warning) {
        std::cerr << "allot: " << warning << '\n';
      }));
  if (comparison.plans == 0) {
    return absl::NotFoundError(
        absl::StrCat(absl::StrJoin(options.logs, ", "), ": no plans in ",
                     FormatPlural(static_cast<int64_t>(files.size()), "file")));
  }
  if (invocation.json) {
    PrintAsJson(comparison);
  } else {
    Print(comparison, replay.policy || !options.set.empty());
  }
  if (options.expect_identical && comparison.unexpected() > 0) {
    return absl::AbortedError(absl::StrCat(
        "--expect-identical: ", FormatCount(comparison.unexpected()), " of ",
        FormatPlural(comparison.plans, "plan"), " changed"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddReplayCommand(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<CommandOptions>();
  CLI::App* command = app.add_subcommand(
      "replay", "Make the plans of an allocation log again, and compare");
  command
      ->add_option("log", options->logs,
                   "Folders of allotd --allocation_log, or files of them")
      ->required()
      ->check(CLI::ExistingPath)
      ->type_name("PATH");
  AddStoreOption(*command, options->store);
  command
      ->add_option("--policy-file", options->policy_file,
                   "Plan by this policy, allot.v1.Policy as JSON")
      ->type_name("FILE.json");
  command
      ->add_option("--set", options->set,
                   "Change fields of the policy: quality=2,cost=0.5")
      ->delimiter(',')
      ->type_name("FIELD=VALUE");
  command->add_option("-p,--pool", options->pools, "These pools only")
      ->type_name("ID");
  command
      ->add_option("--most", options->most_shown,
                   "How many of the changed plans to show")
      ->capture_default_str()
      ->check(CLI::Range(0, 100'000))
      ->type_name("N");
  command->add_flag("--expect-identical", options->expect_identical,
                    "Exit with 1 if a plan changed that could be made again");
  command->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      return AsStoreError(RunReplay(invocation, *options));
    };
  });
}

}  // namespace allot
