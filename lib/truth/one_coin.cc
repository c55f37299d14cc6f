// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/base/parallel.h"
#include "lib/base/status_macros.h"
#include "lib/truth/answer_cells.h"
#include "lib/truth/dawid_skene.h"
#include "lib/truth/gold_index.h"
#include "lib/truth/weighted_vote.h"

namespace allot {
namespace {

class OneCoin {
 public:
  OneCoin(const AnswerSet& answers, std::span<const int32_t> gold_of_task,
          const DawidSkeneOptions& options)
      : answers_(answers),
        gold_(gold_of_task),
        options_(options),
        given_(VectorD::Zero(answers.num_labelers)),
        cut_(CutTasks(answers, static_cast<int>(std::clamp<int64_t>(
                                   answers.size() / 32768, 1, 16)))),
        parts_(cut_.size() - 1) {
    for (const int32_t labeler : answers.labeler) given_[labeler] += 1;
  }

  Aggregation Fit() {
    Aggregation result;
    result.posterior =
        VoteShares(answers_, gold_, VectorD::Ones(answers_.num_labelers));
    RunParts([&](int64_t part) {
      Part& sums = Cleared(part);
      for (int32_t t = cut_[part]; t < cut_[part + 1]; ++t) {
        Count(t, result.posterior.row(t).transpose().cast<double>(), sums);
      }
    });
    for (result.iterations = 1;; ++result.iterations) {
      Maximise(result);
      RunParts([&](int64_t part) { Expect(part, result.posterior); });
      double log_likelihood = 0;
      float moved = 0;
      for (const Part& part : parts_) {
        log_likelihood += part.likelihood;
        moved = std::max(moved, part.moved);
      }
      result.trace.push_back(log_likelihood);
      if (moved <= options_.tolerance ||
          result.iterations >= options_.max_iterations) {
        break;
      }
    }
    result.log_likelihood = result.trace.back();
    return result;
  }

 private:
  struct Part {
    VectorD right;  // [labelers], expected right answers
    VectorD prior;  // [classes], expected tasks
    double likelihood = 0;
    float moved = 0;
  };

  template <typename Work>
  void RunParts(const Work& work) {
    ParallelFor(options_.threads, static_cast<int64_t>(parts_.size()), work);
  }

  Part& Cleared(int64_t index) {
    Part& part = parts_[index];
    part.right.setZero(answers_.num_labelers);
    part.prior.setZero(answers_.num_classes);
    return part;
  }

  void Count(int32_t t, const VectorD& posterior, Part& part) const {
    const int64_t begin = answers_.task_begin[t];
    const int64_t end = answers_.task_begin[t + 1];
    if (begin == end && gold_[t] == kNoGold) return;
    part.prior += posterior;
    for (int64_t a = begin; a < end; ++a) {
      part.right[answers_.labeler[a]] += posterior[answers_.label[a]];
    }
  }

  void Maximise(Aggregation& result) {
    const double s = options_.smoothing;
    const int K = answers_.num_classes;
    VectorD right = VectorD::Zero(answers_.num_labelers);
    VectorD prior = VectorD::Zero(K);
    for (const Part& part : parts_) {
      right += part.right;
      prior += part.prior;
    }
    // A coin has two sides, each smoothed.
    result.labeler_accuracy = (right.array() + s) / (given_.array() + 2 * s);
    result.class_prior = (prior.array() + s) / (prior.sum() + K * s);
    log_prior_ = result.class_prior.array().log();
    // Rounding may leave a hair more right answers than answers.
    const auto wrong = (given_ - right).array().max(0) + s;
    log_wrong_ = (wrong / (given_.array() + 2 * s) / (K - 1)).log();
    log_ratio_ = result.labeler_accuracy.array().log() - log_wrong_.array();
  }

  void Expect(int64_t index, MatrixF& stored) {
    Part& part = Cleared(index);
    part.likelihood = 0;
    part.moved = 0;
    VectorD p(answers_.num_classes);
    for (int32_t t = cut_[index]; t < cut_[index + 1]; ++t) {
      const int64_t begin = answers_.task_begin[t];
      const int64_t end = answers_.task_begin[t + 1];
      p = log_prior_;
      double all_wrong = 0;
      for (int64_t a = begin; a < end; ++a) {
        all_wrong += log_wrong_[answers_.labeler[a]];
        p[answers_.label[a]] += log_ratio_[answers_.labeler[a]];
      }
      if (const int32_t gold = gold_[t]; gold != kNoGold) {
        part.likelihood += all_wrong + p[gold];
        p.setZero();
        p[gold] = 1;
      } else {
        const double top = p.maxCoeff();
        p = (p.array() - top).exp();
        const double sum = p.sum();
        if (begin < end) part.likelihood += all_wrong + top + std::log(sum);
        p /= sum;
      }
      auto row = stored.row(t);
      for (int k = 0; k < answers_.num_classes; ++k) {
        const auto value = static_cast<float>(p[k]);
        part.moved = std::max(part.moved, std::abs(value - row[k]));
        row[k] = value;
      }
      Count(t, p, part);
    }
  }

  const AnswerSet& answers_;
  const std::span<const int32_t> gold_;
  const DawidSkeneOptions options_;
  VectorD given_;  // [labelers], answers
  const std::vector<int32_t> cut_;
  std::vector<Part> parts_;
  VectorD log_prior_;  // [classes]
  VectorD log_wrong_;  // [labelers], ln P(one given wrong class)
  VectorD log_ratio_;  // [labelers], ln of right over one given wrong class
};

}  // namespace

absl::StatusOr<Aggregation> FitOneCoin(const AnswerSet& answers,
                                       std::span<const GoldLabel> gold,
                                       const DawidSkeneOptions& options) {
  ALLOT_RETURN_IF_ERROR(Validate(options));
  ALLOT_ASSIGN_OR_RETURN(const std::vector<int32_t> gold_of_task,
                         IndexGold(answers, gold));
  return OneCoin(answers, gold_of_task, options).Fit();
}

}  // namespace allot
