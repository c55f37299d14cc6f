// SPDX-License-Identifier: Apache-2.0
#include "lib/study/replay.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/study/plain_policies.h"

namespace allot {
namespace {

constexpr int64_t kStartMicros = 1'700'000'000'000'000;
constexpr int64_t kArrivalMicros = 60'000'000;
constexpr uint64_t kPolicyStream = 1;
constexpr uint64_t kGoldStream = 2;

StudySetting SettingOf(const AnswerBook& book, double price, uint64_t seed) {
  StudySetting setting;
  setting.num_classes = book.num_classes();
  setting.labelers.assign(static_cast<size_t>(book.num_labelers()),
                          {.price = price, .capacity = 1'000'000});
  setting.tasks.resize(static_cast<size_t>(book.num_tasks()));
  setting.seed = seed;
  return setting;
}

absl::StatusOr<std::unique_ptr<AskPolicy>> Make(
    const AnswerBook& book, absl::string_view name, const StudySetting& setting,
    const AskPolicyOptions& options) {
  if (name != "oracle") return MakeAskPolicy(name, setting, options);
  const auto k = static_cast<size_t>(book.num_classes());
  std::vector<double> confusion(setting.labelers.size() * k * k, 1.0);
  std::vector<double> prior(k, 1.0);
  for (int32_t t = 0; t < book.num_tasks(); ++t) {
    const auto truth = static_cast<size_t>(book.truth(t));
    prior[truth] += 1;
    for (const AnswerBook::Entry& entry : book.answers(t)) {
      confusion[(static_cast<size_t>(entry.labeler) * k + truth) * k +
                static_cast<size_t>(entry.label)] += 1;
    }
  }
  const auto normalise = [k](double* row) {
    const double sum = std::accumulate(row, row + k, 0.0);
    for (size_t i = 0; i < k; ++i) row[i] /= sum;
  };
  normalise(prior.data());
  for (size_t row = 0; row < setting.labelers.size() * k; ++row) {
    normalise(&confusion[row * k]);
  }
  return MakeOraclePolicy(setting, options, std::move(confusion),
                          std::move(prior));
}

std::vector<int32_t> DrawGold(const AnswerBook& book, double share,
                              const Rng& rng) {
  std::vector<int32_t> tasks(static_cast<size_t>(book.num_tasks()));
  std::iota(tasks.begin(), tasks.end(), 0);
  Rng own = rng.Split(kGoldStream);
  Shuffle(tasks, own);
  tasks.resize(static_cast<size_t>(
      std::llround(share * static_cast<double>(tasks.size()))));
  std::sort(tasks.begin(), tasks.end());
  return tasks;
}

class BudgetReplay {
 public:
  BudgetReplay(const AnswerBook& book, const ReplayOptions& options,
               uint64_t seed)
      : book_(book), options_(options), rng_(seed) {}

  absl::StatusOr<ReplayRun> Run(absl::string_view name) {
    const StudySetting setting =
        SettingOf(book_, options_.price, rng_.Split(kPolicyStream).NextU64());
    ALLOT_ASSIGN_OR_RETURN(policy_,
                           Make(book_, name, setting, options_.policy));
    is_gold_.assign(static_cast<size_t>(book_.num_tasks()), 0);
    for (const int32_t task : DrawGold(book_, options_.gold_share, rng_)) {
      is_gold_[task] = 1;
      ALLOT_RETURN_IF_ERROR(policy_->TellGold(task, book_.truth(task)));
    }
    left_ = book_.answers_of_labeler();
    for (int32_t t = 0; t < book_.num_tasks(); ++t) tasks_.push_back({t, 1});
    ReplayRun run;
    run.answers_of_labeler.assign(left_.size(), 0);
    int64_t bought = 0;
    for (const double checkpoint : options_.checkpoints) {
      const auto goal = std::min<int64_t>(
          book_.num_answers(),
          std::llround(checkpoint * static_cast<double>(book_.num_tasks())));
      // A policy that no arrival can move any more has stopped.
      for (int idle = 0; bought < goal && idle < 1000; ++idle) {
        ALLOT_ASSIGN_OR_RETURN(const int64_t came, Arrive(goal - bought, run));
        if (came > 0) idle = 0;
        bought += came;
      }
      ALLOT_RETURN_IF_ERROR(Record(bought, run));
      if (bought == book_.num_answers()) break;
    }
    return run;
  }

 private:
  absl::StatusOr<int64_t> Arrive(int64_t most, ReplayRun& run) {
    now_ += kArrivalMicros;
    std::vector<int32_t> ready;
    for (size_t i = 0; i < left_.size(); ++i) {
      if (left_[i] > 0) ready.push_back(static_cast<int32_t>(i));
    }
    const size_t free =
        std::min(ready.size(), static_cast<size_t>(options_.free_labelers));
    std::vector<OfferedLabeler> labelers;
    for (size_t i = 0; i < free; ++i) {
      std::swap(ready[i], ready[i + rng_.Below(ready.size() - i)]);
      labelers.push_back({ready[i], options_.tasks_per_arrival});
    }
    const auto allowed = [this](int32_t task, int32_t labeler) {
      return book_.Find(task, labeler).has_value() &&
             !asked_.contains(Key(task, labeler));
    };
    const auto pairs = std::min<int64_t>(most, options_.tasks_per_arrival);
    ALLOT_ASSIGN_OR_RETURN(const std::vector<Ask> asks,
                           policy_->Choose({.now_micros = now_,
                                            .labelers = labelers,
                                            .tasks = tasks_,
                                            .most = static_cast<int32_t>(pairs),
                                            .allowed = allowed}));
    std::vector<StudyAnswer> answers;
    for (const Ask& ask : asks) {
      if (!allowed(ask.task, ask.labeler)) {
        return absl::InternalError(
            "a policy asked for a pair that is not allowed");
      }
      asked_.insert(Key(ask.task, ask.labeler));
      --left_[ask.labeler];
      ++run.answers_of_labeler[ask.labeler];
      answers.push_back({.task = ask.task,
                         .labeler = ask.labeler,
                         .label = *book_.Find(ask.task, ask.labeler),
                         .now_micros = now_});
    }
    ALLOT_RETURN_IF_ERROR(policy_->Observe(answers));
    return static_cast<int64_t>(answers.size());
  }

  absl::Status Record(int64_t bought, ReplayRun& run) {
    std::vector<int32_t> tasks;
    for (int32_t t = 0; t < book_.num_tasks(); ++t) {
      if (!is_gold_[t]) tasks.push_back(t);
    }
    ALLOT_ASSIGN_OR_RETURN(const std::vector<Judgement> judged,
                           policy_->Judge(tasks));
    ReplayPoint& point = run.points.emplace_back();
    point.answers_per_task =
        static_cast<double>(bought) / static_cast<double>(book_.num_tasks());
    for (size_t i = 0; i < tasks.size(); ++i) {
      point.accuracy += judged[i].label == book_.truth(tasks[i]) ? 1 : 0;
      point.confidence += judged[i].confidence;
    }
    point.accuracy /= static_cast<double>(tasks.size());
    point.confidence /= static_cast<double>(tasks.size());
    return absl::OkStatus();
  }

  int64_t Key(int32_t task, int32_t labeler) const {
    return int64_t{task} * book_.num_labelers() + labeler;
  }

  const AnswerBook& book_;
  const ReplayOptions& options_;
  Rng rng_;
  std::unique_ptr<AskPolicy> policy_;
  std::vector<char> is_gold_;  // [tasks]
  std::vector<int32_t> left_;  // [labelers] answers on file
  std::vector<OfferedTask> tasks_;
  absl::flat_hash_set<int64_t> asked_;
  int64_t now_ = kStartMicros;
};

// Of majority vote over all answers of a task, ties shared.
double MajorityCredit(const AnswerBook& book, int32_t task) {
  std::vector<int32_t> votes(static_cast<size_t>(book.num_classes()), 0);
  for (const AnswerBook::Entry& entry : book.answers(task)) {
    ++votes[entry.label];
  }
  const int32_t most = *std::max_element(votes.begin(), votes.end());
  if (votes[book.truth(task)] != most) return 0;
  return 1.0 /
         static_cast<double>(std::count(votes.begin(), votes.end(), most));
}

}  // namespace

absl::StatusOr<ReplayRun> ReplayBudget(const AnswerBook& book,
                                       absl::string_view policy,
                                       const ReplayOptions& options,
                                       uint64_t seed) {
  if (options.free_labelers < 1 || options.tasks_per_arrival < 1) {
    return absl::InvalidArgumentError(
        "free_labelers, tasks_per_arrival: must be at least 1");
  }
  return BudgetReplay(book, options, seed).Run(policy);
}

absl::StatusOr<RevealRun> RevealUntilDone(const AnswerBook& book,
                                          absl::string_view name,
                                          const RevealOptions& options,
                                          uint64_t seed) {
  Rng rng(seed);
  ALLOT_ASSIGN_OR_RETURN(
      const std::unique_ptr<AskPolicy> policy,
      Make(book, name,
           SettingOf(book, options.price, rng.Split(kPolicyStream).NextU64()),
           options.policy));
  const auto num_tasks = static_cast<size_t>(book.num_tasks());
  RevealRun run;
  run.on_file = book.num_answers();
  std::vector<std::vector<AnswerBook::Entry>> order(num_tasks);
  for (size_t t = 0; t < num_tasks; ++t) {
    const auto entries = book.answers(static_cast<int32_t>(t));
    order[t].assign(entries.begin(), entries.end());
    Shuffle(order[t], rng);
  }
  int64_t now = kStartMicros;
  std::vector<size_t> bought(num_tasks, 0);
  std::vector<StudyAnswer> answers;
  const auto buy = [&](int32_t task, size_t count) {
    count = std::min(count, order[task].size() - bought[task]);
    for (size_t i = 0; i < count; ++i) {
      const AnswerBook::Entry& entry = order[task][bought[task]++];
      answers.push_back({.task = task,
                         .labeler = entry.labeler,
                         .label = entry.label,
                         .now_micros = now});
    }
    run.answers += static_cast<int64_t>(count);
  };
  std::vector<char> is_gold(num_tasks, 0);
  for (const int32_t task : DrawGold(book, options.gold_share, rng)) {
    is_gold[task] = 1;
    ALLOT_RETURN_IF_ERROR(policy->TellGold(task, book.truth(task)));
    buy(task, order[task].size());
  }
  std::vector<int32_t> open, judged;
  for (size_t t = 0; t < num_tasks; ++t) {
    if (!is_gold[t]) judged.push_back(static_cast<int32_t>(t));
  }
  open = judged;
  ALLOT_RETURN_IF_ERROR(policy->Observe(answers));
  std::vector<char> accepted(num_tasks, 0);
  while (!open.empty()) {
    now += kArrivalMicros;
    ALLOT_RETURN_IF_ERROR(policy->Tick(now));
    ALLOT_ASSIGN_OR_RETURN(const std::vector<Judgement> verdicts,
                           policy->Judge(open));
    answers.clear();
    std::vector<int32_t> still;
    for (size_t i = 0; i < open.size(); ++i) {
      const int32_t task = open[i];
      accepted[task] = verdicts[i].verdict == Verdict::kAccept;
      if (verdicts[i].verdict != Verdict::kCollect ||
          bought[task] == order[task].size()) {
        continue;
      }
      buy(task, static_cast<size_t>(std::max(verdicts[i].more, 1)));
      still.push_back(task);
    }
    ALLOT_RETURN_IF_ERROR(policy->Observe(answers));
    open = std::move(still);
  }
  ALLOT_ASSIGN_OR_RETURN(const std::vector<Judgement> labels,
                         policy->Judge(judged));
  run.tasks = static_cast<int64_t>(judged.size());
  for (size_t i = 0; i < judged.size(); ++i) {
    const bool right = labels[i].label == book.truth(judged[i]);
    run.accuracy += right ? 1 : 0;
    run.majority += MajorityCredit(book, judged[i]);
    run.accepted += accepted[judged[i]];
    run.accepted_right += accepted[judged[i]] && right;
  }
  run.accuracy /= static_cast<double>(judged.size());
  run.majority /= static_cast<double>(judged.size());
  return run;
}

}  // namespace allot
