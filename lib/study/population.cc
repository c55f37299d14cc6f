// SPDX-License-Identifier: Apache-2.0
#include "lib/study/population.h"

#include <algorithm>
#include <cmath>

#include "lib/base/rng.h"
#include "lib/study/summary.h"

namespace allot {
namespace {

constexpr int kQuantiles = 20;

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Nodes of a standard normal with equal steps, and their weights.
struct Grid {
  static constexpr int kNodes = 49;
  double at[kNodes], weight[kNodes];
  Grid() {
    double sum = 0;
    for (int i = 0; i < kNodes; ++i) {
      at[i] = -4.5 + 9.0 * i / (kNodes - 1);
      sum += weight[i] = std::exp(-at[i] * at[i] / 2);
    }
    for (double& w : weight) w /= sum;
  }
};

struct Moments {
  double mean = 0;
  double labelers = 0;  // variance between labelers
  double tasks = 0;     // and between tasks
};

Moments Predict(const Grid& grid, int32_t classes, double m, double ss,
                double sb) {
  const double guess = 1.0 / classes;
  double of_task[Grid::kNodes] = {};
  Moments moments;
  double second = 0;
  for (int i = 0; i < Grid::kNodes; ++i) {
    double own = 0;
    for (int j = 0; j < Grid::kNodes; ++j) {
      const double p =
          guess + (1 - guess) * Sigmoid(m + ss * grid.at[i] - sb * grid.at[j]);
      own += grid.weight[j] * p;
      of_task[j] += grid.weight[i] * p;
    }
    moments.mean += grid.weight[i] * own;
    second += grid.weight[i] * own * own;
  }
  moments.labelers = second - moments.mean * moments.mean;
  for (int j = 0; j < Grid::kNodes; ++j) {
    moments.tasks += grid.weight[j] * of_task[j] * of_task[j];
  }
  moments.tasks -= moments.mean * moments.mean;
  return moments;
}

// The root of a rising function.
template <typename Rising>
double Bisect(double low, double high, const Rising& f) {
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (f(middle) < 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

struct Tally {
  double right = 0, count = 0;
};

double SpreadOf(const std::vector<Tally>& tallies, double mean) {
  double second = 0, weight = 0;
  for (const Tally& t : tallies) {
    if (t.count < 2) continue;
    second += t.right * (t.right - 1) / (t.count - 1);
    weight += t.count;
  }
  return weight > 0 ? std::max(0.0, second / weight - mean * mean) : 0;
}

std::vector<double> Shares(const std::vector<Tally>& tallies) {
  std::vector<double> shares;
  for (const Tally& t : tallies) {
    if (t.count >= 2) shares.push_back(t.right / t.count);
  }
  return shares;
}

FitCheck Compare(std::vector<double> observed, std::vector<double> fitted) {
  FitCheck check;
  if (observed.empty() || fitted.empty()) return check;
  for (int q = 0; q <= kQuantiles; ++q) {
    const double share = static_cast<double>(q) / kQuantiles;
    check.observed.push_back(Quantile(observed, share));
    check.fitted.push_back(Quantile(fitted, share));
  }
  std::sort(observed.begin(), observed.end());
  std::sort(fitted.begin(), fitted.end());
  for (const std::vector<double>* points : {&observed, &fitted}) {
    for (const double x : *points) {
      const auto below = [x](const std::vector<double>& values) {
        return static_cast<double>(
                   std::upper_bound(values.begin(), values.end(), x) -
                   values.begin()) /
               static_cast<double>(values.size());
      };
      check.distance =
          std::max(check.distance, std::abs(below(observed) - below(fitted)));
    }
  }
  return check;
}

// The mean and standard deviation of logarithms.
LogNormal FitLogNormal(const std::vector<double>& logs) {
  const Estimate estimate = EstimateOf(logs);
  return {.median = std::exp(estimate.mean),
          .sd = estimate.error * std::sqrt(static_cast<double>(logs.size()))};
}

void FitSeconds(std::span<const LabelAnswer> answers,
                std::span<const double> seconds, int32_t num_labelers,
                PopulationFit& fit) {
  std::vector<std::vector<double>> logs(static_cast<size_t>(num_labelers));
  std::vector<double> all;
  for (size_t i = 0; i < seconds.size() && i < answers.size(); ++i) {
    if (!(seconds[i] > 0)) continue;
    all.push_back(std::log(seconds[i]));
    logs[answers[i].labeler].push_back(all.back());
  }
  if (all.size() < 2) return;
  // Medians withstand breaks during which a clock ran on.
  std::vector<double> copy = all;
  fit.seconds.median = std::exp(Quantile(copy, 0.5));
  double within = 0, weight = 0;
  std::vector<double> means;
  for (const std::vector<double>& own : logs) {
    if (own.size() < 2) continue;
    const Estimate estimate = EstimateOf(own);
    const auto n = static_cast<double>(own.size());
    within += estimate.error * estimate.error * n * (n - 1);
    weight += n - 1;
    means.push_back(estimate.mean);
  }
  if (weight > 0) fit.seconds.sd = std::sqrt(within / weight);
  fit.speed_sd = FitLogNormal(means).sd;
}

}  // namespace

PopulationFit FitPopulation(const AnswerBook& book,
                            std::span<const LabelAnswer> answers,
                            std::span<const double> seconds) {
  PopulationFit fit;
  std::vector<Tally> labelers(static_cast<size_t>(book.num_labelers()));
  std::vector<Tally> tasks(static_cast<size_t>(book.num_tasks()));
  double right = 0;
  for (int32_t t = 0; t < book.num_tasks(); ++t) {
    for (const AnswerBook::Entry& entry : book.answers(t)) {
      const double hit = entry.label == book.truth(t) ? 1 : 0;
      right += hit;
      labelers[entry.labeler].right += hit;
      labelers[entry.labeler].count += 1;
      tasks[t].right += hit;
      tasks[t].count += 1;
    }
  }
  fit.accuracy = right / static_cast<double>(book.num_answers());
  const double of_labelers = SpreadOf(labelers, fit.accuracy);
  const double of_tasks = SpreadOf(tasks, fit.accuracy);
  const Grid grid;
  const int32_t classes = book.num_classes();
  double& m = fit.skill_mean;
  double& ss = fit.skill_sd;
  double& sb = fit.difficulty_sd;
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    m = Bisect(-8, 8, [&](double x) {
      return Predict(grid, classes, x, ss, sb).mean - fit.accuracy;
    });
    ss = Bisect(0, 6, [&](double x) {
      return Predict(grid, classes, m, x, sb).labelers - of_labelers;
    });
    sb = Bisect(0, 6, [&](double x) {
      return Predict(grid, classes, m, ss, x).tasks - of_tasks;
    });
  }
  std::vector<double> activity;
  for (const Tally& labeler : labelers) {
    if (labeler.count > 0) activity.push_back(std::log(labeler.count));
  }
  fit.activity = FitLogNormal(activity);
  FitSeconds(answers, seconds, book.num_labelers(), fit);

  // The same pairs, answered by a crowd that is drawn from the fit.
  Rng rng(1);
  std::vector<double> skill(labelers.size());
  for (double& s : skill) s = m + ss * rng.Normal();
  std::vector<Tally> drawn_labelers(labelers.size()), drawn_tasks(tasks.size());
  for (int32_t t = 0; t < book.num_tasks(); ++t) {
    const double difficulty = sb * rng.Normal();
    for (const AnswerBook::Entry& entry : book.answers(t)) {
      const double p =
          1.0 / classes +
          (1 - 1.0 / classes) * Sigmoid(skill[entry.labeler] - difficulty);
      const double hit = rng.Bernoulli(p) ? 1 : 0;
      drawn_labelers[entry.labeler].right += hit;
      drawn_labelers[entry.labeler].count += 1;
      drawn_tasks[t].right += hit;
      drawn_tasks[t].count += 1;
    }
  }
  fit.labelers = Compare(Shares(labelers), Shares(drawn_labelers));
  fit.tasks = Compare(Shares(tasks), Shares(drawn_tasks));
  return fit;
}

}  // namespace allot
