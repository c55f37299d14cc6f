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
  int threads = 8;
  int pools = 4;
  int labelers = 240;      // of each pool
  int window = 300;        // tasks of each pool that are worked on at a time
  int batch = 96;          // items of a call, at most
  int64_t operations = 0;  // in all; 0: until Stop()
  uint64_t seed = 1;
};

// Operations are counted by the item: a claim that was granted, a lease that
// one asked to renew or release, an answer that was sent, and each time that a
// whole request was sent again.
struct Counts {
  int64_t calls = 0;
  int64_t claims = 0;
  int64_t renewals = 0;
  int64_t releases = 0;
  int64_t skips = 0;
  int64_t answers = 0;  // sent, of which:
  int64_t late = 0;
  int64_t duplicates = 0;      // the same again, or another one
  int64_t not_open = 0;        // renewals and releases that came too late
  int64_t repeated_calls = 0;  // after an error or on purpose
  int64_t operations() const {
    return claims + renewals + releases + skips + answers + repeated_calls;
  }
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
  Counts Count() const;
  // So far; at any moment.
  int64_t operations() const { return operations_; }
  // Leases open now, as the service counts them.
  absl::StatusOr<int64_t> CountOpenLeases() const;
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
  void AddError(const std::string& error);

  const CrowdOptions options_;
  const std::unique_ptr<class Steward> steward_;
  std::vector<std::unique_ptr<class Client>> clients_;
  std::vector<std::thread> threads_;
  std::vector<std::unique_ptr<Board>> boards_;                   // [pools]
  std::vector<std::unique_ptr<std::atomic<int64_t>>> answered_;  // [pools]
  std::atomic<int64_t> operations_{0};
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
