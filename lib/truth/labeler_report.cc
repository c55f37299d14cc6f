// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/labeler_report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/truth/answers_by_labeler.h"
#include "lib/truth/normal_quantile.h"
#include "lib/truth/wilson.h"

namespace allot {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kMostAnswers = 1000;  // to a task, for the search of copies

double Median(std::vector<double> values) {
  if (values.empty()) return kUnknown;
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// 1.4826 median |x - median|: the standard deviation, if x is normal.
double RobustSd(const std::vector<double>& values, double median) {
  std::vector<double> off;
  for (const double v : values) off.push_back(std::abs(v - median));
  return 1.4826 * Median(std::move(off));
}

void Skill(const AnswerSet& answers, const Aggregation& fit,
           const AnswersByLabeler& own, std::span<const int32_t> task,
           double coverage, std::vector<LabelerReport>& reports) {
  const int K = answers.num_classes;
  const double z = NormalQuantile((1 + coverage) / 2);
  std::vector<double> confusion(static_cast<size_t>(K) * K);
  for (int32_t l = 0; l < answers.num_labelers; ++l) {
    LabelerReport& report = reports[l];
    std::fill(confusion.begin(), confusion.end(), 0.5);
    double right = 0;
    for (const int64_t a : own.Of(l)) {
      right += fit.posterior(task[a], answers.label[a]);
      for (int c = 0; c < K; ++c) {
        confusion[static_cast<size_t>(c) * K + answers.label[a]] +=
            fit.posterior(task[a], c);
      }
    }
    for (int c = 0; c < K; ++c) {
      double sum = 0;
      for (int k = 0; k < K; ++k)
        sum += confusion[static_cast<size_t>(c) * K + k];
      for (int k = 0; k < K; ++k)
        confusion[static_cast<size_t>(c) * K + k] /= sum;
    }
    report.spammer_score = SpammerScore(confusion, K);
    report.answers = static_cast<int64_t>(own.Of(l).size());
    report.accuracy = fit.labeler_accuracy[l];
    if (report.answers == 0) continue;
    const auto n = static_cast<double>(report.answers);
    report.accuracy = right / n;
    const ShareInterval interval = WilsonInterval(right, n, z);
    report.accuracy_low = interval.low;
    report.accuracy_high = interval.high;
  }
}

void Pace(const AnswersByLabeler& own, std::span<const double> seconds,
          double threshold, std::vector<LabelerReport>& reports) {
  std::vector<double> medians;
  for (size_t l = 0; l < reports.size(); ++l) {
    std::vector<double> times;
    for (const int64_t a : own.Of(static_cast<int32_t>(l))) {
      if (!seconds.empty() && seconds[a] > 0) times.push_back(seconds[a]);
    }
    reports[l].pace_z = kUnknown;
    reports[l].median_seconds = Median(std::move(times));
    if (!std::isnan(reports[l].median_seconds)) {
      medians.push_back(std::log(reports[l].median_seconds));
    }
  }
  const double middle = Median(medians);
  const double sd = RobustSd(medians, middle);
  if (!(sd > 0)) return;
  for (LabelerReport& report : reports) {
    report.pace_z = (std::log(report.median_seconds) - middle) / sd;
    report.unusual_pace = std::abs(report.pace_z) > threshold;
  }
}

struct Pair {
  int32_t first, second;
  float agreed, expected;
};

// What each task makes expect of two of its answers, from all other pairs.
class CopySearch {
 public:
  CopySearch(const AnswerSet& answers, const LabelerReportOptions& options)
      : answers_(answers), options_(options) {}

  std::vector<SuspectedCopy> Run() {
    CountTasks();
    std::vector<SuspectedCopy> found = Compare();
    // Habits that the model leaves out widen the scores of all pairs alike.
    std::vector<double> scores;
    for (const SuspectedCopy& pair : found) scores.push_back(pair.z);
    const double middle = Median(scores);
    const double sd =
        scores.empty() ? 1 : std::max(1.0, RobustSd(scores, middle));
    for (SuspectedCopy& pair : found)
      pair.z = (pair.z - std::max(middle, 0.0)) / sd;
    std::erase_if(found, [&](const SuspectedCopy& pair) {
      return pair.z < options_.copy_z;
    });
    std::sort(found.begin(), found.end(),
              [](const SuspectedCopy& a, const SuspectedCopy& b) {
                if (a.z != b.z) return a.z > b.z;
                return std::pair(a.first, a.second) <
                       std::pair(b.first, b.second);
              });
    return found;
  }

 private:
  bool Searched(int32_t t) const {
    const int64_t n = answers_.task_begin[t + 1] - answers_.task_begin[t];
    return n >= 2 && n <= kMostAnswers;
  }

  void CountTasks() {
    std::vector<double> count(answers_.num_classes, 0);
    std::vector<double> same(answers_.num_tasks, 0), pairs(same);
    double all_same = 0, all_pairs = 0;
    const auto each = [&](int32_t t, const auto& visit) {
      for (int64_t a = answers_.task_begin[t]; a < answers_.task_begin[t + 1];
           ++a) {
        visit(answers_.labeler[a], answers_.label[a]);
      }
    };
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      if (!Searched(t)) continue;
      each(t, [&](int32_t, int32_t k) { same[t] += count[k]++; });
      each(t, [&](int32_t, int32_t k) { count[k] = 0; });
      const auto n = static_cast<double>(answers_.task_begin[t + 1] -
                                         answers_.task_begin[t]);
      pairs[t] = n * (n - 1) / 2;
      all_same += same[t];
      all_pairs += pairs[t];
    }
    const double pool = all_pairs > 0 ? all_same / all_pairs : 0.5;
    rate_.assign(answers_.num_tasks, pool);
    std::vector<double> agreed(answers_.num_labelers, 1);
    std::vector<double> expected(answers_.num_labelers, 1);
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      if (!Searched(t)) continue;
      rate_[t] = (same[t] + 2 * pool) / (pairs[t] + 2);
      const auto others = static_cast<double>(answers_.task_begin[t + 1] -
                                              answers_.task_begin[t] - 1);
      each(t, [&](int32_t, int32_t k) { ++count[k]; });
      each(t, [&](int32_t l, int32_t k) {
        agreed[l] += (count[k] - 1) / others;
        expected[l] += rate_[t];
      });
      each(t, [&](int32_t, int32_t k) { count[k] = 0; });
    }
    habit_.resize(answers_.num_labelers);
    for (size_t l = 0; l < habit_.size(); ++l) {
      habit_[l] = agreed[l] / expected[l];
    }
  }

  std::vector<SuspectedCopy> Compare() const {
    std::vector<Pair> pairs;
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      if (!Searched(t)) continue;
      for (int64_t a = answers_.task_begin[t]; a < answers_.task_begin[t + 1];
           ++a) {
        for (int64_t b = answers_.task_begin[t]; b < a; ++b) {
          const int32_t i = answers_.labeler[a], j = answers_.labeler[b];
          if (i == j) continue;
          const double expected =
              std::clamp(rate_[t] * habit_[i] * habit_[j], 0.02, 0.98);
          pairs.push_back({std::min(i, j), std::max(i, j),
                           answers_.label[a] == answers_.label[b] ? 1.0f : 0.0f,
                           static_cast<float>(expected)});
        }
      }
    }
    std::stable_sort(
        pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
          return std::pair(a.first, a.second) < std::pair(b.first, b.second);
        });
    std::vector<SuspectedCopy> found;
    for (size_t from = 0; from < pairs.size();) {
      SuspectedCopy pair;
      pair.first = pairs[from].first;
      pair.second = pairs[from].second;
      double variance = 0;
      size_t to = from;
      for (; to < pairs.size() && pairs[to].first == pair.first &&
             pairs[to].second == pair.second;
           ++to) {
        const double e = pairs[to].expected;
        pair.agreed += pairs[to].agreed;
        pair.expected += e;
        variance += e * (1 - e);
      }
      pair.common = static_cast<int64_t>(to - from);
      pair.z = (pair.agreed - pair.expected) / std::sqrt(variance);
      if (pair.common >= options_.least_common) found.push_back(pair);
      from = to;
    }
    return found;
  }

  const AnswerSet& answers_;
  const LabelerReportOptions& options_;
  std::vector<double> rate_;   // [tasks], P(two answers agree)
  std::vector<double> habit_;  // [labelers], own agreement over expected
};

}  // namespace

double SpammerScore(std::span<const double> confusion, int num_classes) {
  const auto K = static_cast<size_t>(num_classes);
  // Sum over pairs of rows of squared differences, column by column: K times
  // the sum of squares less the square of the sum.
  double sum = 0;
  for (size_t k = 0; k < K; ++k) {
    double column = 0, squares = 0;
    for (size_t c = 0; c < K; ++c) {
      column += confusion[c * K + k];
      squares += confusion[c * K + k] * confusion[c * K + k];
    }
    sum += static_cast<double>(K) * squares - column * column;
  }
  return std::max(0.0, sum / static_cast<double>(K * (K - 1)));
}

absl::StatusOr<PoolReport> ReportLabelers(const AnswerSet& answers,
                                          const Aggregation& fit,
                                          std::span<const double> seconds,
                                          const LabelerReportOptions& options) {
  if (fit.posterior.rows() != answers.num_tasks ||
      fit.posterior.cols() != answers.num_classes ||
      fit.labeler_accuracy.size() != answers.num_labelers) {
    return absl::InvalidArgumentError("fit: belongs to another set of answers");
  }
  if (!seconds.empty() &&
      static_cast<int64_t>(seconds.size()) != answers.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "seconds: want ", answers.size(), " or none, got ", seconds.size()));
  }
  if (!(options.coverage > 0 && options.coverage < 1) ||
      options.least_common < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("want coverage in (0, 1) and least_common >= 1, got ",
                     options.coverage, ", ", options.least_common));
  }
  PoolReport report;
  report.labelers.resize(answers.num_labelers);
  const AnswersByLabeler own =
      GroupByLabeler(answers.labeler, answers.num_labelers);
  Skill(answers, fit, own, TaskOfAnswer(answers.task_begin), options.coverage,
        report.labelers);
  Pace(own, seconds, options.pace_z, report.labelers);
  report.copies = CopySearch(answers, options).Run();
  return report;
}

}  // namespace allot
