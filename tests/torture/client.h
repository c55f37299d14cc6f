// SPDX-License-Identifier: Apache-2.0
// One thread of the crowd.
#ifndef ALLOT_TESTS_TORTURE_CLIENT_H_
#define ALLOT_TESTS_TORTURE_CLIENT_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "lib/base/rng.h"
#include "tests/torture/connections.h"
#include "tests/torture/crowd.h"

namespace allot::torture {

class Client {
 public:
  Client(Crowd* crowd, int number);

  // The thread: random operations until the crowd is stopped or done.
  void Run();

  const std::deque<Call>& calls() const { return calls_; }
  std::deque<Call>& mutable_calls() { return calls_; }
  // Answers to requests of others that this client sent again.
  struct Repeated {
    int thread = 0;
    size_t call = 0;
    uint64_t response = 0;
  };
  const std::vector<Repeated>& repeated() const { return repeated_; }

  const std::vector<double>& latency_seconds() const {
    return latency_seconds_;
  }

 private:
  using Held = Crowd::Held;

  void Step();
  void Allocate(int pool);
  void Report(int pool, std::vector<Held> leases);
  void Renew(int pool, const std::vector<Held>& leases);
  void Release(int pool, const std::vector<Held>& leases);
  // Uses leases of others, or leases that are over.
  void Meddle(int pool);
  void RepeatSomething();

  // Up to `most` of the leases held, and no longer held then.
  std::vector<Held> Take(int pool, size_t most);
  Call& NewCall(int pool, Kind kind);
  void Count(int64_t operations);

  // Sends until there is an answer; false when there never is one.
  template <typename Request, typename Response>
  bool Send(Call& call, const Request& request, Response* response);

  Crowd& crowd_;
  const int number_;
  const uint64_t batch_;
  const size_t most_held_;  // of one pool
  Rng rng_;
  Connections connections_;
  int64_t due_ = 0;  // when this step was
  std::vector<double> latency_seconds_;
  std::vector<std::vector<Held>> held_;  // [pools]
  std::vector<std::vector<Held>> over_;  // [pools]: answered, or left to expire
  std::deque<Call> calls_;
  std::vector<Repeated> repeated_;
};

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_CLIENT_H_
