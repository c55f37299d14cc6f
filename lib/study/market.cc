// SPDX-License-Identifier: Apache-2.0
#include "lib/study/market.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <queue>
#include <utility>

#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/study/crowd.h"

namespace allot {
namespace {

constexpr uint64_t kCrowdStream = 1;
constexpr uint64_t kTaskStream = 2;
constexpr uint64_t kEventStream = 3;
constexpr uint64_t kPolicyStream = 4;
constexpr int64_t kStartMicros = 1'700'000'000'000'000;
constexpr double kHourMicros = 3600e6;
constexpr double kWorkingDay = 8;

int64_t Micros(double hour) {
  return kStartMicros + static_cast<int64_t>(std::llround(hour * kHourMicros));
}

struct OpenTask {
  SimulatedTask spec;
  double arrived = 0;
  bool gold = false;
  bool done = false;
  bool heard = false;  // an answer came since it was last judged
  int32_t slots = 0;   // to be offered
  int32_t pending = 0;
  std::vector<int32_t> asked;  // labelers
};

// An answer that will come, or the end of a lease under which none comes.
struct Pending {
  double hour = 0;
  int64_t order = 0;  // breaks ties
  Ask ask;
  bool comes = true;
  double began = 0;

  friend bool operator>(const Pending& x, const Pending& y) {
    return x.hour != y.hour ? x.hour > y.hour : x.order > y.order;
  }
};

class Market {
 public:
  Market(const Scenario& scenario, const AskPolicyOptions& options,
         uint64_t seed)
      : scenario_(scenario),
        options_(options),
        seed_(seed),
        crowd_(scenario, Rng(seed).Split(kCrowdStream)),
        task_rng_(Rng(seed).Split(kTaskStream)),
        rng_(Rng(seed).Split(kEventStream)) {}

  absl::StatusOr<MarketOutcome> Run(absl::string_view name) {
    StudySetting setting;
    setting.num_classes = scenario_.classes;
    setting.num_domains = scenario_.domains;
    setting.seed = Rng(seed_).Split(kPolicyStream).NextU64();
    for (int32_t i = 0; i < crowd_.size(); ++i) {
      setting.labelers.push_back(
          {crowd_.at(i).price, crowd_.group_of(i).capacity});
    }
    ALLOT_ASSIGN_OR_RETURN(policy_, MakeAskPolicy(name, setting, options_));
    busy_until_.assign(static_cast<size_t>(crowd_.size()), 0.0);
    holding_.assign(static_cast<size_t>(crowd_.size()), 0);
    outcome_.groups.resize(scenario_.groups.size());
    next_arrival_ = scenario_.tasks_per_hour > 0 ? Gap() : HUGE_VAL;
    ALLOT_RETURN_IF_ERROR(AddTasks(scenario_.backlog, 0));
    const double window = scenario_.window_seconds / 3600;
    const double end = scenario_.hours + scenario_.deadline_hours;
    for (int64_t w = 0;; ++w) {
      const double hour = static_cast<double>(w) * window;
      ALLOT_RETURN_IF_ERROR(Arrive(hour));
      ALLOT_RETURN_IF_ERROR(Collect(hour));
      ALLOT_RETURN_IF_ERROR(Settle(hour));
      if (hour > end || outcome_.answers >= scenario_.most_answers) break;
      if (hour >= scenario_.hours && open_.empty()) break;
      ALLOT_RETURN_IF_ERROR(HandOut(hour));
    }
    return Finish();
  }

 private:
  double Gap() { return task_rng_.Exponential() / scenario_.tasks_per_hour; }

  absl::Status AddTasks(int64_t count, double hour) {
    if (count == 0) return absl::OkStatus();
    std::vector<StudyTask> specs;
    std::vector<int32_t> rows;
    for (int64_t i = 0; i < count; ++i) {
      OpenTask& task = tasks_.emplace_back();
      task.spec.domain = static_cast<int32_t>(
          task_rng_.Below(static_cast<uint64_t>(scenario_.domains)));
      task.spec.truth = static_cast<int32_t>(
          task_rng_.Below(static_cast<uint64_t>(scenario_.classes)));
      task.spec.difficulty = scenario_.difficulty_sd * task_rng_.Normal();
      task.gold = task_rng_.Bernoulli(scenario_.gold_share);
      task.arrived = hour;
      rows.push_back(static_cast<int32_t>(tasks_.size() - 1));
      specs.push_back({task.spec.domain, scenario_.value, scenario_.seconds});
    }
    outcome_.arrivals_per_hour += static_cast<double>(count);
    ALLOT_RETURN_IF_ERROR(policy_->AddTasks(specs));
    ALLOT_ASSIGN_OR_RETURN(const auto judged, policy_->Judge(rows));
    for (size_t i = 0; i < rows.size(); ++i) {
      tasks_[rows[i]].slots = std::max(judged[i].more, 1);
      open_.push_back(rows[i]);
    }
    return absl::OkStatus();
  }

  absl::Status Arrive(double hour) {
    std::vector<double> arrivals;
    while (next_arrival_ <= std::min(hour, scenario_.hours)) {
      arrivals.push_back(next_arrival_);
      next_arrival_ += Gap();
    }
    const size_t first = tasks_.size();
    ALLOT_RETURN_IF_ERROR(
        AddTasks(static_cast<int64_t>(arrivals.size()), hour));
    for (size_t i = 0; i < arrivals.size(); ++i) {
      tasks_[first + i].arrived = arrivals[i];
    }
    return absl::OkStatus();
  }

  // Reports the answers that have come by now, in the order they came.
  absl::Status Collect(double hour) {
    std::vector<StudyAnswer> answers;
    std::vector<Ask> lost;
    while (!pending_.empty() && pending_.top().hour <= hour) {
      const Pending event = pending_.top();
      pending_.pop();
      OpenTask& task = tasks_[event.ask.task];
      const int32_t row = event.ask.labeler;
      --holding_[row];
      --task.pending;
      if (!event.comes) {
        ++outcome_.abandoned;
        lost.push_back(event.ask);
        if (!task.done) ++task.slots;
        continue;
      }
      SimulatedLabeler& labeler = crowd_.at(row);
      const LabelerGroup& group = crowd_.group_of(row);
      crowd_.Drift(row, event.hour, rng_);
      const double into = std::max(0.0, crowd_.HoursIntoShift(row, event.hour));
      const int32_t label = DrawAnswer(scenario_, group, labeler, task.spec,
                                       event.ask.task, into, seed_, rng_);
      ++labeler.answers;
      ++outcome_.answers;
      outcome_.cost += labeler.price;
      GroupOutcome& own = outcome_.groups[labeler.group];
      ++own.answers;
      own.right += label == task.spec.truth ? 1 : 0;
      task.heard = true;
      answers.push_back({.task = event.ask.task,
                         .labeler = row,
                         .label = label,
                         .now_micros = Micros(event.hour),
                         .seconds = (event.hour - event.began) * 3600});
    }
    const int64_t now = Micros(hour);
    ALLOT_RETURN_IF_ERROR(policy_->Tick(now));
    if (!lost.empty()) ALLOT_RETURN_IF_ERROR(policy_->Abandon(lost, now));
    if (!answers.empty()) ALLOT_RETURN_IF_ERROR(policy_->Observe(answers));
    return absl::OkStatus();
  }

  absl::Status Settle(double hour) {
    std::vector<int32_t> heard;
    for (const int32_t row : open_) {
      if (tasks_[row].heard) heard.push_back(row);
    }
    ALLOT_ASSIGN_OR_RETURN(const auto judged, policy_->Judge(heard));
    for (size_t i = 0; i < heard.size(); ++i) {
      OpenTask& task = tasks_[heard[i]];
      task.heard = false;
      if (judged[i].verdict != Verdict::kCollect) {
        ALLOT_RETURN_IF_ERROR(Close(heard[i], judged[i], hour, false));
      } else {
        task.slots = std::max(0, judged[i].more - task.pending);
        if (task.slots + task.pending == 0) task.slots = 1;
      }
    }
    std::vector<int32_t> late;
    for (const int32_t row : open_) {
      const OpenTask& task = tasks_[row];
      if (!task.done && hour - task.arrived > scenario_.deadline_hours) {
        late.push_back(row);
      }
    }
    ALLOT_ASSIGN_OR_RETURN(const auto cut, policy_->Judge(late));
    for (size_t i = 0; i < late.size(); ++i) {
      ALLOT_RETURN_IF_ERROR(Close(late[i], cut[i], hour, true));
    }
    std::erase_if(open_, [&](int32_t row) { return tasks_[row].done; });
    return absl::OkStatus();
  }

  absl::Status Close(int32_t row, const Judgement& judged, double hour,
                     bool late) {
    OpenTask& task = tasks_[row];
    task.done = true;
    const bool right = judged.label == task.spec.truth;
    ++outcome_.tasks;
    outcome_.right += right;
    outcome_.late += late;
    if (!late && judged.verdict == Verdict::kAccept) {
      ++outcome_.accepted;
      outcome_.accepted_right += right;
    }
    const auto bin =
        std::clamp(static_cast<int>(judged.confidence * kCalibrationBins), 0,
                   kCalibrationBins - 1);
    CalibrationBin& own = outcome_.calibration[static_cast<size_t>(bin)];
    ++own.tasks;
    own.right += right;
    own.confidence += judged.confidence;
    outcome_.waiting_hours.push_back(hour - task.arrived);
    // The time that it was open within the hours of arrivals.
    open_hours_ += std::min(hour, scenario_.hours) - task.arrived;
    if (task.gold) return policy_->TellGold(row, task.spec.truth);
    return absl::OkStatus();
  }

  absl::Status HandOut(double hour) {
    std::vector<OfferedLabeler> labelers;
    int64_t room = 0;
    for (int32_t i = 0; i < crowd_.size(); ++i) {
      const int32_t free = crowd_.group_of(i).capacity - holding_[i];
      if (free <= 0 || crowd_.HoursIntoShift(i, hour) < 0) continue;
      labelers.push_back({i, free});
      room += free;
    }
    // The oldest tasks first, no more than the room there is can serve.
    std::vector<OfferedTask> tasks;
    int64_t wanted = 0;
    for (const int32_t row : open_) {
      if (tasks_[row].slots <= 0) continue;
      tasks.push_back({row, tasks_[row].slots});
      wanted += tasks_[row].slots;
      if (wanted >= 2 * room) break;
    }
    if (labelers.empty() || tasks.empty()) return absl::OkStatus();
    const auto allowed = [this](int32_t task, int32_t labeler) {
      const std::vector<int32_t>& asked = tasks_[task].asked;
      return std::find(asked.begin(), asked.end(), labeler) == asked.end();
    };
    ALLOT_ASSIGN_OR_RETURN(const std::vector<Ask> asks,
                           policy_->Choose({.now_micros = Micros(hour),
                                            .labelers = labelers,
                                            .tasks = tasks,
                                            .allowed = allowed,
                                            .restricted = false}));
    for (const Ask& ask : asks) Start(ask, hour);
    std::vector<int32_t> given_up;
    for (const int32_t row : policy_->GivenUp()) {
      if (tasks_[row].pending == 0) given_up.push_back(row);
    }
    if (given_up.empty()) return absl::OkStatus();
    ALLOT_ASSIGN_OR_RETURN(auto judged, policy_->Judge(given_up));
    for (size_t i = 0; i < given_up.size(); ++i) {
      judged[i].verdict = Verdict::kEscalate;
      ALLOT_RETURN_IF_ERROR(Close(given_up[i], judged[i], hour, false));
    }
    std::erase_if(open_, [&](int32_t row) { return tasks_[row].done; });
    return absl::OkStatus();
  }

  void Start(const Ask& ask, double hour) {
    OpenTask& task = tasks_[ask.task];
    --task.slots;
    ++task.pending;
    task.asked.push_back(ask.labeler);
    ++holding_[ask.labeler];
    const LabelerGroup& group = crowd_.group_of(ask.labeler);
    double& busy = busy_until_[ask.labeler];
    const double began = std::max(hour, busy);
    const double lease_end = hour + scenario_.lease_seconds / 3600;
    const double hours = scenario_.seconds / 3600 *
                         crowd_.at(ask.labeler).time_factor *
                         std::exp(group.seconds_sd * rng_.Normal());
    const bool comes =
        !rng_.Bernoulli(group.abandon) && began + hours <= lease_end;
    if (comes) busy = began + hours;
    pending_.push({.hour = comes ? busy : lease_end,
                   .order = order_++,
                   .ask = ask,
                   .comes = comes,
                   .began = began});
  }

  MarketOutcome Finish() {
    const double hours = scenario_.hours;
    outcome_.arrivals_per_hour /= hours;
    double waited = 0;
    for (const OpenTask& task : tasks_) {
      if (!task.done) open_hours_ += std::max(0.0, hours - task.arrived);
    }
    for (const double wait : outcome_.waiting_hours) waited += wait;
    outcome_.open_tasks = open_hours_ / hours;
    outcome_.mean_waiting_hours =
        waited /
        static_cast<double>(std::max<size_t>(1, outcome_.waiting_hours.size()));
    for (int32_t i = 0; i < crowd_.size(); ++i) {
      const SimulatedLabeler& labeler = crowd_.at(i);
      const LabelerGroup& group = crowd_.group_of(i);
      const double present = crowd_.HoursPresent(i, hours);
      outcome_.groups[labeler.group].hours += present;
      if (present <= 0) continue;
      outcome_.answers_of_labeler.push_back(
          static_cast<double>(labeler.answers) / present);
      double level = 0;
      for (const double skill : labeler.skill) {
        level += skill / scenario_.domains;
      }
      const bool able = group.conduct == Conduct::kHonest && level > 0;
      outcome_.able += able;
      if (present < kWorkingDay || labeler.answers > 0) continue;
      ++outcome_.starved;
      outcome_.starved_able += able;
    }
    return std::move(outcome_);
  }

  const Scenario& scenario_;
  const AskPolicyOptions& options_;
  const uint64_t seed_;
  Crowd crowd_;
  Rng task_rng_;
  Rng rng_;
  std::unique_ptr<AskPolicy> policy_;
  std::vector<OpenTask> tasks_;
  std::vector<int32_t> open_;  // rows, oldest first
  std::priority_queue<Pending, std::vector<Pending>, std::greater<>> pending_;
  std::vector<double> busy_until_;  // [labelers]
  std::vector<int32_t> holding_;    // [labelers] tasks at hand
  double next_arrival_ = 0;
  double open_hours_ = 0;
  int64_t order_ = 0;
  MarketOutcome outcome_;
};

}  // namespace

absl::StatusOr<MarketOutcome> SimulateMarket(const Scenario& scenario,
                                             absl::string_view policy,
                                             AskPolicyOptions options,
                                             uint64_t seed) {
  ALLOT_RETURN_IF_ERROR(Validate(scenario));
  options.lease_micros = static_cast<int64_t>(scenario.lease_seconds * 1e6);
  return Market(scenario, options, seed).Run(policy);
}

}  // namespace allot
