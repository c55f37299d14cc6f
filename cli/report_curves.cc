// SPDX-License-Identifier: Apache-2.0
// Accuracy against the number and the cost of answers: what fewer of them, in
// random order, would have led to.
#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/aggregate.h"
#include "cli/report_parts.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/truth/label_model_fit.h"
#include "lib/truth/scoring_rules.h"

namespace allot {
namespace {

constexpr double kTargets[] = {0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98};
// No curve goes beyond what so large a share of the tasks has.
constexpr double kHave = 0.5;
constexpr int64_t kMostAnswers = 100;

// Means over draws, with how far they scatter.
struct Mean {
  double count = 0, sum = 0, squares = 0;
  void Add(double value) {
    ++count;
    sum += value;
    squares += value * value;
  }
  double mean() const { return sum / count; }
  double standard_error() const {
    if (count < 2) return 0;
    const double variance = (squares - sum * sum / count) / (count - 1);
    return std::sqrt(std::max(0.0, variance) / count);
  }
};

struct Point {
  Mean answers, accuracy;
};

using Curve = std::vector<Point>;

std::vector<std::vector<LabelAnswer>> InRandomOrder(const DataFolder& data,
                                                    uint64_t seed) {
  Rng rng(seed);
  std::vector<std::vector<LabelAnswer>> of_task(data.tasks.size());
  for (const LabelAnswer& answer : data.answers) {
    of_task[answer.task].push_back(answer);
  }
  for (std::vector<LabelAnswer>& answers : of_task) Shuffle(answers, rng);
  return of_task;
}

// 1, 2, 3, 4, 5, 7, 9, 12, ...: each a quarter more than the one before.
std::vector<int64_t> AnswersTried(const AnswerSet& answers) {
  std::vector<int64_t> counts;
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    counts.push_back(answers.task_begin[t + 1] - answers.task_begin[t]);
  }
  if (counts.empty()) return {};
  const auto most =
      counts.begin() + static_cast<std::ptrdiff_t>(
                           (1 - kHave) * static_cast<double>(counts.size()));
  std::nth_element(counts.begin(), most, counts.end());
  const int64_t end = std::min(*most, kMostAnswers);
  std::vector<int64_t> tried;
  for (int64_t n = 1; n < end; n += std::max<int64_t>(1, n / 4)) {
    tried.push_back(n);
  }
  tried.push_back(std::max<int64_t>(end, 1));
  return tried;
}

// So many answers for every task, by each method.
absl::Status DrawFixed(const ReportInput& input,
                       const std::vector<std::vector<LabelAnswer>>& of_task,
                       const std::vector<int64_t>& tried,
                       std::map<std::string, Curve>& curves) {
  for (size_t i = 0; i < tried.size(); ++i) {
    std::vector<LabelAnswer> bought;
    for (const std::vector<LabelAnswer>& answers : of_task) {
      bought.insert(bought.end(), answers.begin(),
                    answers.begin() + std::min<std::ptrdiff_t>(
                                          tried[i], std::ssize(answers)));
    }
    ALLOT_ASSIGN_OR_RETURN(
        const AnswerSet subset,
        AnswerSet::Build(input.answers.num_tasks, input.answers.num_labelers,
                         input.answers.num_classes, bought));
    for (const FittedMethod& method : input.methods) {
      ALLOT_ASSIGN_OR_RETURN(
          const Aggregation fit,
          FitMethod(method.name, subset, {}, input.options.threads));
      ALLOT_ASSIGN_OR_RETURN(
          const ScoringRules rules,
          EvaluatePosteriors(fit.posterior, input.reference));
      Curve& curve = curves[method.name];
      curve.resize(tried.size());
      curve[i].answers.Add(static_cast<double>(bought.size()) /
                           input.answers.num_tasks);
      curve[i].accuracy.Add(rules.accuracy);
    }
  }
  return absl::OkStatus();
}

// Answers for a task until allot is sure enough, its labelers known.
void DrawAdaptive(const ReportInput& input, const LabelModel& model,
                  const std::vector<std::vector<LabelAnswer>>& of_task,
                  int64_t most, Curve& curve) {
  curve.resize(std::size(kTargets));
  std::vector<double> bought(std::size(kTargets), 0), right = bought;
  LabelModelScorer scorer;
  TaskPosterior posterior;
  std::vector<ModelAnswer> given;
  for (const GoldLabel& known : input.reference) {
    given.clear();
    size_t open = 0;  // the first target that is not reached yet
    const std::vector<LabelAnswer>& answers = of_task[known.task];
    const int64_t end = std::min<int64_t>(most, std::ssize(answers));
    for (int64_t n = 1; n <= end && open < bought.size(); ++n) {
      const LabelAnswer& answer = answers[static_cast<size_t>(n - 1)];
      given.push_back({.label = answer.label, .slot = answer.labeler});
      scorer.Score(model, {}, given, false, &posterior);
      model.calibration.Apply(&posterior);
      while (open < bought.size() &&
             (posterior.confidence >= kTargets[open] || n == end)) {
        bought[open] += static_cast<double>(n);
        right[open] += posterior.label == known.label ? 1 : 0;
        ++open;
      }
    }
  }
  const auto tasks =
      static_cast<double>(std::max<size_t>(1, input.reference.size()));
  for (size_t i = 0; i < curve.size(); ++i) {
    curve[i].answers.Add(bought[i] / tasks);
    curve[i].accuracy.Add(right[i] / tasks);
  }
}

Series ToSeries(const std::string& name, const Curve& curve, double price) {
  Series series{.name = name};
  for (const Point& point : curve) {
    const double two_errors = 2 * point.accuracy.standard_error();
    series.x.push_back(price * point.answers.mean());
    series.y.push_back(point.accuracy.mean());
    series.low.push_back(point.accuracy.mean() - two_errors);
    series.high.push_back(point.accuracy.mean() + two_errors);
  }
  return series;
}

// Where allot stands against majority vote over everything.
std::string Saving(const ReportInput& input, const Curve& majority,
                   const Curve& adaptive) {
  const Point& all = majority.back();
  for (const Point& point : adaptive) {
    if (point.accuracy.mean() < all.accuracy.mean()) continue;
    return absl::StrFormat(
        "Stopping when sure enough reaches what majority vote makes of %.1f "
        "answers a task (%.3f) with %.1f: %.0f%% fewer.",
        all.answers.mean(), all.accuracy.mean(), point.answers.mean(),
        100 * (1 - point.answers.mean() / all.answers.mean()));
  }
  return absl::StrCat(
      "Stopping when sure enough does not reach what majority vote makes of ",
      absl::StrFormat("%.1f answers a task (%.3f)", all.answers.mean(),
                      all.accuracy.mean()),
      input.has_truth() ? "." : ", judged by the labels of all answers.");
}

}  // namespace

absl::Status AddCurves(const ReportInput& input, Page& page) {
  const std::vector<int64_t> tried = AnswersTried(input.answers);
  if (tried.empty() || input.reference.empty()) return absl::OkStatus();
  ALLOT_ASSIGN_OR_RETURN(
      const LabelModelFit fit,
      FitLabelModel({.num_tasks = input.answers.num_tasks,
                     .num_slots = input.answers.num_labelers,
                     .num_classes = input.answers.num_classes,
                     .answers = input.data.answers,
                     .threads = input.options.threads}));
  std::map<std::string, Curve> fixed;
  Curve adaptive;
  for (int draw = 0; draw < input.options.draws; ++draw) {
    const auto of_task = InRandomOrder(
        input.data, input.options.seed + static_cast<uint64_t>(draw));
    ALLOT_RETURN_IF_ERROR(DrawFixed(input, of_task, tried, fixed));
    DrawAdaptive(input, fit.model, of_task, tried.back(), adaptive);
  }
  const std::string judged =
      input.has_truth() ? "share right" : "share as with all answers";
  const std::string drawn = absl::StrCat(
      "Means of ", input.options.draws,
      " random orders of the answers, bands of two standard errors.");
  LineChart answers{.heading = "What is one more answer worth?",
                    .note = absl::StrCat(
                        "Every task gets the same number of answers. ", drawn),
                    .x = {.title = "answers a task", .least = 0},
                    .y = {.title = judged}};
  for (const FittedMethod& method : input.methods) {
    answers.series.push_back(ToSeries(method.name, fixed[method.name], 1));
  }
  LineChart cost{
      .heading = "What does accuracy cost?",
      .note = absl::StrCat(
          "The same number of answers for every task, against answers until "
          "allot is sure enough (at targets from 0.5 to 0.98; labelers are "
          "known from all answers, no truth is told). ",
          Saving(input, fixed["majority"], adaptive)),
      .x = {.title = "cost a task", .least = 0},
      .y = {.title = judged}};
  const double price = input.options.price;
  cost.series.push_back(
      ToSeries("majority, the same for all", fixed["majority"], price));
  cost.series.push_back(
      ToSeries("allot, the same for all", fixed["allot"], price));
  cost.series.push_back(ToSeries("allot, until sure", adaptive, price));
  page.element.push_back(std::move(answers));
  page.element.push_back(std::move(cost));
  return absl::OkStatus();
}

}  // namespace allot
