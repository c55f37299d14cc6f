// SPDX-License-Identifier: Apache-2.0
#include "server/service_times.h"

#include <algorithm>
#include <bit>

namespace allot {
namespace {

constexpr float kShare = 0.125;  // of a new sample
constexpr float kMostTimesUsual = 4;

}  // namespace

uint64_t ServiceTimes::KindOf(uint64_t pool_hash, uint32_t method,
                              size_t bytes) {
  uint64_t kind = pool_hash ^ (uint64_t{method} << 8 | std::bit_width(bytes));
  // Finaliser of splitmix64: every bit counts in the low ones.
  kind = (kind ^ (kind >> 30)) * 0xbf58476d1ce4e5b9;
  kind = (kind ^ (kind >> 27)) * 0x94d049bb133111eb;
  return (kind ^ (kind >> 31)) | 1;  // never 0, which marks an empty slot
}

ServiceTimes::Estimate ServiceTimes::Of(uint64_t kind) const {
  const Slot& slot = slots_[(kind >> 1) % kSlots];
  if (slot.kind.load(std::memory_order_relaxed) != kind) return {};
  return {static_cast<int64_t>(slot.usual.load(std::memory_order_relaxed)),
          static_cast<int64_t>(slot.least.load(std::memory_order_relaxed))};
}

void ServiceTimes::Record(uint64_t kind, int64_t nanos, int64_t least_nanos) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  Slot& slot = slots_[(kind >> 1) % kSlots];
  const auto sample = static_cast<float>(nanos);
  const auto least_sample = static_cast<float>(least_nanos);
  if (slot.kind.load(kRelaxed) != kind) {
    slot.usual.store(sample, kRelaxed);
    slot.least.store(least_sample, kRelaxed);
    slot.kind.store(kind, kRelaxed);
    return;
  }
  // A thread that was kept from its core for a while shows as one very long
  // call: it counts for a few times the usual.
  const float usual = slot.usual.load(kRelaxed);
  const float counted = std::min(sample, kMostTimesUsual * usual);
  slot.usual.store(usual + kShare * (counted - usual), kRelaxed);
  // Falls at once and rises slowly: a call is refused for want of time only if
  // even a fast one would come too late.
  const float least = slot.least.load(kRelaxed);
  slot.least.store(least_sample < least
                       ? least_sample
                       : least + kShare * kShare * (least_sample - least),
                   kRelaxed);
}

}  // namespace allot
