// SPDX-License-Identifier: Apache-2.0
#include "tests/eval/online.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/truth/calibration.h"

namespace allot {
namespace {

constexpr int kChunk = 1000;
constexpr int kMaxRounds = 12;
constexpr double kPrice = 0.05;  // of an answer, in worth of a bit
constexpr size_t kMaxCallBytes = 2 << 20;

// One task's answers in the order of the file, one a labeler.
using TaskAnswers = std::vector<std::pair<int32_t, int32_t>>;  // labeler, label

class OnlineEvaluation {
 public:
  OnlineEvaluation(Client& client, std::string pool_id, const DataFolder& data,
                   const OnlineOptions& options)
      : client_(client),
        pool_id_(std::move(pool_id)),
        data_(data),
        options_(options) {}

  absl::StatusOr<OnlineResult> Run() {
    const auto start = std::chrono::steady_clock::now();
    ALLOT_RETURN_IF_ERROR(Split());
    ALLOT_RETURN_IF_ERROR(SetUp());
    ALLOT_RETURN_IF_ERROR(Learn());
    OnlineResult result;
    result.judged_tasks = static_cast<int64_t>(judged_.size());
    result.gold_tasks = static_cast<int64_t>(gold_.size());
    ALLOT_ASSIGN_OR_RETURN(result.majority, Majority());
    ALLOT_ASSIGN_OR_RETURN(result.served, Served());
    ALLOT_RETURN_IF_ERROR(Plan(result));
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    return result;
  }

 private:
  size_t classes() const { return data_.classes.size(); }

  absl::Status Split() {
    answers_.resize(data_.tasks.size());
    std::set<std::pair<int32_t, int32_t>> seen;
    int64_t total = 0;
    for (const LabelAnswer& answer : data_.answers) {
      // The first answer of a labeler to a task is the one that counts.
      if (!seen.emplace(answer.task, answer.labeler).second) continue;
      answers_[static_cast<size_t>(answer.task)].emplace_back(answer.labeler,
                                                              answer.label);
      ++total;
    }
    truth_.assign(data_.tasks.size(), -1);
    for (const GoldLabel& gold : data_.truth) {
      truth_[static_cast<size_t>(gold.task)] = gold.label;
    }
    std::vector<size_t> order(data_.tasks.size());
    std::iota(order.begin(), order.end(), size_t{0});
    Rng rng(options_.seed);
    Shuffle(order, rng);
    const auto known = static_cast<double>(data_.truth.size());
    const auto gold_wanted =
        static_cast<size_t>(std::llround(options_.gold_share * known));
    int64_t before = 0;
    for (const size_t task : order) {
      const bool first = 2 * before < total;
      before += static_cast<int64_t>(answers_[task].size());
      if (first) {
        learned_.push_back(task);
        if (truth_[task] >= 0 && gold_.size() < gold_wanted) {
          gold_.insert(task);
        }
      } else if (truth_[task] >= 0 && judged_.size() < options_.max_judged) {
        judged_.push_back(task);
      }
    }
    if (judged_.empty()) {
      return absl::InvalidArgumentError("no task with a known truth to judge");
    }
    return absl::OkStatus();
  }

  absl::Status SetUp() {
    v1::UpsertPoolRequest pool;
    pool.mutable_pool()->set_pool_id(pool_id_);
    pool.mutable_pool()->add_skills()->set_name("general");
    v1::LabelSet& labels = *pool.mutable_pool()->add_label_sets();
    labels.set_name("labels");
    for (const std::string& name : data_.classes) labels.add_labels(name);
    ALLOT_RETURN_IF_ERROR(
        client_.Call(client_.pools(), &v1::PoolService::Stub::UpsertPool, pool)
            .status());
    v1::UpsertLabelersRequest labelers;
    labelers.set_pool_id(pool_id_);
    for (size_t i = 0; i < data_.labelers.size(); ++i) {
      v1::Labeler& labeler = *labelers.add_labelers();
      labeler.set_labeler_id(data_.labelers[i]);
      labeler.set_capacity(1000000);
      labeler.mutable_price()->set_per_answer(kPrice);
      if (labelers.labelers_size() < kChunk && i + 1 < data_.labelers.size()) {
        continue;
      }
      ALLOT_RETURN_IF_ERROR(client_
                                .Call(client_.labelers(),
                                      &v1::LabelerService::Stub::UpsertLabelers,
                                      labelers)
                                .status());
      labelers.clear_labelers();
    }
    return absl::OkStatus();
  }

  v1::Answer MakeAnswer(size_t task, int32_t labeler, int32_t label) const {
    v1::Answer answer;
    answer.set_task_id(data_.tasks[task]);
    answer.set_labeler_id(data_.labelers[static_cast<size_t>(labeler)]);
    answer.set_label(label);
    return answer;
  }

  absl::Status Report(v1::ReportAnswersRequest& request) {
    if (request.answers().empty()) return absl::OkStatus();
    request.set_pool_id(pool_id_);
    const auto response = client_.Call(
        client_.labelers(), &v1::LabelerService::Stub::ReportAnswers, request);
    request.Clear();
    return response.status();
  }

  absl::Status Learn() {
    v1::ReportAnswersRequest request;
    for (const size_t task : learned_) {
      if (gold_.contains(task)) {
        v1::Task& told = *request.add_tasks();
        told.set_task_id(data_.tasks[task]);
        told.set_gold_label(truth_[task]);
      }
      for (const auto& [labeler, label] : answers_[task]) {
        *request.add_answers() = MakeAnswer(task, labeler, label);
        if (request.answers_size() == kChunk) {
          ALLOT_RETURN_IF_ERROR(Report(request));
        }
      }
    }
    return Report(request);
  }

  // Until the server has fitted what it was told.
  absl::Status AwaitRefit() {
    v1::GetPoolRequest request;
    request.set_pool_id(pool_id_);
    for (int i = 0; i < 6000; ++i) {
      ALLOT_ASSIGN_OR_RETURN(
          const auto response,
          client_.Call(client_.pools(), &v1::PoolService::Stub::GetPool,
                       request));
      if (!response.stats().refit().pending()) return absl::OkStatus();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return absl::DeadlineExceededError("the re-fit took too long");
  }

  // See MethodResult::ece_floor.
  double EceFloor(const MatrixF& posterior) const {
    constexpr int kDraws = 40;
    Rng rng(options_.seed);
    std::vector<GoldOutcome> outcomes(static_cast<size_t>(posterior.rows()));
    double sum = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      for (Eigen::Index row = 0; row < posterior.rows(); ++row) {
        const double confidence =
            std::clamp<double>(posterior.row(row).maxCoeff(), 0, 1);
        outcomes[static_cast<size_t>(row)] = {confidence,
                                              rng.Bernoulli(confidence)};
      }
      sum += ExpectedCalibrationError(outcomes);
    }
    return sum / kDraws;
  }

  absl::StatusOr<ScoringRules> Judge(const MatrixF& posterior) const {
    std::vector<GoldLabel> truth;
    for (size_t i = 0; i < judged_.size(); ++i) {
      truth.push_back({static_cast<int32_t>(i), truth_[judged_[i]]});
    }
    return EvaluatePosteriors(posterior, truth);
  }

  double AnswersOnFile() const {
    double total = 0;
    for (const size_t task : judged_) {
      total += static_cast<double>(answers_[task].size());
    }
    return total / static_cast<double>(judged_.size());
  }

  MatrixF Zeros() const {
    return MatrixF::Zero(static_cast<Eigen::Index>(judged_.size()),
                         static_cast<Eigen::Index>(classes()));
  }

  absl::StatusOr<MethodResult> Majority() const {
    MatrixF shares = Zeros();
    MatrixF smoothed = Zeros();
    for (size_t i = 0; i < judged_.size(); ++i) {
      const auto row = static_cast<Eigen::Index>(i);
      const TaskAnswers& given = answers_[judged_[i]];
      for (const auto& answer : given) shares(row, answer.second) += 1;
      smoothed.row(row) = shares.row(row);
      smoothed.row(row).array() += 1.0F / static_cast<float>(classes());
      shares.row(row) /= shares.row(row).sum();
      smoothed.row(row) /= smoothed.row(row).sum();
    }
    MethodResult result;
    ALLOT_ASSIGN_OR_RETURN(result.rules, Judge(shares));
    result.ece_floor = EceFloor(shares);
    // A vote share of 0 would make the log loss infinite: one vote is spread
    // over the classes first.
    ALLOT_ASSIGN_OR_RETURN(const ScoringRules spread, Judge(smoothed));
    result.rules.log_loss = spread.log_loss;
    result.answers_per_task = AnswersOnFile();
    return result;
  }

  // Scores judged tasks; `given` says which answers, none for the reported
  // ones.
  absl::StatusOr<std::vector<v1::ScoreResult>> Score(
      const std::vector<size_t>& places, bool with_answers) {
    ALLOT_RETURN_IF_ERROR(AwaitRefit());
    std::vector<v1::ScoreResult> results;
    v1::ScoreRequest request;
    request.set_pool_id(pool_id_);
    size_t bytes = 0;
    for (size_t i = 0; i < places.size(); ++i) {
      const size_t task = judged_[places[i]];
      v1::ScoreItem& item = *request.add_items();
      item.mutable_task()->set_task_id(data_.tasks[task]);
      if (with_answers) {
        for (const auto& [labeler, label] : answers_[task]) {
          *item.add_answers() = MakeAnswer(task, labeler, label);
        }
      }
      bytes += item.ByteSizeLong();
      if (request.items_size() < kChunk && bytes < kMaxCallBytes &&
          i + 1 < places.size()) {
        continue;
      }
      ALLOT_ASSIGN_OR_RETURN(
          const auto response,
          client_.Call(client_.confidence(),
                       &v1::ConfidenceService::Stub::Score, request));
      results.insert(results.end(), response.results().begin(),
                     response.results().end());
      request.clear_items();
      bytes = 0;
    }
    return results;
  }

  void Store(const v1::ScoreResult& result, size_t place,
             MatrixF& posterior) const {
    for (int k = 0; k < result.posterior_size(); ++k) {
      posterior(static_cast<Eigen::Index>(place), k) =
          static_cast<float>(result.posterior(k));
    }
  }

  absl::StatusOr<MethodResult> Served() {
    std::vector<size_t> places(judged_.size());
    std::iota(places.begin(), places.end(), size_t{0});
    ALLOT_ASSIGN_OR_RETURN(const auto results, Score(places, true));
    MatrixF posterior = Zeros();
    for (const size_t place : places) Store(results[place], place, posterior);
    MethodResult result;
    result.ece_floor = EceFloor(posterior);
    ALLOT_ASSIGN_OR_RETURN(result.rules, Judge(posterior));
    result.answers_per_task = AnswersOnFile();
    return result;
  }

  // Plans one call's worth of tasks, reports the answers on file. Returns how
  // many answers came.
  absl::StatusOr<int64_t> PlanAndReport(v1::AllocateRequest& request,
                                        OnlineResult& result) {
    if (request.tasks().empty()) return 0;
    request.set_pool_id(pool_id_);
    ALLOT_ASSIGN_OR_RETURN(
        const auto plan,
        client_.Call(client_.allocation(),
                     &v1::AllocationService::Stub::Allocate, request));
    request.Clear();
    v1::ReportAnswersRequest report;
    for (const auto& pair : plan.assignments()) {
      const auto place = place_.at(pair.task_id());
      const size_t task = judged_[place];
      for (const auto& [labeler, label] : answers_[task]) {
        if (data_.labelers[static_cast<size_t>(labeler)] == pair.labeler_id()) {
          *report.add_answers() = MakeAnswer(task, labeler, label);
        }
      }
      ++collected_[place];
    }
    result.bits_per_answer += plan.summary().bits();
    result.cost_per_task += plan.summary().cost();
    const int64_t count = report.answers_size();
    ALLOT_RETURN_IF_ERROR(Report(report));
    return count;
  }

  absl::Status Plan(OnlineResult& result) {
    std::vector<size_t> open(judged_.size());
    std::iota(open.begin(), open.end(), size_t{0});
    for (const size_t place : open) {
      place_.emplace(data_.tasks[judged_[place]], place);
    }
    collected_.assign(judged_.size(), 0);
    std::vector<int> wanted(judged_.size(), 2);
    std::vector<bool> accepted(judged_.size(), false);
    MatrixF posterior = Zeros();
    posterior.setConstant(1.0F / static_cast<float>(classes()));
    int64_t total = 0;
    for (int round = 0; round < kMaxRounds && !open.empty(); ++round) {
      int64_t came = 0;
      v1::AllocateRequest request;
      size_t bytes = 0;
      for (const size_t place : open) {
        const size_t task = judged_[place];
        v1::Task& planned = *request.add_tasks();
        planned.set_task_id(data_.tasks[task]);
        planned.set_redundancy(std::min(64, collected_[place] + wanted[place]));
        std::vector<bool> on_file(data_.labelers.size(), false);
        for (const auto& answer : answers_[task]) {
          on_file[static_cast<size_t>(answer.first)] = true;
        }
        for (size_t i = 0; i < on_file.size(); ++i) {
          if (!on_file[i]) planned.add_excluded_labelers(data_.labelers[i]);
        }
        bytes += planned.ByteSizeLong();
        if (bytes < kMaxCallBytes) continue;
        ALLOT_ASSIGN_OR_RETURN(const int64_t some,
                               PlanAndReport(request, result));
        came += some;
        bytes = 0;
      }
      ALLOT_ASSIGN_OR_RETURN(const int64_t rest,
                             PlanAndReport(request, result));
      came += rest;
      total += came;
      // A task for which nobody was worth her price has nothing to score.
      std::erase_if(open, [&](size_t place) { return collected_[place] == 0; });
      ALLOT_ASSIGN_OR_RETURN(const auto scores, Score(open, false));
      std::vector<size_t> still;
      for (size_t i = 0; i < open.size(); ++i) {
        const size_t place = open[i];
        Store(scores[i], place, posterior);
        accepted[place] =
            scores[i].decision() == v1::ScoreResult::DECISION_ACCEPT;
        if (scores[i].decision() != v1::ScoreResult::DECISION_COLLECT) continue;
        if (collected_[place] >= static_cast<int>(std::min<size_t>(
                                     64, answers_[judged_[place]].size()))) {
          continue;
        }
        wanted[place] = std::clamp(scores[i].more_answers(), 1, 3);
        still.push_back(place);
      }
      open = std::move(still);
      if (came == 0) break;  // nobody is worth a further answer
    }
    return Summarise(posterior, accepted, total, result);
  }

  absl::Status Summarise(const MatrixF& posterior,
                         const std::vector<bool>& accepted, int64_t total,
                         OnlineResult& result) {
    const auto judged = static_cast<double>(judged_.size());
    ALLOT_ASSIGN_OR_RETURN(result.planned.rules, Judge(posterior));
    result.planned.ece_floor = EceFloor(posterior);
    result.planned.answers_per_task = static_cast<double>(total) / judged;
    result.bits_per_answer /= static_cast<double>(std::max<int64_t>(1, total));
    result.cost_per_task /= kPrice * judged;
    for (size_t i = 0; i < judged_.size(); ++i) {
      if (!accepted[i]) continue;
      ++result.accepted;
      Eigen::Index label = 0;
      posterior.row(static_cast<Eigen::Index>(i)).maxCoeff(&label);
      result.accepted_right += label == truth_[judged_[i]] ? 1 : 0;
    }
    return absl::OkStatus();
  }

  Client& client_;
  const std::string pool_id_;
  const DataFolder& data_;
  const OnlineOptions options_;
  std::vector<TaskAnswers> answers_;     // [tasks]
  std::vector<int32_t> truth_;           // [tasks], -1 if unknown
  std::vector<size_t> learned_;          // tasks of the first half
  std::set<size_t> gold_;                // of these, whose truth is told
  std::vector<size_t> judged_;           // tasks of the second half
  std::map<std::string, size_t> place_;  // of a task among the judged
  std::vector<int> collected_;           // [judged] answers planned so far
};

}  // namespace

absl::StatusOr<OnlineResult> EvaluateOnline(Client& client,
                                            const std::string& pool_id,
                                            const DataFolder& data,
                                            const OnlineOptions& options) {
  return OnlineEvaluation(client, pool_id, data, options).Run();
}

}  // namespace allot
