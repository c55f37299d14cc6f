// SPDX-License-Identifier: Apache-2.0
// Series that are read off the machine or the engine when Prometheus asks.
#ifndef ALLOT_SERVER_COLLECTORS_H_
#define ALLOT_SERVER_COLLECTORS_H_

#include <functional>
#include <vector>

#include "lib/engine/calls.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace allot {

// The standard process_* series, from /proc.
class ProcessCollector final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

// Sizes of the pools. A scrape grows with the number of pools, so only the
// first kMaxPools by id have series of their own; allot_pools counts them all.
class PoolCollector final : public prometheus::Collectable {
 public:
  static constexpr size_t kMaxPools = 100;
  explicit PoolCollector(std::function<std::vector<PoolInfo>()> list)
      : list_(std::move(list)) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::function<std::vector<PoolInfo>()> list_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_COLLECTORS_H_
