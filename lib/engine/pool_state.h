// SPDX-License-Identifier: Apache-2.0
// One pool's state: a fold over its events and nothing else. Given the same
// events in the same order it is the same, bit for bit, whenever and wherever
// it is folded; that is what makes a restart exact.
#ifndef ALLOT_LIB_ENGINE_POOL_STATE_H_
#define ALLOT_LIB_ENGINE_POOL_STATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "lib/engine/expiry_table.h"
#include "lib/engine/learning.h"
#include "lib/engine/load_table.h"
#include "lib/engine/pool_model.h"
#include "lib/engine/refit_inputs.h"
#include "lib/engine/request_table.h"
#include "lib/engine/task_table.h"
#include "lib/roster/pool.h"
#include "lib/roster/roster.h"
#include "lib/store/event.h"

namespace allot {

// Not thread-safe, but for loads(): see engine.cc for who may touch it when.
class PoolState {
 public:
  PoolState() : editor_(Roster()) {}

  // Folds one event. The writer has checked it against this state: labelers
  // and leases that it names exist, pairs are new. `here_micros` is when the
  // event happened on this process's steady clock: leases last from then on for
  // as long as they were granted for, whatever anybody's wall clock says.
  // `labelers` are the rows of those whom its answers or leases name, in order,
  // if the caller knows them; they are looked up otherwise.
  void Apply(int64_t sequence, Event event, int64_t here_micros,
             std::span<const int32_t> labelers = {});
  // Works out what the answers among `events`, which Apply() is to fold next,
  // teach, so that Apply() need not. Nothing that a reader may look at changes.
  // `labelers` is as in Apply(). A second call does nothing.
  void Anticipate(std::span<const Event> events,
                  std::span<const int32_t> labelers);
  // The events that were anticipated do not come.
  void Forget();
  // After a restart: each lease lasts for what was left of it at `unix_micros`,
  // by the time of day of its own grant or renewal; from anew if nobody knows
  // the time. So whatever a clock did, no lease lasts longer than it was
  // granted for, and without a time none ends early.
  void RestartLeases(std::optional<int64_t> unix_micros, int64_t here_micros);

  const std::shared_ptr<const Pool>& pool() const { return pool_; }
  // Of the last event folded.
  int64_t sequence() const { return sequence_; }
  // A snapshot of the labelers as of now. Cheap when nothing changed.
  std::shared_ptr<const Roster> Publish();

  const TaskTable& tasks() const { return tasks_; }
  const TaskRecord* FindTask(absl::string_view id) const;
  // The task a lease is on, or null if there is no such open lease.
  const TaskRecord* FindLease(absl::string_view id) const;
  const LoadTable& loads() const { return *loads_; }
  // For readers who outlast the state.
  std::shared_ptr<const LoadTable> shared_loads() const { return loads_; }
  // Null while the pool has no fitted model. Not folded: it follows from the
  // last cut of refit_inputs(), and is set when it has been fitted.
  const std::shared_ptr<const PoolModel>& model() const { return model_; }
  void SetModel(std::shared_ptr<const PoolModel> model) {
    if (model != nullptr) inputs_.Done(model->version);
    model_ = std::move(model);
  }
  // By TaskRecord::ordinal.
  const TaskRecord& TaskAt(int32_t ordinal) const {
    return *task_order_[static_cast<size_t>(ordinal)];
  }
  const RequestTable& requests() const { return requests_; }
  const RefitInputs& refit_inputs() const { return inputs_; }
  int64_t num_answers() const { return num_answers_; }
  int64_t num_leases() const { return static_cast<int64_t>(leases_.size()); }
  // Number of leases ever granted: names the next one, and fences it.
  int64_t leases_granted() const { return leases_granted_; }
  // By OpenLease::ends_here_micros.
  const ExpiryTable& expiries() const { return expiries_; }
  // What is believed of a labeler of whom nothing is known, [D]. Requires that
  // a PoolUpserted was folded.
  const std::vector<SkillBelief>& newcomer_prior() const {
    return *newcomer_prior_;
  }
  std::shared_ptr<const std::vector<SkillBelief>> shared_newcomer_prior()
      const {
    return newcomer_prior_;
  }

 private:
  friend struct CheckpointAccess;

  void Fold(const Event& event, const PoolUpserted& body);
  void Fold(const Event& event, const LabelersUpserted& body);
  void Fold(const Event& event, const LabelersDeleted& body);
  void Fold(const Event& event, TasksRecorded& body);
  void Fold(const Event& event, const AnswersRecorded& body);
  void Fold(const Event& event, LeasesGranted& body);
  void Fold(const Event& event, const LeasesRenewed& body);
  void Fold(const Event& event, const LeasesEnded& body);
  void Fold(const Event& event, const RequestAnswered& body);

  // A task's answers as they are when an event with answers to it is folded.
  struct Lesson {
    const Task* task = nullptr;
    size_t first = 0;  // which of the event's answers is to this task
    std::vector<RecordedAnswer> answers;
  };
  // Lets the editor learn from an event's answers. Of tasks that nobody knows
  // yet, the specifications are in `coming`.
  std::vector<Lesson> Learn(const Event& event, const AnswersRecorded& body,
                            std::span<const Task> coming);
  void UpsertLabeler(const LabelerUpdate& update);
  void CloseLease(TaskRecord& task, size_t at);
  // What an answer tells besides its label: when, and how fast.
  void Observe(const Event& event, const Task& task, const Answer& answer,
               RosterBlock& block, int lane);
  // Empirical Bayes over all labelers who have answered. O(labelers * D).
  void EstimatePrior();

  void SetEnd(const TaskRecord& task, OpenLease& lease,
              int64_t ends_here_micros);
  // Of the i-th answer or lease of the event that is folded.
  int32_t RowOf(size_t i, absl::string_view labeler) const {
    return labelers_.empty() ? *editor_.Find(labeler) : labelers_[i];
  }

  int64_t sequence_ = 0;
  // While one is folded.
  int64_t here_micros_ = 0;
  std::span<const int32_t> labelers_;
  std::shared_ptr<const Pool> pool_;
  std::shared_ptr<const Roster> published_ = std::make_shared<const Roster>();
  bool changed_ = false;
  RosterEditor editor_;
  TaskTable tasks_;
  std::vector<TaskRecord*> task_order_;  // by ordinal
  absl::flat_hash_map<std::string, TaskRecord*> leases_;
  ExpiryTable expiries_;
  std::shared_ptr<LoadTable> loads_ = std::make_shared<LoadTable>();
  std::shared_ptr<const std::vector<SkillBelief>> newcomer_prior_;
  int64_t next_estimate_ = 0;  // at this many answers
  int64_t num_answers_ = 0;
  int64_t leases_granted_ = 0;
  Learner learner_;
  // Of the event with answers that is to be folded next, if it was anticipated.
  std::optional<std::vector<Lesson>> anticipated_;
  RequestTable requests_;
  RefitInputs inputs_;
  std::shared_ptr<const PoolModel> model_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_POOL_STATE_H_
