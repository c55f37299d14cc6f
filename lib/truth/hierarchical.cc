// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/hierarchical.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/parallel.h"
#include "lib/base/status_macros.h"
#include "lib/truth/answers_by_labeler.h"
#include "lib/truth/gold_index.h"
#include "lib/truth/hierarchical_labelers.h"
#include "lib/truth/tempering.h"

namespace allot {
namespace {

constexpr double kPriorTasks = 200;  // pseudo tasks of each class
constexpr int64_t kTasksOfPart = 256;

// exp(x - max x), normalised; returns ln sum exp x.
double Softmax(double* x, int64_t n) {
  const double highest = *std::max_element(x, x + n);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += x[i] = std::exp(x[i] - highest);
  for (int64_t i = 0; i < n; ++i) x[i] /= total;
  return highest + std::log(total);
}

class Fitter {
 public:
  Fitter(const AnswerSet& answers, std::vector<int32_t> gold,
         const HierarchicalOptions& options)
      : answers_(answers),
        gold_(std::move(gold)),
        options_(options),
        num_classes_(answers.num_classes),
        cells_(int64_t{kNumLevels} * answers.num_classes),
        by_labeler_(GroupByLabeler(answers.labeler, answers.num_labelers)),
        task_of_(TaskOfAnswer(answers.task_begin)),
        labelers_(answers.num_labelers, answers.num_classes, answers.size(),
                  Marginal(answers)),
        joint_(answers.num_tasks * cells_, 0.0F),
        prior_(answers.num_classes, 0.0),
        level_(kNumLevels, 1.0 / kNumLevels) {}

  HierarchicalFit Run() {
    StartFromVotes();
    HierarchicalFit fit;
    for (int iteration = 0; iteration < options_.max_iterations; ++iteration) {
      CountAnswers(/*all_informed=*/iteration == 0);
      // The concentration settles early and is dear to look for.
      labelers_.Update(options_.threads, iteration < 3 || iteration % 5 == 0);
      const Change change = UpdateTasks();
      fit.aggregation.trace.push_back(change.log_likelihood);
      UpdatePriors();
      if (iteration > 0 && change.largest < options_.tolerance) break;
    }
    Finish(&fit);
    return fit;
  }

 private:
  struct Change {
    double largest = 0;
    double log_likelihood = 0;
  };

  static std::vector<double> Marginal(const AnswerSet& answers) {
    std::vector<double> share(answers.num_classes, 1.0);
    for (const int32_t label : answers.label) share[label] += 1;
    const double total =
        static_cast<double>(answers.size() + answers.num_classes);
    for (double& s : share) s /= total;
    return share;
  }

  float* JointOf(int64_t task) { return &joint_[task * cells_]; }

  // Vote shares, all at the easiest level.
  void StartFromVotes() {
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      float* joint = JointOf(t);
      const int64_t begin = answers_.task_begin[t];
      const int64_t end = answers_.task_begin[t + 1];
      if (gold_[t] != kNoGold) {
        joint[gold_[t]] = 1;
      } else if (begin == end) {
        std::fill_n(joint, num_classes_,
                    1.0F / static_cast<float>(num_classes_));
      } else {
        const float vote = 1.0F / static_cast<float>(end - begin);
        for (int64_t a = begin; a < end; ++a) joint[answers_.label[a]] += vote;
      }
    }
    UpdateClassPrior();
  }

  // The M-step's sums, a labeler at a time: their order is fixed by the data.
  void CountAnswers(bool all_informed) {
    ParallelFor(options_.threads, answers_.num_labelers, [&](int64_t part) {
      const auto i = static_cast<int32_t>(part);
      std::vector<double> informed(num_classes_);
      std::vector<float> scratch(num_classes_);
      labelers_.ClearCounts(i);
      for (const int64_t a : by_labeler_.Of(i)) {
        const int32_t label = answers_.label[a];
        const float* joint = JointOf(task_of_[a]);
        double habitual = 0;
        if (all_informed) {
          std::copy_n(joint, num_classes_, informed.begin());
          // The habit starts from all answers alike.
          habitual = 1;
        } else {
          const float* column = labelers_.Column(i, label, scratch.data());
          habitual = Split(joint, column, labelers_.Survival(i),
                           labelers_.Habit(i, label), informed.data());
        }
        labelers_.Count(i, label, informed.data(), habitual);
      }
    });
  }

  // Shares an answer out between what the labeler kept of their knowledge and
  // habit.
  double Split(const float* joint, const float* column, const float* survival,
               float habit, double* informed) const {
    std::fill_n(informed, num_classes_, 0.0);
    double habitual = 0;
    for (int h = 0; h < kNumLevels; ++h) {
      const float by_habit = (1 - survival[h]) * habit;
      for (int32_t c = 0; c < num_classes_; ++c) {
        const float weight = joint[h * num_classes_ + c];
        const float by_knowing = survival[h] * column[c];
        const float known = weight * by_knowing / (by_knowing + by_habit);
        informed[c] += known;
        habitual += weight - known;
      }
    }
    return habitual;
  }

  // ln P(class, level, answers of t) [levels x K], without gold.
  void TaskLikelihood(int32_t t, double* log_joint, double* product,
                      float* scratch) const {
    constexpr int kPending =
        16;  // factors of at least 1e-13 between logarithms
    for (int h = 0; h < kNumLevels; ++h) {
      for (int32_t c = 0; c < num_classes_; ++c) {
        log_joint[h * num_classes_ + c] =
            std::log(level_[h]) + std::log(prior_[c]);
      }
    }
    const int64_t end = answers_.task_begin[t + 1];
    std::fill_n(product, cells_, 1.0);
    int pending = 0;
    for (int64_t a = answers_.task_begin[t]; a < end; ++a) {
      const int32_t i = answers_.labeler[a];
      const int32_t label = answers_.label[a];
      const float* column = labelers_.Column(i, label, scratch);
      const float* survival = labelers_.Survival(i);
      const float habit = labelers_.Habit(i, label);
      for (int h = 0; h < kNumLevels; ++h) {
        const float kept = survival[h];
        const float by_habit = (1 - kept) * habit;
        double* row = product + h * num_classes_;
        for (int32_t c = 0; c < num_classes_; ++c) {
          row[c] *= kept * column[c] + by_habit;
        }
      }
      if (++pending < kPending && a + 1 < end) continue;
      for (int64_t x = 0; x < cells_; ++x) {
        log_joint[x] += std::log(product[x]);
        product[x] = 1;
      }
      pending = 0;
    }
  }

  Change UpdateTasks() {
    const int64_t parts =
        (answers_.num_tasks + kTasksOfPart - 1) / kTasksOfPart;
    std::vector<Change> changes(parts);
    ParallelFor(options_.threads, parts, [&](int64_t part) {
      std::vector<double> joint(cells_);
      std::vector<double> product(cells_);
      std::vector<float> scratch(num_classes_);
      const auto end = static_cast<int32_t>(
          std::min<int64_t>((part + 1) * kTasksOfPart, answers_.num_tasks));
      for (auto t = static_cast<int32_t>(part * kTasksOfPart); t < end; ++t) {
        TaskLikelihood(t, joint.data(), product.data(), scratch.data());
        if (gold_[t] != kNoGold) {
          for (int64_t x = 0; x < cells_; ++x) {
            if (x % num_classes_ != gold_[t]) joint[x] = -1e300;
          }
        }
        changes[part].log_likelihood += Softmax(joint.data(), cells_);
        float* old = JointOf(t);
        for (int64_t x = 0; x < cells_; ++x) {
          const double moved = std::abs(joint[x] - old[x]);
          changes[part].largest = std::max(changes[part].largest, moved);
          old[x] = static_cast<float>(joint[x]);
        }
      }
    });
    Change all;
    for (const Change& change : changes) {
      all.largest = std::max(all.largest, change.largest);
      all.log_likelihood += change.log_likelihood;
    }
    return all;
  }

  void UpdateClassPrior() {
    std::fill(prior_.begin(), prior_.end(), kPriorTasks);
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      const float* joint = JointOf(t);
      for (int64_t x = 0; x < cells_; ++x) prior_[x % num_classes_] += joint[x];
    }
    double total = 0;
    for (const double p : prior_) total += p;
    for (double& p : prior_) p /= total;
  }

  void UpdatePriors() {
    UpdateClassPrior();
    std::fill(level_.begin(), level_.end(), 1.0);
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      if (answers_.task_begin[t] == answers_.task_begin[t + 1]) continue;
      const float* joint = JointOf(t);
      for (int64_t x = 0; x < cells_; ++x) level_[x / num_classes_] += joint[x];
    }
    double total = 0;
    for (const double w : level_) total += w;
    for (double& w : level_) w /= total;
  }

  // ln P(class | answers of t) [K] before tempering, gold set aside.
  void ClassLogPosterior(int32_t t, std::vector<double>* log_posterior) const {
    std::vector<double> joint(cells_);
    std::vector<double> product(cells_);
    std::vector<float> scratch(num_classes_);
    TaskLikelihood(t, joint.data(), product.data(), scratch.data());
    Softmax(joint.data(), cells_);
    log_posterior->assign(num_classes_, 0.0);
    for (int64_t x = 0; x < cells_; ++x) {
      (*log_posterior)[x % num_classes_] += joint[x];
    }
    for (double& p : *log_posterior) p = std::log(std::max(p, 1e-300));
  }

  // What the gold tasks say of confidences, had they not been gold.
  CalibrationMap FitCalibration() const {
    std::vector<GoldOutcome> outcomes;
    std::vector<double> row;
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      const int64_t n = answers_.task_begin[t + 1] - answers_.task_begin[t];
      if (gold_[t] == kNoGold || n == 0) continue;
      ClassLogPosterior(t, &row);
      for (double& p : row) p *= EvidencePower(n);
      Softmax(row.data(), num_classes_);
      const auto top = std::max_element(row.begin(), row.end());
      outcomes.push_back({*top, top - row.begin() == gold_[t]});
    }
    if (outcomes.empty()) return CalibrationMap();
    // Cannot fail: the confidences are probabilities.
    const auto map = CalibrationMap::Fit(outcomes, /*version=*/1);
    return map.ok() ? *map : CalibrationMap();
  }

  static void Calibrate(const CalibrationMap& map, std::vector<double>* row) {
    if (map.version() == 0) return;
    TaskPosterior posterior;
    posterior.probability = std::move(*row);
    const auto top = std::max_element(posterior.probability.begin(),
                                      posterior.probability.end());
    posterior.label = static_cast<int32_t>(top - posterior.probability.begin());
    posterior.confidence = *top;
    map.Apply(&posterior);
    *row = std::move(posterior.probability);
  }

  void Finish(HierarchicalFit* fit) {
    Aggregation& result = fit->aggregation;
    fit->concentration = labelers_.concentration();
    fit->calibration = FitCalibration();
    result.iterations = static_cast<int>(result.trace.size());
    result.log_likelihood = result.trace.back();
    result.class_prior = Eigen::Map<const VectorD>(prior_.data(), num_classes_);
    result.posterior.resize(answers_.num_tasks, num_classes_);
    fit->difficulty.resize(answers_.num_tasks);
    std::vector<double> row(num_classes_);
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      const float* joint = JointOf(t);
      double difficulty = 0;
      std::fill(row.begin(), row.end(), 0.0);
      for (int64_t x = 0; x < cells_; ++x) {
        row[x % num_classes_] += joint[x];
        difficulty += joint[x] * kLevelLogits[x / num_classes_];
      }
      fit->difficulty[t] = static_cast<float>(difficulty);
      const int64_t n = answers_.task_begin[t + 1] - answers_.task_begin[t];
      if (gold_[t] != kNoGold) {
        std::fill(row.begin(), row.end(), 0.0);
        row[gold_[t]] = 1;
      } else if (n > 0) {
        const double power = EvidencePower(n);
        for (double& p : row) p = power * std::log(std::max(p, 1e-300));
        Softmax(row.data(), num_classes_);
        Calibrate(fit->calibration, &row);
      }
      for (int32_t c = 0; c < num_classes_; ++c) {
        result.posterior(t, c) = static_cast<float>(row[c]);
      }
    }
    Summarise(fit);
    fit->level_weight = level_;
    if (options_.keep_labelers) fit->labelers.emplace(std::move(labelers_));
  }

  void Summarise(HierarchicalFit* fit) const {
    constexpr double kNormal95 = 1.6448536269514722;
    Aggregation& result = fit->aggregation;
    const int32_t num_labelers = answers_.num_labelers;
    result.labeler_accuracy.resize(num_labelers);
    fit->accuracy_low.resize(num_labelers);
    fit->accuracy_high.resize(num_labelers);
    const size_t cells = static_cast<size_t>(num_classes_) * num_classes_;
    if (options_.keep_confusion) {
      result.confusion.resize(num_labelers * cells);
    }
    std::vector<float> scratch(num_classes_);
    for (int32_t i = 0; i < num_labelers; ++i) {
      double kept = 0;
      for (int h = 0; h < kNumLevels; ++h) {
        kept += level_[h] * labelers_.Survival(i)[h];
      }
      double accuracy = 0;
      double variance = 0;
      for (int32_t l = 0; l < num_classes_; ++l) {
        const float* column = labelers_.Column(i, l, scratch.data());
        const double right =
            kept * column[l] + (1 - kept) * labelers_.Habit(i, l);
        accuracy += prior_[l] * right;
        variance += prior_[l] * prior_[l] * right * (1 - right) /
                    (labelers_.RowWeight(i, l) + 1);
        if (!options_.keep_confusion) continue;
        for (int32_t c = 0; c < num_classes_; ++c) {
          result.confusion[i * cells + static_cast<size_t>(c) * num_classes_ +
                           l] = column[c];
        }
      }
      // The interval is symmetric in log-odds, so it stays within (0, 1).
      accuracy = std::clamp(accuracy, 1e-6, 1 - 1e-6);
      const double spread = accuracy * (1 - accuracy);
      const double logit = std::log(accuracy / (1 - accuracy));
      const double reach = kNormal95 * std::sqrt(variance) / spread;
      result.labeler_accuracy[i] = accuracy;
      fit->accuracy_low[i] = 1 / (1 + std::exp(reach - logit));
      fit->accuracy_high[i] = 1 / (1 + std::exp(-reach - logit));
    }
  }

  const AnswerSet& answers_;
  const std::vector<int32_t> gold_;
  const HierarchicalOptions& options_;
  const int32_t num_classes_;
  const int64_t cells_;  // levels x K
  const AnswersByLabeler by_labeler_;
  const std::vector<int32_t> task_of_;
  HierarchicalLabelers labelers_;
  std::vector<float> joint_;   // [T x levels x K] posterior of level and class
  std::vector<double> prior_;  // [K]
  std::vector<double> level_;  // [levels]
};

}  // namespace

absl::Status Validate(const HierarchicalOptions& options) {
  if (!(options.tolerance >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tolerance: must not be negative, got ", options.tolerance));
  }
  if (options.max_iterations < 1 || options.threads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_iterations and threads: must be at least 1, got ",
                     options.max_iterations, " and ", options.threads));
  }
  return absl::OkStatus();
}

absl::StatusOr<HierarchicalFit> FitHierarchical(
    const AnswerSet& answers, std::span<const GoldLabel> gold,
    const HierarchicalOptions& options) {
  ALLOT_RETURN_IF_ERROR(Validate(options));
  ALLOT_ASSIGN_OR_RETURN(std::vector<int32_t> gold_of,
                         IndexGold(answers, gold));
  return Fitter(answers, std::move(gold_of), options).Run();
}

}  // namespace allot
