// SPDX-License-Identifier: Apache-2.0
// What one Score costs in compute: a task with 5 answers and 4 classes, by the
// fitted model (difficulty levels, confusion matrices, class prior, tempering,
// calibration map, decision), and by skills alone (nine quadrature nodes). One
// line a case: median of 15 runs, nanoseconds of CPU time a task.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "lib/base/rng.h"
#include "lib/truth/decision.h"
#include "lib/truth/label_model_fit.h"
#include "lib/truth/tempering.h"

namespace allot {
namespace {

constexpr int32_t kClasses = 4;
constexpr int32_t kLabelers = 50;
constexpr int32_t kAnswers = 5;
constexpr int32_t kTasks = 2000;
constexpr double kGoalNanos = 3000;

struct Answers {
  std::vector<LabelAnswer> rows;
  std::vector<GoldLabel> gold;
};

Answers Simulate() {
  Rng rng(1);
  Answers answers;
  for (int32_t t = 0; t < kTasks; ++t) {
    const auto truth = static_cast<int32_t>(rng.Below(kClasses));
    if (t % 20 == 0) answers.gold.push_back({t, truth});
    for (int32_t a = 0; a < kAnswers; ++a) {
      const auto labeler = static_cast<int32_t>((t + a * 7) % kLabelers);
      const bool knows = rng.Bernoulli(0.5 + 0.008 * labeler);
      answers.rows.push_back(
          {t, labeler,
           knows ? truth : static_cast<int32_t>(rng.Below(kClasses))});
    }
  }
  return answers;
}

template <typename Score>
double MedianNanos(const Score& score) {
  std::vector<double> nanos;
  for (int run = 0; run < 15; ++run) {
    const std::clock_t start = std::clock();
    for (int32_t t = 0; t < kTasks; ++t) score(t);
    nanos.push_back(1e9 * static_cast<double>(std::clock() - start) /
                    CLOCKS_PER_SEC / kTasks);
  }
  std::nth_element(nanos.begin(), nanos.begin() + 7, nanos.end());
  return nanos[7];
}

void Print(const char* name, double nanos) {
  std::printf("%-28s %6.0f ns   goal %.0f   %s\n", name, nanos, kGoalNanos,
              nanos <= kGoalNanos ? "ok" : "MISSED");
}

int Main() {
  const Answers answers = Simulate();
  const auto fit = FitLabelModel({.num_tasks = kTasks,
                                  .num_slots = kLabelers,
                                  .num_classes = kClasses,
                                  .answers = answers.rows,
                                  .gold = answers.gold});
  if (!fit.ok()) return 1;
  const LabelModel& model = fit->model;
  LabelModelScorer by_model;
  PosteriorScorer by_skill;
  TaskPosterior posterior;
  StopRule rule;
  double sink = 0;
  std::vector<ModelAnswer> given(kAnswers);
  const auto model_score = [&](bool explain) {
    return MedianNanos([&, explain](int32_t t) {
      for (int32_t a = 0; a < kAnswers; ++a) {
        const LabelAnswer& row = answers.rows[t * kAnswers + a];
        given[a] = {.label = row.label, .slot = row.labeler};
      }
      by_model.Score(model, {}, given, explain, &posterior);
      const auto decision =
          Decide(posterior.probability, model.calibration, rule);
      model.calibration.Apply(&posterior);
      sink += posterior.confidence + decision->bits_next_answer;
    });
  };
  Print("model, 5 answers, K = 4", model_score(false));
  Print("the same, explained", model_score(true));
  std::vector<ScoredAnswer> scored(kAnswers);
  Print("skills, 5 answers, K = 4", MedianNanos([&](int32_t t) {
          for (int32_t a = 0; a < kAnswers; ++a) {
            const LabelAnswer& row = answers.rows[t * kAnswers + a];
            scored[a].label = row.label;
            scored[a].logit_mean = 1;
            scored[a].logit_variance = 0.3;
          }
          if (!by_skill
                   .Score({.num_classes = kClasses, .difficulty_variance = 0.5},
                          scored, &posterior)
                   .ok()) {
            std::abort();
          }
          Temper({}, kAnswers, &posterior);
          const auto decision =
              Decide(posterior.probability, model.calibration, rule);
          model.calibration.Apply(&posterior);
          sink += posterior.confidence + decision->bits_next_answer;
        }));
  return sink > 0 ? 0 : 1;
}

}  // namespace
}  // namespace allot

int main() { return allot::Main(); }
