// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/pool_state.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "lib/engine/block_beliefs.h"
#include "lib/skill/prior.h"

namespace allot {
namespace {

// The newcomers' prior is estimated again each time the pool has learned from
// this many answers, and from a quarter more than last time: a constant share
// of the work of learning.
constexpr int64_t kFirstEstimate = 500;

}  // namespace

void PoolState::Apply(int64_t sequence, Event event, int64_t here_micros,
                      std::span<const int32_t> labelers) {
  sequence_ = sequence;
  here_micros_ = here_micros;
  labelers_ = labelers;
  std::visit([&](auto& body) { Fold(event, body); }, event.body);
}

void PoolState::RestartLeases(std::optional<int64_t> unix_micros,
                              int64_t here_micros) {
  expiries_.Clear();
  for (const auto& [id, task] : leases_) {
    for (OpenLease& lease : task->leases) {
      if (lease.id != id) continue;
      const int64_t length = std::max<int64_t>(
          0, lease.expires_unix_micros - lease.granted_unix_micros);
      const int64_t gone =
          unix_micros ? std::clamp<int64_t>(
                            *unix_micros - lease.granted_unix_micros, 0, length)
                      : 0;
      lease.ends_here_micros = here_micros + length - gone;
      expiries_.Add(lease.ends_here_micros, *task);
    }
  }
}

void PoolState::SetEnd(const TaskRecord& task, OpenLease& lease,
                       int64_t ends_here_micros) {
  expiries_.Remove(lease.ends_here_micros);
  lease.ends_here_micros = ends_here_micros;
  expiries_.Add(ends_here_micros, task);
}

std::shared_ptr<const Roster> PoolState::Publish() {
  if (changed_) {
    published_ =
        std::make_shared<const Roster>(std::move(editor_).Finish(sequence_));
    editor_ = RosterEditor(*published_);
    changed_ = false;
  }
  return published_;
}

const TaskRecord* PoolState::FindTask(absl::string_view id) const {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : found->second.get();
}

const TaskRecord* PoolState::FindLease(absl::string_view id) const {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : found->second;
}

void PoolState::Fold(const Event&, const PoolUpserted& body) {
  std::vector<SkillBelief> added;
  for (size_t d = editor_.num_skills(); d < body.pool.skills.size(); ++d) {
    const Skill& skill = body.pool.skills[d];
    added.push_back({skill.prior_mean, skill.prior_variance});
  }
  if (!added.empty()) editor_.AppendSkills(added);
  pool_ = std::make_shared<const Pool>(body.pool);
  EstimatePrior();
  changed_ = true;
}

void PoolState::EstimatePrior() {
  const Pool& pool = *pool_;
  const size_t skills = pool.skills.size();
  auto estimate = std::make_shared<std::vector<SkillBelief>>(skills);
  std::vector<std::vector<SiteTerm>> evidence(skills);
  if (pool.learning.learn_prior && num_answers_ > 0) {
    const RosterBlock* block = nullptr;
    for (int32_t row = 0; row < editor_.num_rows(); ++row) {
      const int lane = Roster::lane(row);
      if (lane == 0) block = &editor_.Read(row);
      if (block->answers[lane] == 0) continue;
      const std::vector<SkillBelief>& start = *block->profile(lane).start;
      for (size_t d = 0; d < std::min(skills, start.size()); ++d) {
        const SiteTerm learned =
            SkillEvidence(start[d], GetSkill(*block, lane, d));
        if (learned.precision > 0) evidence[d].push_back(learned);
      }
    }
  }
  for (size_t d = 0; d < skills; ++d) {
    PriorOptions options;
    options.configured = {pool.skills[d].prior_mean,
                          pool.skills[d].prior_variance};
    (*estimate)[d] = evidence[d].empty() ? options.configured
                                         : FitPrior(evidence[d], options);
  }
  const auto before = std::exchange(newcomer_prior_, std::move(estimate));
  next_estimate_ = std::max(kFirstEstimate, num_answers_ + num_answers_ / 4);
  if (before == nullptr) return;
  // Whoever has not answered yet is still a newcomer.
  for (int32_t row = 0; row < editor_.num_rows(); ++row) {
    const RosterBlock& read = editor_.Read(row);
    const int lane = Roster::lane(row);
    if (read.answers[lane] > 0 || read.profile(lane).start != before) continue;
    RosterBlock& block = editor_.Edit(row);
    LabelerProfile profile = block.profile(lane);
    profile.start = newcomer_prior_;
    editor_.SetProfile(row, std::move(profile));
    for (size_t d = 0; d < skills; ++d) {
      SetSkill(block, lane, d, (*newcomer_prior_)[d]);
    }
  }
}

void PoolState::UpsertLabeler(const LabelerUpdate& update) {
  std::optional<int32_t> row = editor_.Find(update.id);
  const bool known = row.has_value();
  bool fresh = false;
  if (!known) {
    const RosterEditor::Added added = editor_.Add(update.id);
    row = added.row;
    fresh = !added.returned;
  }
  RosterBlock& block = editor_.Edit(*row);
  const int lane = Roster::lane(*row);
  if (fresh) {
    block.capacity[lane] = 1;
    SetSpeed(block, lane, SpeedBelief());
    for (size_t d = 0; d < newcomer_prior_->size(); ++d) {
      SetSkill(block, lane, d, (*newcomer_prior_)[d]);
    }
  }
  if (update.price) {
    block.price_per_answer[lane] = static_cast<float>(update.price->per_answer);
    block.price_per_second[lane] =
        static_cast<float>(update.price->per_hour / 3600);
  }
  if (update.capacity) block.capacity[lane] = *update.capacity;
  for (const auto& [skill, belief] : update.skills) {
    SetSkill(block, lane, skill, belief);
  }
  if (fresh || update.qualifications || update.correlation_group ||
      !update.skills.empty()) {
    LabelerProfile profile = block.profile(lane);
    if (fresh) profile.start = newcomer_prior_;
    if (!update.skills.empty()) {
      // Told, not learned: what answers add counts from here.
      auto start = std::make_shared<std::vector<SkillBelief>>();
      for (size_t d = 0; d < newcomer_prior_->size(); ++d) {
        start->push_back(GetSkill(block, lane, d));
      }
      profile.start = std::move(start);
    }
    if (update.qualifications) {
      profile.qualifications = *update.qualifications;
      std::sort(profile.qualifications.begin(), profile.qualifications.end());
      profile.qualifications.erase(std::unique(profile.qualifications.begin(),
                                               profile.qualifications.end()),
                                   profile.qualifications.end());
    }
    if (update.correlation_group) {
      profile.correlation_group = *update.correlation_group;
    }
    editor_.SetProfile(*row, std::move(profile));
  }
}

void PoolState::Fold(const Event&, const LabelersUpserted& body) {
  for (const LabelerUpdate& update : body.labelers) UpsertLabeler(update);
  changed_ = true;
}

void PoolState::Fold(const Event&, const LabelersDeleted& body) {
  for (const std::string& id : body.ids) {
    const std::optional<int32_t> row = editor_.Find(id);
    if (row) editor_.Remove(*row);
  }
  changed_ = true;
}

void PoolState::Fold(const Event& event, TasksRecorded& body) {
  for (Task& task : body.tasks) {
    std::unique_ptr<TaskRecord>& record = tasks_[task.id];
    const std::optional<int32_t> gold = task.gold_label;
    if (record == nullptr) {
      record = std::make_unique<TaskRecord>();
      record->spec = std::move(task);
      record->ordinal = static_cast<int32_t>(task_order_.size());
      task_order_.push_back(record.get());
    } else if (gold) {
      record->spec.gold_label = gold;
      learner_.Revise(pool_->learning, record->spec, record->answers, editor_);
      changed_ = true;
    }
    if (gold) inputs_.AddGold(record->ordinal, *gold);
  }
  inputs_.EndEvent(event.unix_micros, num_answers_);
}

void PoolState::CloseLease(TaskRecord& task, size_t at) {
  const OpenLease& lease = task.leases[at];
  loads_->Add(lease.labeler, -1);
  expiries_.Remove(lease.ends_here_micros);
  leases_.erase(lease.id);
  task.leases.erase(task.leases.begin() + static_cast<std::ptrdiff_t>(at));
}

void PoolState::Fold(const Event& event, LeasesGranted& body) {
  TaskRecord* task = nullptr;  // leases come by task
  for (size_t i = 0; i < body.leases.size(); ++i) {
    Lease& lease = body.leases[i];
    if (task == nullptr || task->spec.id != lease.task) {
      task = tasks_.find(lease.task)->second.get();
      task->leases.reserve(
          std::min(static_cast<size_t>(task->spec.redundancy),
                   task->leases.size() + body.leases.size() - i));
    }
    const int32_t row = RowOf(i, lease.labeler);
    leases_[lease.id] = task;
    OpenLease& open = task->leases.emplace_back();
    open.id = std::move(lease.id);
    open.labeler = row;
    open.granted_unix_micros = event.unix_micros;
    open.expires_unix_micros = lease.expires_unix_micros;
    SetEnd(*task, open,
           here_micros_ + lease.expires_unix_micros - event.unix_micros);
    loads_->Add(row, 1);
    ++leases_granted_;
  }
}

void PoolState::Fold(const Event& event, const LeasesRenewed& body) {
  for (const std::string& id : body.ids) {
    TaskRecord& task = *leases_.find(id)->second;
    for (OpenLease& lease : task.leases) {
      if (lease.id != id) continue;
      lease.granted_unix_micros = event.unix_micros;
      lease.expires_unix_micros = body.expires_unix_micros;
      SetEnd(task, lease,
             here_micros_ + body.expires_unix_micros - event.unix_micros);
    }
  }
}

void PoolState::Fold(const Event&, const LeasesEnded& body) {
  for (const std::string& id : body.ids) {
    TaskRecord& task = *leases_.find(id)->second;
    for (size_t i = 0; i < task.leases.size(); ++i) {
      if (task.leases[i].id != id) continue;
      if (body.reason == ReleaseReason::kNotAgainToHer) {
        task.not_again.push_back(task.leases[i].labeler);
      }
      task.withdrawn |= body.reason == ReleaseReason::kNever;
      CloseLease(task, i);
      break;
    }
  }
}

void PoolState::Fold(const Event& event, const RequestAnswered& body) {
  requests_.Add(sequence_, event.unix_micros, body);
}

}  // namespace allot
