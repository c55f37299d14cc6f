// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/confusion_sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/truth/gold_index.h"

namespace allot {
namespace {

constexpr double kPriorTasks = 10;   // pseudo tasks of each class
constexpr double kPoolAnswers = 10;  // behind each row of o
constexpr double kPoolAccuracy = 0.7;
constexpr double kLeastProbability = 1e-4;

// kappa: e^0, e^0.5, ..., e^6.
constexpr int kGrid = 13;
double GridConcentration(int g) { return std::exp(0.5 * g); }

// Sums over the kept draws of one chain.
struct Sums {
  std::vector<double> posterior;  // [T x K]
  std::vector<double> mean;       // [L + 1 x K x K], rows = truth
  std::vector<double> prior;      // [K]
  double log_concentration = 0;
};

class Chain {
 public:
  Chain(const AnswerSet& answers, const std::vector<int32_t>& gold, Rng rng)
      : answers_(answers),
        gold_(gold),
        rng_(rng),
        k_(static_cast<size_t>(answers.num_classes)),
        labelers_(static_cast<size_t>(answers.num_labelers)),
        class_(static_cast<size_t>(answers.num_tasks), kNoClass),
        tasks_(k_, 0.0),
        count_(labelers_ * k_ * k_, 0.0F),
        row_(labelers_ * k_, 0.0F),
        pool_(k_ * k_),
        alpha_(k_ * k_),
        weight_(k_) {
    for (size_t c = 0; c < k_; ++c) {
      for (size_t l = 0; l < k_; ++l) pool_[l * k_ + c] = Opinion(c, l);
    }
  }

  Sums Run(const ConfusionSamplerOptions& options) {
    sums_.posterior.assign(class_.size() * k_, 0.0);
    sums_.mean.assign((labelers_ + 1) * k_ * k_, 0.0);
    sums_.prior.assign(k_, 0.0);
    StartFromMajority();
    for (int sweep = 0; sweep < options.discarded + options.kept; ++sweep) {
      DrawPool();
      const bool keep = sweep >= options.discarded;
      DrawClasses(keep);
      if (keep) AddDraw();
    }
    return std::move(sums_);
  }

 private:
  static constexpr int32_t kNoClass = -1;

  double Opinion(size_t c, size_t l) const {
    return c == l ? kPoolAccuracy
                  : (1 - kPoolAccuracy) / static_cast<double>(k_ - 1);
  }

  // [label][truth] of a labeler.
  float* CountsOf(int64_t answer) {
    return &count_[(static_cast<size_t>(answers_.labeler[answer]) * k_ +
                    static_cast<size_t>(answers_.label[answer])) *
                   k_];
  }

  // Puts the task's answers into the counts of its class, or takes them out.
  void Count(size_t task, float sign) {
    const auto c = static_cast<size_t>(class_[task]);
    tasks_[c] += sign;
    for (int64_t a = answers_.task_begin[task];
         a < answers_.task_begin[task + 1]; ++a) {
      CountsOf(a)[c] += sign;
      row_[static_cast<size_t>(answers_.labeler[a]) * k_ + c] += sign;
    }
  }

  void StartFromMajority() {
    std::vector<int32_t> votes(k_);
    for (size_t t = 0; t < class_.size(); ++t) {
      if (answers_.task_begin[t] == answers_.task_begin[t + 1]) continue;
      if (gold_[t] != kNoGold) {
        class_[t] = gold_[t];
      } else {
        std::fill(votes.begin(), votes.end(), 0);
        for (int64_t a = answers_.task_begin[t]; a < answers_.task_begin[t + 1];
             ++a) {
          ++votes[static_cast<size_t>(answers_.label[a])];
        }
        const int32_t most = *std::max_element(votes.begin(), votes.end());
        uint64_t tied = 0;
        for (size_t c = 0; c < k_; ++c) {
          if (votes[c] == most && rng_.Below(++tied) == 0) {
            class_[t] = static_cast<int32_t>(c);
          }
        }
      }
      Count(t, 1);
    }
  }

  // How many labelers have more than n in a cell, for n = 0, 1, ...: all that m
  // and kappa depend on. `stride` apart from each other, beginning at `first`.
  void CountAbove(const std::vector<float>& counts, size_t first, size_t stride,
                  std::vector<double>& above) const {
    above.clear();
    for (size_t at = first; at < counts.size(); at += stride) {
      const auto n = static_cast<size_t>(counts[at]);
      if (n == 0) continue;
      if (above.size() < n) above.resize(n, 0.0);
      above[n - 1] += 1;
    }
    for (size_t n = above.size(); n-- > 1;) above[n - 1] += above[n];
  }

  // m by the expected number of tables of each cell, then kappa by its
  // Dirichlet-multinomial evidence.
  void DrawPool() {
    std::array<double, kGrid> evidence{};
    std::vector<double> above;
    for (size_t c = 0; c < k_; ++c) {
      double total = 0;
      std::vector<double> share(k_);
      std::vector<std::vector<double>> of_label(k_);
      for (size_t l = 0; l < k_; ++l) {
        CountAbove(count_, l * k_ + c, k_ * k_, of_label[l]);
        const double mass = concentration_ * pool_[l * k_ + c];
        double tables = kPoolAnswers * Opinion(c, l);
        for (size_t n = 0; n < of_label[l].size(); ++n) {
          tables += of_label[l][n] * mass / (mass + static_cast<double>(n));
        }
        total += share[l] = rng_.Gamma(tables);
      }
      for (size_t l = 0; l < k_; ++l) {
        pool_[l * k_ + c] = std::max(share[l] / total, kLeastProbability);
      }
      CountAbove(row_, c, k_, above);
      for (int g = 0; g < kGrid; ++g) {
        const double kappa = GridConcentration(g);
        double sum = -LogRising(kappa, above);
        for (size_t l = 0; l < k_; ++l) {
          sum += LogRising(kappa * pool_[l * k_ + c], of_label[l]);
        }
        evidence[static_cast<size_t>(g)] += sum;
      }
    }
    const double highest = *std::max_element(evidence.begin(), evidence.end());
    double total = 0;
    for (double& e : evidence) total += e = std::exp(e - highest);
    concentration_ = GridConcentration(
        static_cast<int>(Draw(evidence.data(), kGrid, total)));
    for (size_t x = 0; x < alpha_.size(); ++x) {
      alpha_[x] = concentration_ * pool_[x];
    }
  }

  // Over all labelers, ln Gamma(a + n) - ln Gamma(a).
  static double LogRising(double a, const std::vector<double>& above) {
    double sum = 0;
    for (size_t n = 0; n < above.size(); ++n) {
      sum += above[n] * std::log(a + static_cast<double>(n));
    }
    return sum;
  }

  size_t Draw(const double* weight, size_t n, double total) {
    double left = rng_.Uniform() * total;
    size_t at = 0;
    while (at + 1 < n && (left -= weight[at]) > 0) ++at;
    return at;
  }

  void DrawClasses(bool keep) {
    for (size_t t = 0; t < class_.size(); ++t) {
      if (class_[t] == kNoClass) continue;
      if (gold_[t] != kNoGold) {
        if (keep) sums_.posterior[t * k_ + static_cast<size_t>(gold_[t])] += 1;
        continue;
      }
      Count(t, -1);
      const double total = Weigh(t);
      if (keep) {
        for (size_t c = 0; c < k_; ++c) {
          sums_.posterior[t * k_ + c] += weight_[c] / total;
        }
      }
      class_[t] = static_cast<int32_t>(Draw(weight_.data(), k_, total));
      Count(t, 1);
    }
  }

  // weight_ = P(class, answers of t | all else), on some scale; their sum.
  double Weigh(size_t t) {
    constexpr double kSmall = 1e-200;
    for (size_t c = 0; c < k_; ++c) weight_[c] = tasks_[c] + kPriorTasks;
    double total = 0;
    for (int64_t a = answers_.task_begin[t]; a < answers_.task_begin[t + 1];
         ++a) {
      const float* counts = CountsOf(a);
      const float* rows = &row_[static_cast<size_t>(answers_.labeler[a]) * k_];
      const double* alpha =
          &alpha_[static_cast<size_t>(answers_.label[a]) * k_];
      total = 0;
      for (size_t c = 0; c < k_; ++c) {
        weight_[c] *= (counts[c] + alpha[c]) / (rows[c] + concentration_);
        total += weight_[c];
      }
      if (total > kSmall) continue;
      for (double& w : weight_) w /= total;
      total = 1;
    }
    return total;
  }

  void AddDraw() {
    for (size_t i = 0; i <= labelers_; ++i) {
      for (size_t c = 0; c < k_; ++c) {
        const bool stranger = i == labelers_;
        const double total =
            concentration_ +
            (stranger ? 0.0 : static_cast<double>(row_[i * k_ + c]));
        for (size_t l = 0; l < k_; ++l) {
          const double n = stranger ? 0.0 : count_[(i * k_ + l) * k_ + c];
          sums_.mean[(i * k_ + c) * k_ + l] += (n + alpha_[l * k_ + c]) / total;
        }
      }
    }
    for (size_t c = 0; c < k_; ++c) sums_.prior[c] += tasks_[c] + kPriorTasks;
    sums_.log_concentration += std::log(concentration_);
  }

  const AnswerSet& answers_;
  const std::vector<int32_t>& gold_;
  Rng rng_;
  const size_t k_;
  const size_t labelers_;
  std::vector<int32_t> class_;  // [T]
  std::vector<double> tasks_;   // [K] of each class
  std::vector<float> count_;    // [L x label x truth]
  std::vector<float> row_;      // [L x truth]
  std::vector<double> pool_;    // m, [label x truth]
  std::vector<double> alpha_;   // kappa m
  std::vector<double> weight_;  // [K]
  double concentration_ = 10;
  Sums sums_;
};

void AddTo(std::vector<double>& total, const std::vector<double>& part) {
  for (size_t x = 0; x < part.size(); ++x) total[x] += part[x];
}

}  // namespace

absl::StatusOr<ConfusionBelief> SampleConfusions(
    const AnswerSet& answers, std::span<const GoldLabel> gold,
    const ConfusionSamplerOptions& options) {
  if (options.chains < 1 || options.discarded < 0 || options.kept < 1 ||
      options.threads < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "chains, kept and threads: must be at least 1, and discarded at least "
        "0, got ",
        options.chains, ", ", options.kept, ", ", options.threads, " and ",
        options.discarded));
  }
  ALLOT_ASSIGN_OR_RETURN(const std::vector<int32_t> gold_of,
                         IndexGold(answers, gold));
  std::vector<Sums> of_chain(static_cast<size_t>(options.chains));
  const Rng rng(options.seed);
  ParallelFor(options.threads, options.chains, [&](int64_t chain) {
    of_chain[static_cast<size_t>(chain)] =
        Chain(answers, gold_of, rng.Split(static_cast<uint64_t>(chain)))
            .Run(options);
  });
  Sums& all = of_chain[0];
  for (size_t i = 1; i < of_chain.size(); ++i) {
    AddTo(all.posterior, of_chain[i].posterior);
    AddTo(all.mean, of_chain[i].mean);
    AddTo(all.prior, of_chain[i].prior);
    all.log_concentration += of_chain[i].log_concentration;
  }
  const double draws = static_cast<double>(options.chains) * options.kept;
  const auto k = static_cast<size_t>(answers.num_classes);
  ConfusionBelief belief;
  belief.posterior.resize(answers.num_tasks, answers.num_classes);
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    const bool asked = answers.task_begin[t] < answers.task_begin[t + 1];
    for (size_t c = 0; c < k; ++c) {
      belief.posterior(t, static_cast<Eigen::Index>(c)) = static_cast<float>(
          asked ? all.posterior[static_cast<size_t>(t) * k + c] / draws
                : 1.0 / static_cast<double>(k));
    }
  }
  belief.mean.reserve(all.mean.size());
  for (const double sum : all.mean) {
    belief.mean.push_back(static_cast<float>(sum / draws));
  }
  double tasks = 0;
  for (const double p : all.prior) tasks += p;
  for (const double p : all.prior) belief.class_prior.push_back(p / tasks);
  belief.concentration = std::exp(all.log_concentration / draws);
  return belief;
}

}  // namespace allot
