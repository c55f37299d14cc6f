// SPDX-License-Identifier: Apache-2.0
// Which of the waiting jobs comes next, and which one has to go when there are
// too many.
//
// Order    A more urgent class comes first, but no class waits for ever: one
//          that was passed over kTurns times in a row gets a turn. Within a
//          class the pools take turns, whatever each of them has waiting; a
//          pool's own jobs are served in the order they came.
// Pools    share 256 lanes by a hash of their id: fair without a table that
//          grows with what callers invent. Two pools of one lane share its
//          turn. Stochastic fairness queueing: McKenney (1990),
//          doi:10.1109/INFCOM.1990.91316.
// Cost     O(1), without allocation; Victim() is O(lanes in use).
// Threads  None of its own: the owner locks.
#ifndef ALLOT_SERVER_JOB_QUEUE_H_
#define ALLOT_SERVER_JOB_QUEUE_H_

#include <array>
#include <cstdint>
#include <limits>

namespace allot {

// Most urgent first: somebody waits at a screen; a program waits; nobody waits.
enum class Priority : uint8_t { kInteractive, kBatch, kBackfill };
inline constexpr int kPriorities = 3;

struct JobLane;

// What is to be done, as a link of the queue: waiting needs no memory of its
// own. It must live until it was run or evicted.
class Job {
 public:
  // On a worker, or where it is submitted.
  virtual void Run() = 0;
  // Instead of Run(), when it has to give way. Called by whoever submits the
  // job that takes its place.
  virtual void Evicted() = 0;

  // Set before it is submitted.
  Priority priority = Priority::kInteractive;
  uint64_t pool_hash = 0;
  // How long such jobs take, as far as is known: usually, and at the least.
  int64_t expected_nanos = 0;
  int64_t least_nanos = 0;
  // Of no use to anybody after this; Clock::MonotonicNanos().
  int64_t finish_by_nanos = std::numeric_limits<int64_t>::max();
  // If it would have to wait for longer it is refused, unless it is patient.
  int64_t longest_wait_nanos = std::numeric_limits<int64_t>::max();
  // Its sender waits for it before he sends the next one: he is slowed down by
  // waiting, not by refusals.
  bool patient = false;

 protected:
  virtual ~Job() = default;

 private:
  friend class JobQueue;
  Job* previous_ = nullptr;
  Job* next_ = nullptr;
  JobLane* lane_ = nullptr;  // null unless it waits
};

// The jobs of some pools in one class.
struct JobLane {
  Job* first = nullptr;
  Job* last = nullptr;
  int jobs = 0;
  JobLane* next = nullptr;  // in the ring of lanes in use
  JobLane* previous = nullptr;
};

class JobQueue {
 public:
  static constexpr int kLanes = 256;
  static constexpr int kTurns = 16;

  void Push(Job* job);
  // The next job, null if there is none; the more urgent ones alone if asked.
  Job* Pop();
  Job* PopInteractive();
  // Takes out a job that waits; false if it does not.
  bool Remove(Job* job);

  // The job that should rather be refused than `newcomer`, null if there is
  // none: the last one of the longest lane of the least urgent class, or of
  // the newcomer's class if that lane has at least two more than the
  // newcomer's. Never a patient one.
  Job* Victim(const Job& newcomer) const;

  // Expected work of those that would run before `newcomer`.
  int64_t NanosBefore(const Job& newcomer) const;
  int64_t nanos() const;
  int size() const { return size_; }
  int size(Priority priority) const {
    return classes_[static_cast<int>(priority)].jobs;
  }

 private:
  struct Class {
    std::array<JobLane, kLanes> lanes;
    JobLane* turn = nullptr;  // of the ring of lanes in use
    int lanes_in_use = 0;
    int jobs = 0;
    int64_t nanos = 0;
    int passed_over = 0;
  };

  static int LaneOf(const Job& job) {
    return static_cast<int>(job.pool_hash % kLanes);
  }
  Job* PopFrom(Class& from);
  void Unlink(Job* job, Class& from);

  std::array<Class, kPriorities> classes_;
  int size_ = 0;
};

}  // namespace allot

#endif  // ALLOT_SERVER_JOB_QUEUE_H_
