// SPDX-License-Identifier: Apache-2.0
#include "lib/study/crowd_model.h"

#include <algorithm>
#include <cmath>

#include "lib/base/status_macros.h"
#include "lib/truth/dawid_skene.h"

namespace allot {
namespace {

// Of a labeler of whom nothing is known.
constexpr double kStrangerAccuracy = 0.7;
constexpr int kIterations = 50;

// New answers that make a new fit due: dear ones are rare.
int64_t Patience(int64_t answers) {
  return answers < 2000 ? std::max<int64_t>(1, answers / 100) : answers / 4;
}

}  // namespace

CrowdModel::CrowdModel(int32_t num_classes, int32_t num_labelers,
                       int32_t num_tasks)
    : num_classes_(num_classes), num_labelers_(num_labelers) {
  const auto k = static_cast<size_t>(num_classes);
  prior_.assign(k, 1.0 / num_classes);
  confusion_.assign(static_cast<size_t>(num_labelers) * k * k,
                    (1 - kStrangerAccuracy) / (num_classes - 1));
  for (size_t i = 0; i < static_cast<size_t>(num_labelers); ++i) {
    for (size_t c = 0; c < k; ++c) {
      confusion_[(i * k + c) * k + c] = kStrangerAccuracy;
    }
  }
  AddTasks(num_tasks);
}

void CrowdModel::AddTasks(int32_t count) {
  by_task_.resize(by_task_.size() + static_cast<size_t>(count));
  posterior_.resize(by_task_.size() * static_cast<size_t>(num_classes_),
                    1.0 / num_classes_);
}

void CrowdModel::UpdateTask(int32_t task) {
  double* p = &posterior_[static_cast<size_t>(task) * num_classes_];
  double highest = -HUGE_VAL;
  for (int32_t c = 0; c < num_classes_; ++c) {
    p[c] = std::log(prior_[c]);
    for (const Given& given : by_task_[task]) {
      p[c] += std::log(std::max(Entry(given.labeler, c, given.label), 1e-9));
    }
    highest = std::max(highest, p[c]);
  }
  double sum = 0;
  for (int32_t c = 0; c < num_classes_; ++c) {
    sum += p[c] = std::exp(p[c] - highest);
  }
  for (int32_t c = 0; c < num_classes_; ++c) p[c] /= sum;
}

void CrowdModel::Note(std::span<const StudyAnswer> answers) {
  for (const StudyAnswer& answer : answers) {
    by_task_[answer.task].push_back({answer.labeler, answer.label});
    ++total_;
  }
}

void CrowdModel::Know(std::vector<double> confusion,
                      std::vector<double> prior) {
  known_ = true;
  confusion_ = std::move(confusion);
  prior_ = std::move(prior);
  for (size_t t = 0; t < by_task_.size(); ++t) {
    UpdateTask(static_cast<int32_t>(t));
  }
}

absl::Status CrowdModel::Observe(std::span<const StudyAnswer> answers) {
  Note(answers);
  if (!known_ && total_ - fitted_ >= Patience(total_)) {
    return Fit();
  }
  for (const StudyAnswer& answer : answers) UpdateTask(answer.task);
  return absl::OkStatus();
}

absl::Status CrowdModel::Fit() {
  if (known_ || total_ == fitted_) return absl::OkStatus();
  std::vector<LabelAnswer> rows;
  rows.reserve(static_cast<size_t>(total_));
  std::vector<char> seen(static_cast<size_t>(num_labelers_), 0);
  for (size_t t = 0; t < by_task_.size(); ++t) {
    for (const Given& given : by_task_[t]) {
      rows.push_back({static_cast<int32_t>(t), given.labeler, given.label});
      seen[given.labeler] = 1;
    }
  }
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet set,
                         AnswerSet::Build(static_cast<int32_t>(by_task_.size()),
                                          num_labelers_, num_classes_, rows));
  DawidSkeneOptions options;
  options.max_iterations = kIterations;
  ALLOT_ASSIGN_OR_RETURN(const Aggregation fit,
                         FitDawidSkene(set, {}, options));
  for (int32_t c = 0; c < num_classes_; ++c) prior_[c] = fit.class_prior[c];
  const auto cells =
      static_cast<size_t>(num_classes_) * static_cast<size_t>(num_classes_);
  for (size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i]) continue;
    std::copy_n(fit.confusion.begin() + static_cast<std::ptrdiff_t>(i * cells),
                cells,
                confusion_.begin() + static_cast<std::ptrdiff_t>(i * cells));
  }
  for (size_t t = 0; t < by_task_.size(); ++t) {
    for (int32_t c = 0; c < num_classes_; ++c) {
      posterior_[t * static_cast<size_t>(num_classes_) +
                 static_cast<size_t>(c)] =
          fit.posterior(static_cast<Eigen::Index>(t), c);
    }
  }
  fitted_ = total_;
  return absl::OkStatus();
}

Judgement CrowdModel::Best(int32_t task) const {
  const std::span<const double> p = Posterior(task);
  const auto top = std::max_element(p.begin(), p.end());
  return {.label = static_cast<int32_t>(top - p.begin()), .confidence = *top};
}

CrowdModel::Gain CrowdModel::GainOf(int32_t task, int32_t labeler) const {
  const std::span<const double> p = Posterior(task);
  Gain gain;
  for (int32_t l = 0; l < num_classes_; ++l) {
    double answered = 0, largest = 0;
    for (int32_t c = 0; c < num_classes_; ++c) {
      const double joint = p[c] * Entry(labeler, c, l);
      answered += joint;
      largest = std::max(largest, joint);
    }
    gain.accuracy += largest;
    for (int32_t c = 0; c < num_classes_; ++c) {
      const double given = Entry(labeler, c, l);
      const double joint = p[c] * given;
      if (joint > 0) gain.bits += joint * std::log2(given / answered);
    }
  }
  gain.accuracy -= *std::max_element(p.begin(), p.end());
  return gain;
}

}  // namespace allot
