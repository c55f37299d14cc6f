// SPDX-License-Identifier: Apache-2.0
// The clients: threads that claim, renew, release, skip, answer, answer again,
// answer late, use what others hold, and send everything once more with the
// same request_id, through the public API of whichever replica comes.
#ifndef ALLOT_TESTS_TORTURE_CROWD_H_
#define ALLOT_TESTS_TORTURE_CROWD_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "tests/torture/history.h"

namespace allot::torture {

struct CrowdOptions {
  std::vector<std::string> servers;  // addresses of replicas
  std::vector<std::string> entries;  // where calls go: those, or a proxy
  int threads = 8;
  int pools = 4;
  int labelers = 240;      // of each pool
  int window = 300;        // tasks of each pool that are worked on at a time
  int batch = 96;          // items of a call, at most
  int64_t operations = 0;  // in all; 0: until Stop()
  // Steps a second, due at even times whatever became of those before; 0: each
  // thread makes its next step when it is done with the last.
  double rate = 0;
  uint64_t seed = 1;
};

class Crowd {
 public:
  explicit Crowd(CrowdOptions options);
  ~Crowd();

  // Creates the pools and their labelers. Calls are sent until they are
  // answered, here and below.
  absl::Status Prepare();
  void Start();
  // Whether all operations are done.
  bool Done() const { return done_; }
  // Sends nothing new until Resume(); returns when nothing is under way. A call
  // that failed waits.
  void Hold();
  void Resume();
  // Ends the threads when the calls under way are answered.
  void Stop();

  // While held or stopped: every call so far, those under way included.
  std::vector<const Call*> Calls() const;
  // The answers that a replica has of every task that has an acknowledged one.
  absl::StatusOr<std::vector<Kept>> ReadAnswers(size_t replica) const;
  // So far; at any moment.
  int64_t operations() const { return operations_; }
  // Leases open now, as a replica counts them.
  absl::StatusOr<int64_t> CountOpenLeases(size_t replica) const;
  // From when a step was due until its call was answered; if there is a rate.
  std::vector<double> LatencySeconds() const;
  // Errors that no retry mends. Empty if all is well.
  std::vector<std::string> Errors() const;
  // Moves everything out, after Stop().
  std::vector<Call> TakeCalls();

  // Microseconds since 1970 of the last call that was answered.
  int64_t last_success() const { return last_success_; }

  // ---- for the threads ----
  struct Held {
    int32_t task = 0;
    int32_t labeler = 0;
    int64_t lease = 0;
    int64_t expires = 0;
  };
  // Something that one thread leaves for others to meddle with.
  struct Board {
    Mutex mutex;
    std::deque<Held> leases ABSL_GUARDED_BY(mutex);
  };
  // A request for others to send again.
  struct Repeat {
    int thread = 0;
    size_t call = 0;
    Kind kind = Kind::kAllocate;
    std::string request;
  };

 private:
  friend class Client;

  // Waits while the crowd is held.
  void Pass();
  // Waits for the next step that is due, if there is a rate: when it was.
  int64_t NextDue();
  void AddError(const std::string& error);

  const CrowdOptions options_;
  const std::unique_ptr<class Steward> steward_;
  std::vector<std::unique_ptr<class Client>> clients_;
  std::vector<std::thread> threads_;
  std::vector<std::unique_ptr<Board>> boards_;                   // [pools]
  std::vector<std::unique_ptr<std::atomic<int64_t>>> answered_;  // [pools]
  std::atomic<int64_t> operations_{0};
  std::atomic<int64_t> steps_{0};
  int64_t started_ = 0;
  std::atomic<int64_t> last_success_{0};
  std::atomic<bool> done_{false};
  std::atomic<bool> stopping_{false};

  mutable Mutex gate_mutex_;
  ConditionVariable gate_changed_;
  bool held_ ABSL_GUARDED_BY(gate_mutex_) = false;
  int parked_ ABSL_GUARDED_BY(gate_mutex_) = 0;
  int running_ ABSL_GUARDED_BY(gate_mutex_) = 0;

  mutable Mutex shared_mutex_;
  std::deque<Repeat> repeats_ ABSL_GUARDED_BY(shared_mutex_);
  std::vector<std::string> errors_ ABSL_GUARDED_BY(shared_mutex_);
};

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_CROWD_H_
