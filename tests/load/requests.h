// SPDX-License-Identifier: Apache-2.0
// The requests of a load test: generated from a seed, encoded before the clock
// runs, so that the client's own work per call is small.
#ifndef ALLOT_TESTS_LOAD_REQUESTS_H_
#define ALLOT_TESTS_LOAD_REQUESTS_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/load/connection.h"
#include "tests/load/scenario.h"

namespace allot {

// Makes the scenario's pools and labelers, unless they are there already with
// that many labelers.
absl::Status SetUpPools(const LoadScenario& scenario,
                        const Connector& connector);

// The requests of one kind of call. Thread-safe after Make().
class RequestSource {
 public:
  // Errors: kInvalidArgument for methods that are unknown, pools that the
  // scenario does not describe, and JSON that is no such message.
  // `run` tells the writes of one run from those of another: the second would
  // find its answers recorded already.
  static absl::StatusOr<RequestSource> Make(const LoadScenario& scenario,
                                            const CallSpec& call, uint64_t run);

  // "/allot.v1.ConfidenceService/Score"
  const std::string& path() const { return path_; }
  // The request of call number `n`. Calls that change something are all
  // different; others repeat after CallSpec::variants.
  grpc::ByteBuffer Request(uint64_t n) const;
  // The same as bytes.
  std::string RequestBytes(uint64_t n) const;

 private:
  std::string path_;
  std::vector<grpc::ByteBuffer> ready_;
  std::vector<std::string> bytes_;
  // Writers: answers to tasks that nobody else names.
  bool fresh_ = false;
  CallSpec call_;
  PoolSpec pool_;
  uint64_t fresh_seed_ = 0;
};

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_REQUESTS_H_
