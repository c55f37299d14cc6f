// SPDX-License-Identifier: Apache-2.0
// Any store, with its latency and its errors on the metrics.
#ifndef ALLOT_SERVER_METERED_STORE_H_
#define ALLOT_SERVER_METERED_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/store/store.h"
#include "server/metrics.h"

namespace allot {

class MeteredStore final : public Store {
 public:
  // All must outlive this object.
  MeteredStore(Store* store, const Clock* clock, Metrics* metrics);

  bool shared() const override { return store_.shared(); }
  bool read_only() const override { return store_.read_only(); }
  std::vector<std::string> warnings() const override {
    return store_.warnings();
  }
  absl::StatusOr<int64_t> Append(absl::string_view pool, int64_t after,
                                 std::span<const Event> events,
                                 absl::FunctionRef<void()> meanwhile) override;
  absl::Status Load(absl::string_view pool, int64_t after,
                    EventVisitor visit) override;
  absl::Status LoadAll(const LogPositions& after, EventVisitor visit) override;
  absl::StatusOr<std::vector<LogEnd>> Ends() override;
  absl::Status SaveCheckpoints(
      std::span<const Checkpoint> checkpoints) override;
  absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() override;
  absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(
      absl::string_view pool) override;
  absl::Status Ping() override;

 private:
  Store& store_;
  const Clock& clock_;
  Metrics::StoreSeries append_;
  Metrics::StoreSeries load_;
  Metrics::StoreSeries ends_;
  Metrics::StoreSeries save_checkpoints_;
  Metrics::StoreSeries load_checkpoints_;
  Metrics::StoreSeries ping_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_METERED_STORE_H_
