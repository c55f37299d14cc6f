// SPDX-License-Identifier: Apache-2.0
// How many answers does an early stop save?
//
// Up to `replay_tasks` tasks with truth are drawn. The answers of every second
// one are history, known from the start (no truth is told): labelers are known
// by them. The answers of the others come in random order, in rounds: one more
// answer, later a quarter more, for each task that is not decided. After every
// round allot's method is fitted to all answers bought so far, and the
// service's own rule decides each open task: accept at the target confidence;
// give up where the next answer tells too little for its price; go on
// otherwise, until the answers on file run out. Means over seeds, for each
// target of 0.7, 0.8, 0.9 and 0.95 (suffix _70 to _95):
//
//   replay_answers_saved      1 - answers bought / answers on file
//   replay_accuracy           of the labels at the stop
//   replay_accepted           share of the tasks accepted at the target
//   replay_accepted_accuracy  of those: the contract asks for the target
//
// and replay_majority_accuracy, of majority vote over all answers on file.
#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/truth/decision.h"
#include "lib/truth/hierarchical.h"
#include "lib/truth/majority.h"
#include "tests/eval/offline.h"

namespace allot {
namespace {

constexpr double kTargets[] = {0.7, 0.8, 0.9, 0.95};
// An answer must promise this much of a bit to be worth its price.
constexpr double kPriceBits = 0.1;
// Between rounds the fit need not be settled.
constexpr int kIterations = 10;

struct Replay {
  double answers = 0, on_file = 0, right = 0, majority_right = 0;
  double accepted = 0, accepted_right = 0, tasks = 0;
};

// The chosen tasks, renumbered from 0.
struct Subset {
  std::vector<GoldLabel> truth;
  std::vector<std::vector<LabelAnswer>> answers;  // by task
};

Subset Choose(const DataFolder& data, int64_t most, Rng& rng) {
  std::vector<GoldLabel> known = data.truth;
  Shuffle(known, rng);
  known.resize(std::min<size_t>(known.size(), static_cast<size_t>(most)));
  std::vector<int32_t> place(data.tasks.size(), -1);
  Subset subset;
  for (size_t i = 0; i < known.size(); ++i) {
    place[known[i].task] = static_cast<int32_t>(i);
    subset.truth.push_back({static_cast<int32_t>(i), known[i].label});
  }
  subset.answers.resize(known.size());
  for (const LabelAnswer& answer : data.answers) {
    const int32_t t = place[answer.task];
    if (t >= 0) subset.answers[t].push_back({t, answer.labeler, answer.label});
  }
  for (std::vector<LabelAnswer>& answers : subset.answers) {
    Shuffle(answers, rng);
  }
  return subset;
}

int32_t Top(const MatrixF& posterior, int32_t task) {
  Eigen::Index top = 0;
  posterior.row(task).maxCoeff(&top);
  return static_cast<int32_t>(top);
}

// Every second task is history.
bool IsHistory(int32_t task) { return task % 2 == 1; }

absl::StatusOr<Replay> RunReplay(const DataFolder& data, int64_t most,
                                 double target, uint64_t seed) {
  Rng rng(seed);
  const Subset subset = Choose(data, most, rng);
  const auto num_tasks = static_cast<int32_t>(subset.truth.size());
  const auto num_labelers = static_cast<int32_t>(data.labelers.size());
  const auto num_classes = static_cast<int32_t>(data.classes.size());
  const auto build = [&](const std::vector<LabelAnswer>& rows) {
    return AnswerSet::Build(num_tasks, num_labelers, num_classes, rows);
  };
  HierarchicalOptions options;
  options.max_iterations = kIterations;
  options.keep_confusion = false;

  std::vector<size_t> bought(subset.answers.size(), 0);
  std::vector<bool> open(bought.size(), true), accepted(bought.size(), false);
  std::vector<LabelAnswer> rows;
  for (int32_t t = 0; t < num_tasks; ++t) {
    if (!IsHistory(t)) continue;
    open[t] = false;
    rows.insert(rows.end(), subset.answers[t].begin(), subset.answers[t].end());
  }
  const size_t history = rows.size();
  MatrixF posterior;
  std::vector<double> row(num_classes);
  for (bool any = true; any;) {
    any = false;
    for (size_t t = 0; t < bought.size(); ++t) {
      if (!open[t]) continue;
      const size_t next =
          std::min(subset.answers[t].size(),
                   bought[t] + std::max<size_t>(1, bought[t] / 4));
      rows.insert(rows.end(), subset.answers[t].begin() + bought[t],
                  subset.answers[t].begin() + next);
      bought[t] = next;
    }
    ALLOT_ASSIGN_OR_RETURN(const AnswerSet answers, build(rows));
    ALLOT_ASSIGN_OR_RETURN(const HierarchicalFit fit,
                           FitHierarchical(answers, {}, options));
    posterior = fit.aggregation.posterior;
    double accuracy = 0;
    for (const LabelAnswer& answer : rows) {
      accuracy += fit.aggregation.labeler_accuracy[answer.labeler];
    }
    accuracy /= static_cast<double>(std::max<size_t>(rows.size(), 1));
    for (size_t t = 0; t < bought.size(); ++t) {
      if (!open[t]) continue;
      for (int32_t k = 0; k < num_classes; ++k) {
        row[k] = posterior(static_cast<Eigen::Index>(t), k);
      }
      StopRule rule;
      rule.target = target;
      rule.answers_left =
          static_cast<int64_t>(subset.answers[t].size() - bought[t]);
      rule.expected_accuracy = std::min(accuracy, 0.999);
      rule.price = kPriceBits;
      rule.value_per_bit = 1;
      ALLOT_ASSIGN_OR_RETURN(const Decision decision,
                             Decide(row, CalibrationMap(), rule));
      accepted[t] = decision.verdict == Verdict::kAccept;
      open[t] = decision.verdict == Verdict::kCollect;
      any = any || open[t];
    }
  }

  Replay replay;
  std::vector<LabelAnswer> all;
  std::vector<GoldLabel> replayed;
  for (const GoldLabel& known : subset.truth) {
    if (IsHistory(known.task)) continue;
    replayed.push_back(known);
    const std::vector<LabelAnswer>& own = subset.answers[known.task];
    all.insert(all.end(), own.begin(), own.end());
    const bool right = Top(posterior, known.task) == known.label;
    replay.right += right;
    replay.accepted += accepted[known.task];
    replay.accepted_right += accepted[known.task] && right;
  }
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet whole, build(all));
  ALLOT_ASSIGN_OR_RETURN(const Aggregation majority, FitMajority(whole));
  ALLOT_ASSIGN_OR_RETURN(const ScoringRules rules,
                         EvaluatePosteriors(majority.posterior, replayed));
  replay.tasks = static_cast<double>(replayed.size());
  replay.majority_right = rules.accuracy * replay.tasks;
  replay.answers = static_cast<double>(rows.size() - history);
  replay.on_file = static_cast<double>(all.size());
  return replay;
}

}  // namespace

absl::Status EvaluateReplay(const DataFolder& data,
                            const OfflineOptions& options, Findings& findings) {
  if (options.replay_seeds < 1) return absl::OkStatus();
  for (const double target : kTargets) {
    std::vector<absl::StatusOr<Replay>> runs(options.replay_seeds, Replay{});
    ParallelFor(options.threads, options.replay_seeds, [&](int64_t i) {
      runs[i] = RunReplay(data, options.replay_tasks, target,
                          static_cast<uint64_t>(i + 1));
    });
    Replay sum;
    for (const absl::StatusOr<Replay>& run : runs) {
      ALLOT_RETURN_IF_ERROR(run.status());
      sum.answers += run->answers;
      sum.on_file += run->on_file;
      sum.right += run->right;
      sum.majority_right += run->majority_right;
      sum.accepted += run->accepted;
      sum.accepted_right += run->accepted_right;
      sum.tasks += run->tasks;
    }
    if (sum.on_file == 0) {
      findings.notes.push_back("replay: no task with a truth has answers");
      return absl::OkStatus();
    }
    if (target == kTargets[0]) {
      findings.Add("allot", "replay_majority_accuracy",
                   sum.majority_right / sum.tasks);
    }
    const auto add = [&](absl::string_view metric, double value) {
      findings.Add(
          "allot",
          absl::StrCat("replay_", metric, "_", std::lround(100 * target)),
          value);
    };
    add("answers_saved", 1 - sum.answers / sum.on_file);
    add("accuracy", sum.right / sum.tasks);
    add("accepted", sum.accepted / sum.tasks);
    if (sum.accepted > 0) {
      add("accepted_accuracy", sum.accepted_right / sum.accepted);
    }
  }
  return absl::OkStatus();
}

}  // namespace allot
