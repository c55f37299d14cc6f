// SPDX-License-Identifier: Apache-2.0
// How long calls take, by pool, method and size of the request: what admission
// foretells from. Lock-free, of fixed size.
#ifndef ALLOT_SERVER_SERVICE_TIMES_H_
#define ALLOT_SERVER_SERVICE_TIMES_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace allot {

// Thread-safe; two threads that record the same kind of call at once may lose
// one of the two samples.
class ServiceTimes {
 public:
  struct Estimate {
    int64_t usual_nanos = 0;  // moving average; 0: nothing known yet
    int64_t least_nanos = 0;  // near the fastest of late
  };

  // Calls of one kind: requests within a factor of two in size.
  static uint64_t KindOf(uint64_t pool_hash, uint32_t method, size_t bytes);

  Estimate Of(uint64_t kind) const;
  // A call of the kind was served in so long, waiting not counted; under a
  // deadline that cuts its work short it would have taken `least_nanos`.
  void Record(uint64_t kind, int64_t nanos, int64_t least_nanos);

 private:
  // A kind's place is its hash; a kind that finds another one there takes over
  // and starts anew.
  static constexpr size_t kSlots = 4096;
  struct Slot {
    std::atomic<uint64_t> kind{0};
    std::atomic<float> usual{0};
    std::atomic<float> least{0};
  };
  std::array<Slot, kSlots> slots_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_SERVICE_TIMES_H_
