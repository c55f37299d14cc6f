// SPDX-License-Identifier: Apache-2.0
#include "server/job_queue.h"

#include <algorithm>

namespace allot {

void JobQueue::Push(Job* job) {
  Class& to = classes_[static_cast<int>(job->priority)];
  JobLane& lane = to.lanes[LaneOf(*job)];
  job->lane_ = &lane;
  job->next_ = nullptr;
  job->previous_ = lane.last;
  (lane.last != nullptr ? lane.last->next_ : lane.first) = job;
  lane.last = job;
  if (lane.jobs++ == 0) {
    // Behind all others: just before the one whose turn it is.
    if (to.turn == nullptr) {
      to.turn = lane.next = lane.previous = &lane;
    } else {
      lane.next = to.turn;
      lane.previous = to.turn->previous;
      lane.previous->next = lane.next->previous = &lane;
    }
    ++to.lanes_in_use;
  }
  ++to.jobs;
  to.nanos += job->expected_nanos;
  ++size_;
}

void JobQueue::Unlink(Job* job, Class& from) {
  JobLane& lane = *job->lane_;
  (job->previous_ != nullptr ? job->previous_->next_ : lane.first) = job->next_;
  (job->next_ != nullptr ? job->next_->previous_ : lane.last) = job->previous_;
  job->lane_ = nullptr;
  if (--lane.jobs == 0) {
    if (from.turn == &lane) from.turn = lane.next;
    lane.previous->next = lane.next;
    lane.next->previous = lane.previous;
    if (--from.lanes_in_use == 0) from.turn = nullptr;
  }
  --from.jobs;
  from.nanos -= job->expected_nanos;
  --size_;
}

Job* JobQueue::PopFrom(Class& from) {
  from.passed_over = 0;
  JobLane* lane = from.turn;
  Job* job = lane->first;
  from.turn = lane->next;
  Unlink(job, from);
  return job;
}

Job* JobQueue::Pop() {
  if (size_ == 0) return nullptr;
  int chosen = 0;
  while (classes_[chosen].jobs == 0) ++chosen;
  for (int c = chosen + 1; c < kPriorities; ++c) {
    Class& passed = classes_[c];
    if (passed.jobs > 0 && ++passed.passed_over > kTurns)
      return PopFrom(passed);
  }
  return PopFrom(classes_[chosen]);
}

Job* JobQueue::PopInteractive() {
  return classes_[0].jobs > 0 ? PopFrom(classes_[0]) : nullptr;
}

bool JobQueue::Remove(Job* job) {
  if (job->lane_ == nullptr) return false;
  Unlink(job, classes_[static_cast<int>(job->priority)]);
  return true;
}

Job* JobQueue::Victim(const Job& newcomer) const {
  const int own = static_cast<int>(newcomer.priority);
  for (int c = kPriorities - 1; c >= own; --c) {
    const Class& from = classes_[c];
    int most = c > own ? 0 : from.lanes[LaneOf(newcomer)].jobs + 1;
    Job* victim = nullptr;
    const JobLane* lane = from.turn;
    for (int i = 0; i < from.lanes_in_use; ++i, lane = lane->next) {
      if (lane->jobs > most && !lane->last->patient) {
        most = lane->jobs;
        victim = lane->last;
      }
    }
    if (victim != nullptr) return victim;
  }
  return nullptr;
}

int64_t JobQueue::NanosBefore(const Job& newcomer) const {
  const int own = static_cast<int>(newcomer.priority);
  int64_t before = 0;
  for (int c = 0; c < own; ++c) before += classes_[c].nanos;
  const Class& to = classes_[own];
  if (to.jobs == 0) return before;
  // Every other lane has a turn for each of its own; a new lane comes last.
  const int64_t ahead = to.lanes[LaneOf(newcomer)].jobs;
  const int64_t jobs =
      std::min<int64_t>(to.jobs, std::max<int64_t>(ahead, 1) * to.lanes_in_use);
  return before + to.nanos / to.jobs * jobs;
}

int64_t JobQueue::nanos() const {
  int64_t total = 0;
  for (const Class& c : classes_) total += c.nanos;
  return total;
}

}  // namespace allot
