// SPDX-License-Identifier: Apache-2.0
#include "lib/study/allot_policy.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine.h"
#include "lib/store/memory_store.h"

namespace allot {
namespace {

constexpr char kPool[] = "study";
// Asked of every task before anything can be said of it.
constexpr int32_t kFirstAnswers = 2;
constexpr int32_t kMostAtOnce = 3;
constexpr int32_t kMostRedundancy = 64;

class AllotPolicy final : public AskPolicy {
 public:
  AllotPolicy(const StudySetting& setting, const AskPolicyOptions& options,
              const AllotParts& parts)
      : setting_(setting),
        options_(options),
        parts_(parts),
        rng_(setting.seed) {
    policy_.weights = options.weights;
    policy_.confidence = options.confidence;
    policy_.weights.explore += parts.explore;
    if (parts.fairness > 0) {
      policy_.weights.fairness = parts.fairness;
      policy_.weights.fair_answers = parts.fair_answers;
    }
    if (!parts.price) policy_.weights.cost = 0;
    if (!parts.information) {
      policy_.weights.quality = 0;
      policy_.weights.must_fill = true;
    }
  }

  absl::Status Open() {
    ALLOT_ASSIGN_OR_RETURN(engine_, Engine::Open(&store_, &clock_, {}));
    Pool pool;
    pool.id = kPool;
    for (int32_t d = 0; d < setting_.num_domains; ++d) {
      pool.skills.push_back({.name = absl::StrCat("domain", d)});
    }
    LabelSet& labels = pool.label_sets.emplace_back();
    labels.name = "labels";
    for (int32_t k = 0; k < setting_.num_classes; ++k) {
      labels.labels.push_back(absl::StrCat("class", k));
    }
    ALLOT_RETURN_IF_ERROR(engine_->UpsertPool(pool).status());
    std::vector<LabelerUpdate> labelers;
    for (size_t i = 0; i < setting_.labelers.size(); ++i) {
      labeler_ids_.push_back(absl::StrCat("w", i));
      labeler_rows_.emplace(labeler_ids_.back(), static_cast<int32_t>(i));
      LabelerUpdate& labeler = labelers.emplace_back();
      labeler.id = labeler_ids_.back();
      labeler.capacity = setting_.labelers[i].capacity;
      labeler.price = Price{.per_answer = setting_.labelers[i].price};
    }
    ALLOT_RETURN_IF_ERROR(
        engine_->UpsertLabelers(kPool, std::move(labelers)).status());
    return AddTasks(setting_.tasks);
  }

  absl::Status AddTasks(std::span<const StudyTask> tasks) override {
    for (const StudyTask& given : tasks) {
      TaskState& state = tasks_.emplace_back();
      state.spec.id = absl::StrCat("t", tasks_.size() - 1);
      state.spec.loading = {{given.domain, 1}};
      state.spec.num_classes = setting_.num_classes;
      state.spec.label_set = "labels";
      state.spec.value = given.value;
      state.spec.base_seconds = given.base_seconds;
    }
    return absl::OkStatus();
  }

  absl::Status TellGold(int32_t task, int32_t label) override {
    if (!parts_.gold || !parts_.learning) return absl::OkStatus();
    AnswerReport report;
    report.pool = kPool;
    tasks_[task].spec.gold_label = label;
    tasks_[task].known = true;
    report.tasks.push_back(tasks_[task].spec);
    return engine_->ReportAnswers(std::move(report)).status();
  }

  absl::StatusOr<std::vector<Ask>> Choose(const Offer& offer) override {
    given_up_.clear();
    ALLOT_RETURN_IF_ERROR(Tick(offer.now_micros));
    if (!parts_.matching) return ChooseAtRandom(offer);
    AllocateCall call;
    call.pool = kPool;
    call.policy = policy_;
    call.seed = static_cast<int64_t>(rng_.NextU64() >> 1);
    if (options_.lease_micros > 0 && parts_.learning) {
      call.lease_micros = options_.lease_micros;
    }
    int64_t room = 0;
    for (const OfferedLabeler& labeler : offer.labelers) {
      call.labelers.push_back(labeler_ids_[labeler.labeler]);
      room += labeler.room;
    }
    call.tasks.reserve(offer.tasks.size());
    for (const OfferedTask& offered : offer.tasks) {
      call.tasks.push_back(Specify(offered, offer));
    }
    if (call.tasks.empty() || call.labelers.empty()) {
      return std::vector<Ask>();
    }
    const double price = EqualPrice(offer);
    if (offer.most < room && price > 0) {
      call.budget = price * (offer.most + 0.5);
    }
    ALLOT_ASSIGN_OR_RETURN(const Plan plan, engine_->Allocate(call));
    for (const UnfilledTask& empty : plan.unfilled) {
      const int32_t task = offer.tasks[empty.task].task;
      if (empty.reason == UnfilledReason::kNotWorthItsPrice &&
          tasks_[task].answers > 0 && tasks_[task].leases.empty()) {
        given_up_.push_back(task);
      }
    }
    return Take(offer, plan);
  }

  std::span<const int32_t> GivenUp() const override { return given_up_; }

  absl::Status Observe(std::span<const StudyAnswer> answers) override {
    if (answers.empty()) return absl::OkStatus();
    AnswerReport report;
    report.pool = kPool;
    for (const StudyAnswer& given : answers) {
      TaskState& task = tasks_[given.task];
      Answer answer{.task = task.spec.id,
                    .labeler = labeler_ids_[given.labeler],
                    .label = given.label,
                    .answered_unix_micros = given.now_micros};
      if (given.seconds > 0) answer.handling_seconds = given.seconds;
      ++task.answers;
      if (!parts_.learning) {
        task.unlearned.push_back(std::move(answer));
        continue;
      }
      if (!task.known) report.tasks.push_back(task.spec);
      task.known = true;
      report.answers.push_back(std::move(answer));
      report.lease_ids.push_back(TakeLease(given.task, given.labeler));
    }
    if (!parts_.learning) return absl::OkStatus();
    ALLOT_RETURN_IF_ERROR(engine_->ReportAnswers(std::move(report)).status());
    answers_ += static_cast<int64_t>(answers.size());
    return RefitWhenGrown();
  }

  absl::Status Abandon(std::span<const Ask> asks, int64_t now_micros) override {
    ALLOT_RETURN_IF_ERROR(Tick(now_micros));
    std::vector<std::string> leases;
    for (const Ask& ask : asks) {
      std::string lease = TakeLease(ask.task, ask.labeler);
      if (!lease.empty()) leases.push_back(std::move(lease));
    }
    if (leases.empty()) return absl::OkStatus();
    return engine_->ReleaseLeases(kPool, leases, ReleaseReason::kReleased)
        .status();
  }

  absl::StatusOr<std::vector<Judgement>> Judge(
      std::span<const int32_t> tasks) override {
    std::vector<Judgement> judgements(tasks.size());
    ScoreCall call;
    call.pool = kPool;
    call.policy = policy_;
    std::vector<size_t> scored;
    for (size_t i = 0; i < tasks.size(); ++i) {
      const TaskState& task = tasks_[tasks[i]];
      judgements[i].confidence = 1.0 / setting_.num_classes;
      judgements[i].more =
          parts_.adaptive ? kFirstAnswers : options_.answers_per_task;
      if (task.answers == 0) continue;
      ScoreItem& item = call.items.emplace_back();
      item.task = task.spec;
      if (!parts_.learning) item.answers = task.unlearned;
      scored.push_back(i);
    }
    if (scored.empty()) return judgements;
    ALLOT_ASSIGN_OR_RETURN(const ScoreSheet sheet, engine_->Score(call));
    for (size_t s = 0; s < scored.size(); ++s) {
      const TaskConfidence& score = sheet.tasks[s];
      Judgement& judgement = judgements[scored[s]];
      TaskState& task = tasks_[tasks[scored[s]]];
      if (!parts_.learning) task.spec.prior = score.posterior;
      judgement.label = score.label;
      judgement.confidence = score.confidence;
      judgement.verdict = score.verdict;
      judgement.more = std::clamp(score.more_answers, 1, kMostAtOnce);
      if (parts_.adaptive) continue;
      judgement.more = options_.answers_per_task - task.answers;
      judgement.verdict =
          judgement.more > 0 ? Verdict::kCollect : Verdict::kAccept;
    }
    return judgements;
  }

  absl::Status Tick(int64_t now_micros) override {
    const int64_t now = absl::ToUnixMicros(clock_.Now());
    if (now_micros <= now) return absl::OkStatus();
    clock_.Advance(absl::Microseconds(now_micros - now));
    if (options_.lease_micros == 0) return absl::OkStatus();
    return engine_->ExpireLeases().status();
  }

 private:
  struct TaskState {
    Task spec;
    bool known = false;  // to the engine
    int32_t answers = 0;
    std::vector<Answer> unlearned;                        // without learning
    std::vector<std::pair<int32_t, std::string>> leases;  // by labeler
  };

  // The server re-fits on a thread of its own; here it is everybody's time, so
  // that a large history waits until it has grown by a third.
  absl::Status RefitWhenGrown() {
    constexpr int64_t kSmall = 5000;
    if (answers_ > kSmall && answers_ < fitted_ + fitted_ / 3) {
      return absl::OkStatus();
    }
    ALLOT_ASSIGN_OR_RETURN(const int64_t fits, engine_->RefitDue());
    if (fits > 0) fitted_ = answers_;
    return absl::OkStatus();
  }

  Task Specify(const OfferedTask& offered, const Offer& offer) const {
    const TaskState& state = tasks_[offered.task];
    Task task = state.spec;
    const auto open = static_cast<int32_t>(state.leases.size());
    // Without learning the engine has neither answers nor leases of it.
    const int32_t have = parts_.learning ? state.answers + open : 0;
    task.redundancy = std::min(kMostRedundancy, have + offered.slots);
    // The engine remembers whom it asked.
    if (!offer.restricted && parts_.learning && parts_.matching) return task;
    for (const OfferedLabeler& labeler : offer.labelers) {
      if (offer.allowed(offered.task, labeler.labeler)) continue;
      task.excluded_labelers.push_back(labeler_ids_[labeler.labeler]);
    }
    return task;
  }

  // Of all offered labelers; 0 if they differ.
  double EqualPrice(const Offer& offer) const {
    const double price = setting_.labelers[offer.labelers[0].labeler].price;
    for (const OfferedLabeler& labeler : offer.labelers) {
      if (setting_.labelers[labeler.labeler].price != price) return 0;
    }
    return price;
  }

  std::vector<Ask> Take(const Offer& offer, const Plan& plan) {
    std::vector<const PlannedPair*> pairs;
    for (const PlannedPair& pair : plan.pairs) pairs.push_back(&pair);
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const PlannedPair* x, const PlannedPair* y) {
                       return x->utility > y->utility;
                     });
    absl::flat_hash_map<int32_t, int32_t> room;
    for (const OfferedLabeler& labeler : offer.labelers) {
      room[labeler.labeler] = labeler.room;
    }
    std::vector<Ask> asks;
    for (const PlannedPair* pair : pairs) {
      const Ask ask{offer.tasks[pair->task].task,
                    labeler_rows_.at(pair->labeler)};
      if (static_cast<int64_t>(asks.size()) >= offer.most) break;
      if (room[ask.labeler]-- <= 0) continue;
      if (pair->lease) {
        tasks_[ask.task].leases.emplace_back(ask.labeler, pair->lease->id);
      }
      asks.push_back(ask);
    }
    return asks;
  }

  std::vector<Ask> ChooseAtRandom(const Offer& offer) {
    std::vector<OfferedLabeler> labelers(offer.labelers.begin(),
                                         offer.labelers.end());
    std::vector<OfferedTask> tasks(offer.tasks.begin(), offer.tasks.end());
    Shuffle(labelers, rng_);
    Shuffle(tasks, rng_);
    std::vector<Ask> asks;
    for (const OfferedLabeler& labeler : labelers) {
      int32_t room = labeler.room;
      for (OfferedTask& task : tasks) {
        if (room == 0 || static_cast<int64_t>(asks.size()) >= offer.most) break;
        if (task.slots <= 0 || !offer.allowed(task.task, labeler.labeler)) {
          continue;
        }
        --task.slots;
        --room;
        asks.push_back({task.task, labeler.labeler});
      }
    }
    return asks;
  }

  std::string TakeLease(int32_t task, int32_t labeler) {
    std::vector<std::pair<int32_t, std::string>>& leases = tasks_[task].leases;
    for (size_t i = 0; i < leases.size(); ++i) {
      if (leases[i].first != labeler) continue;
      std::string id = std::move(leases[i].second);
      leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(i));
      return id;
    }
    return "";
  }

  const StudySetting setting_;
  const AskPolicyOptions options_;
  const AllotParts parts_;
  Rng rng_;
  Policy policy_;
  MemoryStore store_;
  ManualClock clock_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::string> labeler_ids_;
  absl::flat_hash_map<std::string, int32_t> labeler_rows_;
  std::vector<TaskState> tasks_;
  std::vector<int32_t> given_up_;
  int64_t answers_ = 0;
  int64_t fitted_ = 0;  // answers at the last re-fit
};

}  // namespace

absl::StatusOr<std::unique_ptr<AskPolicy>> MakeAllotPolicy(
    const StudySetting& setting, const AskPolicyOptions& options,
    const AllotParts& parts) {
  auto policy = std::make_unique<AllotPolicy>(setting, options, parts);
  ALLOT_RETURN_IF_ERROR(policy->Open());
  return policy;
}

}  // namespace allot
