// SPDX-License-Identifier: Apache-2.0
// Any store, with its latency and its errors on the metrics.
#ifndef ALLOT_SERVER_METERED_STORE_H_
#define ALLOT_SERVER_METERED_STORE_H_

#include <vector>

#include "lib/base/clock.h"
#include "lib/store/store.h"
#include "server/metrics.h"

namespace allot {

class MeteredStore final : public Store {
 public:
  // All must outlive this object.
  MeteredStore(Store* store, const Clock* clock, Metrics* metrics);

  absl::StatusOr<int64_t> Append(std::span<const Event> events) override;
  absl::Status Load(
      int64_t after,
      absl::FunctionRef<absl::Status(int64_t, Event&&)> visit) override;
  absl::Status SaveCheckpoints(
      std::span<const Checkpoint> checkpoints) override;
  absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() override;
  absl::Status Ping() override;

 private:
  Store& store_;
  const Clock& clock_;
  Metrics::StoreSeries append_;
  Metrics::StoreSeries load_;
  Metrics::StoreSeries save_checkpoints_;
  Metrics::StoreSeries load_checkpoints_;
  Metrics::StoreSeries ping_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_METERED_STORE_H_
