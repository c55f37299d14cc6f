// SPDX-License-Identifier: Apache-2.0
#include "server/micro_batcher.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "lib/match/certificate.h"
#include "server/peek.h"

namespace allot {

// Waits for its window to end, then for a worker.
class MicroBatcher::Group final : public Job {
 public:
  explicit Group(MicroBatcher* owner) : owner_(*owner) { patient = true; }
  void Run() override {
    const std::unique_ptr<Group> self(this);
    owner_.Solve(members);
    MutexLock lock(owner_.mutex_);
    owner_.pending_ -= static_cast<int>(members.size());
    // Under the lock: who waits for this destroys the owner.
    if (owner_.stopping_) owner_.wake_.notify_all();
  }
  void Evicted() override { Run(); }  // the patient never are

  std::vector<Member> members;

 private:
  MicroBatcher& owner_;
};

Plan PartOf(const Plan& joint, int32_t task) {
  Plan part = joint;
  part.pairs.clear();
  part.explanations.clear();
  part.unfilled.clear();
  part.objective = part.bits = part.cost = part.seconds = 0;
  part.claims_granted = part.claims_lost = 0;
  for (size_t i = 0; i < joint.pairs.size(); ++i) {
    const PlannedPair& pair = joint.pairs[i];
    if (pair.task != task) continue;
    part.pairs.push_back(pair);
    part.pairs.back().task = 0;
    if (!joint.explanations.empty()) {
      part.explanations.push_back(joint.explanations[i]);
    }
    part.objective += pair.utility;
    part.bits += pair.bits;
    part.cost += pair.cost;
    part.seconds += pair.seconds;
    part.claims_granted += pair.lease.has_value();
  }
  part.filled = part.slots = static_cast<int32_t>(part.pairs.size());
  for (const UnfilledTask& unfilled : joint.unfilled) {
    if (unfilled.task != task) continue;
    part.unfilled.push_back(unfilled);
    part.unfilled.back().task = 0;
    part.slots += unfilled.missing;
  }
  part.upper_bound =
      part.objective + std::max(0.0, joint.upper_bound - joint.objective);
  part.gap = RelativeGap(part.objective, part.upper_bound);
  return part;
}

MicroBatcher::MicroBatcher(const ServerCore* core, absl::Duration window,
                           Planned planned)
    : core_(*core),
      window_nanos_(absl::ToInt64Nanoseconds(window)),
      planned_(std::move(planned)),
      watcher_([this] { Watch(); }) {}

MicroBatcher::~MicroBatcher() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  watcher_.join();
  // Callers that got their plan may be here before the worker is done.
  MutexLock lock(mutex_);
  while (pending_ > 0) wake_.wait(mutex_);
}

bool MicroBatcher::Suits(const AllocateCall& call) const {
  return call.tasks.size() == 1 && call.labelers.empty() && !call.budget &&
         (!call.deadline_nanos ||
          *call.deadline_nanos - core_.clock->MonotonicNanos() >
              4 * window_nanos_);
}

bool MicroBatcher::Add(const std::string& key, Member& member) {
  std::unique_ptr<Group> full;
  {
    MutexLock lock(mutex_);
    // When workers do not keep up, what is solved on this one slows down those
    // who send.
    if (stopping_ || pending_ >= core_.workers->queue_limit()) {
      return false;
    }
    std::unique_ptr<Group>& group = open_[key];
    if (group == nullptr) {
      group = std::make_unique<Group>(this);
      group->pool_hash = HashPool(member.call.pool);
      due_.push_back(
          {core_.clock->MonotonicNanos() + window_nanos_, key, group.get()});
      wake_.notify_one();
    } else if (std::ranges::any_of(group->members, [&](const Member& other) {
                 return other.call.tasks[0].id == member.call.tasks[0].id;
               })) {
      return false;
    }
    group->members.push_back(std::move(member));
    ++pending_;
    if (group->members.size() >= kMostTasks) {
      full = std::move(group);
      open_.erase(key);
    }
  }
  if (full != nullptr) Send(std::move(full));
  return true;
}

void MicroBatcher::Watch() {
  mutex_.lock();
  while (!stopping_ || !due_.empty()) {
    if (due_.empty()) {
      wake_.wait(mutex_);
      continue;
    }
    // Windows are all as long as each other: the first opened ends first.
    const int64_t left = due_.front().nanos - core_.clock->MonotonicNanos();
    if (left > 0 && !stopping_) {
      wake_.wait_for(mutex_, std::chrono::nanoseconds(left));
      continue;
    }
    const Due due = std::move(due_.front());
    due_.pop_front();
    const auto it = open_.find(due.key);
    // Gone if it was full before.
    if (it == open_.end() || it->second.get() != due.group) continue;
    std::unique_ptr<Group> group = std::move(it->second);
    open_.erase(it);
    mutex_.unlock();
    Send(std::move(group));
    mutex_.lock();
  }
  mutex_.unlock();
}

void MicroBatcher::Send(std::unique_ptr<Group> group) {
  Group* job = group.release();
  // Its calls were admitted before. A server that stops still answers them.
  if (!core_.workers->SubmitAdmitted(job)) job->Run();
}

void MicroBatcher::Solve(std::vector<Member>& members) const {
  const auto gone = [](const Member& member) {
    return member.call.cancelled != nullptr && *member.call.cancelled;
  };
  std::vector<Member*> solved;
  for (Member& member : members) {
    if (gone(member)) {
      member.done(absl::CancelledError("the client has gone"));
    } else {
      solved.push_back(&member);
    }
  }
  if (solved.empty()) return;
  if (solved.size() > 1) {
    AllocateCall joint = solved[0]->call;
    joint.cancelled = nullptr;  // one who goes does not stop the others' plan
    for (size_t i = 1; i < solved.size(); ++i) {
      const AllocateCall& call = solved[i]->call;
      joint.tasks.push_back(call.tasks[0]);
      if (call.deadline_nanos) {
        joint.deadline_nanos =
            std::min(joint.deadline_nanos.value_or(*call.deadline_nanos),
                     *call.deadline_nanos);
      }
    }
    const absl::StatusOr<Plan> plan = core_.engine->Allocate(joint);
    if (plan.ok()) {
      core_.metrics->MicroBatched(static_cast<int64_t>(solved.size()));
      planned_(joint, solved, *plan);
      for (size_t i = 0; i < solved.size(); ++i) {
        solved[i]->done(PartOf(*plan, static_cast<int32_t>(i)));
      }
      return;
    }
    // Somebody's fault, and nobody else's: each alone shall tell.
  }
  for (Member* member : solved) {
    absl::StatusOr<Plan> plan = core_.engine->Allocate(member->call);
    if (plan.ok()) planned_(member->call, {member}, *plan);
    member->done(std::move(plan));
  }
}

}  // namespace allot
