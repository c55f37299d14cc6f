// SPDX-License-Identifier: Apache-2.0
#include "lib/study/plain_policies.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/study/crowd_model.h"

namespace allot {
namespace {

// Orders labelers, then tasks for each.
class PlainPolicy : public AskPolicy {
 public:
  PlainPolicy(const StudySetting& setting, const AskPolicyOptions& options)
      : options_(options),
        num_labelers_(static_cast<int32_t>(setting.labelers.size())),
        rng_(setting.seed),
        crowd_(setting.num_classes, num_labelers_,
               static_cast<int32_t>(setting.tasks.size())) {}

  absl::StatusOr<std::vector<Ask>> Choose(const Offer& offer) override {
    std::vector<OfferedLabeler> labelers(offer.labelers.begin(),
                                         offer.labelers.end());
    Shuffle(labelers, rng_);
    std::vector<int32_t> slots;
    for (const OfferedTask& task : offer.tasks) slots.push_back(task.slots);
    // (labeler's score, labeler) first, so that a policy may prefer labelers by
    // what they would be given.
    std::vector<std::pair<double, size_t>> order;
    for (size_t i = 0; i < labelers.size(); ++i) {
      order.emplace_back(LabelerScore(offer, labelers[i]), i);
    }
    std::stable_sort(
        order.begin(), order.end(),
        [](const auto& x, const auto& y) { return x.first > y.first; });
    std::vector<Ask> asks;
    for (const auto& [score, at] : order) {
      const auto room = static_cast<size_t>(std::min<int64_t>(
          labelers[at].room, offer.most - static_cast<int64_t>(asks.size())));
      if (room == 0) break;
      for (const size_t t : BestTasks(offer, labelers[at].labeler, room,
                                      [&](size_t i) { return slots[i] > 0; })) {
        --slots[t];
        asks.push_back({offer.tasks[t].task, labelers[at].labeler});
      }
    }
    for (const Ask& ask : asks) Asked(ask);
    return asks;
  }

  absl::Status Observe(std::span<const StudyAnswer> answers) override {
    return crowd_.Observe(answers);
  }

  absl::Status AddTasks(std::span<const StudyTask> tasks) override {
    crowd_.AddTasks(static_cast<int32_t>(tasks.size()));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Judgement>> Judge(
      std::span<const int32_t> tasks) override {
    std::vector<Judgement> judgements;
    for (const int32_t task : tasks) {
      Judgement& one = judgements.emplace_back(Label(task));
      one.more = options_.answers_per_task - crowd_.num_answers(task);
      if (one.more <= 0) one.verdict = Verdict::kAccept;
    }
    return judgements;
  }

 protected:
  virtual double LabelerScore(const Offer&, const OfferedLabeler&) { return 0; }
  virtual double TaskScore(int32_t task, int32_t labeler) = 0;
  virtual Judgement Label(int32_t task) { return crowd_.Best(task); }
  virtual void Asked(const Ask&) {}

  // Her best tasks, at most `most`; ties fall at random. Sum of their scores.
  template <typename Open>
  std::vector<size_t> BestTasks(const Offer& offer, int32_t labeler,
                                size_t most, const Open& open,
                                double* total = nullptr) {
    std::vector<std::tuple<double, uint64_t, size_t>> scored;
    for (size_t t = 0; t < offer.tasks.size(); ++t) {
      const int32_t task = offer.tasks[t].task;
      if (!open(t) || !offer.allowed(task, labeler)) continue;
      scored.emplace_back(-TaskScore(task, labeler), rng_.NextU64(), t);
    }
    most = std::min(most, scored.size());
    std::partial_sort(scored.begin(),
                      scored.begin() + static_cast<std::ptrdiff_t>(most),
                      scored.end());
    std::vector<size_t> best;
    for (size_t i = 0; i < most; ++i) {
      best.push_back(std::get<2>(scored[i]));
      if (total != nullptr) *total -= std::get<0>(scored[i]);
    }
    return best;
  }

  double VoteEntropy(int32_t task) const {
    std::vector<double> votes(static_cast<size_t>(crowd_.num_classes()), 1);
    double total = crowd_.num_classes();
    for (const CrowdModel::Given& given : crowd_.answers(task)) {
      votes[given.label] += 1;
      total += 1;
    }
    double entropy = 0;
    for (const double vote : votes) {
      entropy -= vote / total * std::log2(vote / total);
    }
    return entropy;
  }

  AskPolicyOptions options_;
  int32_t num_labelers_;
  Rng rng_;
  CrowdModel crowd_;
};

class RandomPolicy : public PlainPolicy {
 public:
  using PlainPolicy::PlainPolicy;

 protected:
  double TaskScore(int32_t, int32_t) override { return 0; }
};

class RoundRobinPolicy : public PlainPolicy {
 public:
  using PlainPolicy::PlainPolicy;

 protected:
  double LabelerScore(const Offer&, const OfferedLabeler& labeler) override {
    return -static_cast<double>(last_of_labeler_[labeler.labeler]);
  }
  double TaskScore(int32_t task, int32_t) override {
    const auto at = static_cast<size_t>(task);
    return at < last_of_task_.size() ? -static_cast<double>(last_of_task_[at])
                                     : 0;
  }
  void Asked(const Ask& ask) override {
    const auto at = static_cast<size_t>(ask.task);
    if (at >= last_of_task_.size()) last_of_task_.resize(at + 1, 0);
    last_of_task_[at] = last_of_labeler_[ask.labeler] = ++turn_;
  }

 private:
  int64_t turn_ = 0;
  std::vector<int64_t> last_of_task_;
  std::vector<int64_t> last_of_labeler_ =
      std::vector<int64_t>(static_cast<size_t>(num_labelers_), 0);
};

class LeastPolicy : public PlainPolicy {
 public:
  using PlainPolicy::PlainPolicy;

 protected:
  double TaskScore(int32_t task, int32_t) override {
    return -crowd_.num_answers(task);
  }
};

class UncertaintyPolicy : public PlainPolicy {
 public:
  using PlainPolicy::PlainPolicy;

 protected:
  double TaskScore(int32_t task, int32_t) override { return VoteEntropy(task); }
};

class QascaPolicy : public PlainPolicy {
 public:
  using PlainPolicy::PlainPolicy;

 protected:
  double TaskScore(int32_t task, int32_t labeler) override {
    return crowd_.GainOf(task, labeler).accuracy;
  }
};

class ThompsonPolicy : public PlainPolicy {
 public:
  using PlainPolicy::PlainPolicy;

  absl::StatusOr<std::vector<Ask>> Choose(const Offer& offer) override {
    // Expected right and wrong answers of each under the present labels.
    right_.assign(static_cast<size_t>(num_labelers_), 2);
    wrong_.assign(static_cast<size_t>(num_labelers_), 1);
    for (const OfferedTask& task : offer.tasks) {
      const std::span<const double> p = crowd_.Posterior(task.task);
      for (const CrowdModel::Given& given : crowd_.answers(task.task)) {
        right_[given.labeler] += p[given.label];
        wrong_[given.labeler] += 1 - p[given.label];
      }
    }
    return PlainPolicy::Choose(offer);
  }

 protected:
  double LabelerScore(const Offer&, const OfferedLabeler& labeler) override {
    return rng_.Beta(right_[labeler.labeler], wrong_[labeler.labeler]);
  }
  double TaskScore(int32_t task, int32_t) override {
    double entropy = 0;
    for (const double p : crowd_.Posterior(task)) {
      if (p > 0) entropy -= p * std::log2(p);
    }
    return entropy;
  }

 private:
  std::vector<double> right_, wrong_;
};

class OptKgPolicy : public PlainPolicy {
 public:
  using PlainPolicy::PlainPolicy;

 protected:
  double TaskScore(int32_t task, int32_t labeler) override {
    const int32_t classes = crowd_.num_classes();
    counts_.assign(static_cast<size_t>(classes), 1);
    for (const CrowdModel::Given& given : crowd_.answers(task)) {
      counts_[given.label] += Weight(given.labeler);
    }
    const double now = Confidence();
    double best = -1;
    for (int32_t l = 0; l < classes; ++l) {
      counts_[l] += Weight(labeler);
      best = std::max(best, Confidence() - now);
      counts_[l] -= Weight(labeler);
    }
    return best;
  }

 private:
  // How far above guessing she is: a guesser's answer counts nothing.
  double Weight(int32_t labeler) const {
    const int32_t classes = crowd_.num_classes();
    double accuracy = 0;
    for (int32_t c = 0; c < classes; ++c) {
      accuracy += crowd_.Entry(labeler, c, c) / classes;
    }
    return std::max(0.0, (accuracy * classes - 1) / (classes - 1));
  }
  // P(the leading class beats the next) by a normal approximation.
  double Confidence() const {
    double first = 0, second = 0;
    for (const double count : counts_) {
      if (count > first) {
        second = first;
        first = count;
      } else {
        second = std::max(second, count);
      }
    }
    const double both = first + second;
    const double spread = 2 * std::sqrt(first * second / (both + 1));
    return 0.5 * std::erfc(-(first - second) / spread / std::sqrt(2.0));
  }

  std::vector<double> counts_;
};

class InformationPolicy : public PlainPolicy {
 public:
  using PlainPolicy::PlainPolicy;

 protected:
  double LabelerScore(const Offer& offer,
                      const OfferedLabeler& labeler) override {
    double total = 0;
    BestTasks(
        offer, labeler.labeler,
        static_cast<size_t>(std::min(labeler.room, offer.most)),
        [](size_t) { return true; }, &total);
    return total;
  }
  double TaskScore(int32_t task, int32_t labeler) override {
    return crowd_.GainOf(task, labeler).bits;
  }
};

class OraclePolicy : public InformationPolicy {
 public:
  OraclePolicy(const StudySetting& setting, const AskPolicyOptions& options,
               std::vector<double> confusion, std::vector<double> prior)
      : InformationPolicy(setting, options) {
    crowd_.Know(std::move(confusion), std::move(prior));
  }
};

class MajorityPolicy : public LeastPolicy {
 public:
  using LeastPolicy::LeastPolicy;

 protected:
  Judgement Label(int32_t task) override {
    std::vector<int32_t> votes(static_cast<size_t>(crowd_.num_classes()), 0);
    for (const CrowdModel::Given& given : crowd_.answers(task)) {
      ++votes[given.label];
    }
    const auto top = std::max_element(votes.begin(), votes.end());
    Judgement judgement;
    judgement.label = static_cast<int32_t>(top - votes.begin());
    const int32_t n = crowd_.num_answers(task);
    judgement.confidence =
        n == 0 ? 1.0 / crowd_.num_classes() : static_cast<double>(*top) / n;
    return judgement;
  }
};

// A labeler's skill is the share of her answers that were right of those to
// tasks that are done (or gold), with half an answer of doubt.
class OverlapPolicy : public PlainPolicy {
 public:
  OverlapPolicy(const StudySetting& setting, const AskPolicyOptions& options)
      : PlainPolicy(setting, options),
        correct_(setting.labelers.size(), 0),
        total_(setting.labelers.size(), 0),
        done_(setting.tasks.size(), 0) {}

  absl::Status AddTasks(std::span<const StudyTask> tasks) override {
    done_.resize(done_.size() + tasks.size(), 0);
    return PlainPolicy::AddTasks(tasks);
  }

  absl::Status Observe(std::span<const StudyAnswer> answers) override {
    // Counts alone; nothing is fitted.
    crowd_.Note(answers);
    for (const StudyAnswer& answer : answers) Settle(answer.task);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Judgement>> Judge(
      std::span<const int32_t> tasks) override {
    std::vector<Judgement> judgements;
    for (const int32_t task : tasks) {
      Judgement& one = judgements.emplace_back(Label(task));
      const bool done = IsDone(task, one.confidence);
      one.verdict = done ? Verdict::kAccept : Verdict::kCollect;
      one.more = done ? 0 : std::max(1, 2 - crowd_.num_answers(task));
    }
    return judgements;
  }

 protected:
  double TaskScore(int32_t task, int32_t) override {
    return -Label(task).confidence;
  }
  Judgement Label(int32_t task) override {
    const int32_t classes = crowd_.num_classes();
    std::vector<double> log_weight(static_cast<size_t>(classes), 0);
    for (const CrowdModel::Given& given : crowd_.answers(task)) {
      const double q = std::clamp(
          (0.5 + correct_[given.labeler]) / (1 + total_[given.labeler]), 0.01,
          0.99);
      // Votes of strangers weigh nothing, but decide between equals.
      constexpr double kVote = 1e-6;
      log_weight[given.label] += std::log(q * (classes - 1) / (1 - q)) + kVote;
    }
    const auto top = std::max_element(log_weight.begin(), log_weight.end());
    double sum = 0;
    for (const double w : log_weight) sum += std::exp(w - *top);
    return {.label = static_cast<int32_t>(top - log_weight.begin()),
            .confidence = 1 / sum};
  }

 private:
  bool IsDone(int32_t task, double confidence) const {
    const int32_t n = crowd_.num_answers(task);
    return n >= options_.confidence.max_answers ||
           (n >= 2 && confidence >= options_.confidence.target_confidence);
  }
  void Settle(int32_t task) {
    if (done_[task]) return;
    const Judgement label = Label(task);
    if (!IsDone(task, label.confidence)) return;
    done_[task] = 1;
    for (const CrowdModel::Given& given : crowd_.answers(task)) {
      total_[given.labeler] += 1;
      correct_[given.labeler] += given.label == label.label ? 1 : 0;
    }
  }

  std::vector<double> correct_, total_;
  std::vector<char> done_;
};

}  // namespace

std::unique_ptr<AskPolicy> MakePlainPolicy(absl::string_view name,
                                           const StudySetting& setting,
                                           const AskPolicyOptions& options) {
  if (name == "random") return std::make_unique<RandomPolicy>(setting, options);
  if (name == "round-robin") {
    return std::make_unique<RoundRobinPolicy>(setting, options);
  }
  if (name == "least") return std::make_unique<LeastPolicy>(setting, options);
  if (name == "uncertainty") {
    return std::make_unique<UncertaintyPolicy>(setting, options);
  }
  if (name == "qasca") return std::make_unique<QascaPolicy>(setting, options);
  if (name == "thompson") {
    return std::make_unique<ThompsonPolicy>(setting, options);
  }
  if (name == "optkg") return std::make_unique<OptKgPolicy>(setting, options);
  if (name == "information") {
    return std::make_unique<InformationPolicy>(setting, options);
  }
  if (name == "overlap") {
    return std::make_unique<OverlapPolicy>(setting, options);
  }
  if (name == "majority") {
    return std::make_unique<MajorityPolicy>(setting, options);
  }
  return nullptr;
}

std::unique_ptr<AskPolicy> MakeOraclePolicy(const StudySetting& setting,
                                            const AskPolicyOptions& options,
                                            std::vector<double> confusion,
                                            std::vector<double> prior) {
  return std::make_unique<OraclePolicy>(setting, options, std::move(confusion),
                                        std::move(prior));
}

}  // namespace allot
