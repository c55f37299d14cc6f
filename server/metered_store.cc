// SPDX-License-Identifier: Apache-2.0
#include "server/metered_store.h"

namespace allot {
namespace {

bool Good(const absl::Status& status) { return status.ok(); }
template <typename T>
bool Good(const absl::StatusOr<T>& result) {
  return result.ok();
}

template <typename Work>
auto Measured(const Clock& clock, const Metrics::StoreSeries& series,
              const Work& work) {
  const int64_t start = clock.MonotonicNanos();
  auto result = work();
  series.seconds->Observe(1e-9 *
                          static_cast<double>(clock.MonotonicNanos() - start));
  if (!Good(result)) series.errors->Increment();
  return result;
}

}  // namespace

MeteredStore::MeteredStore(Store* store, const Clock* clock, Metrics* metrics)
    : store_(*store),
      clock_(*clock),
      append_(metrics->AddStoreOperation("append")),
      load_(metrics->AddStoreOperation("load")),
      save_checkpoints_(metrics->AddStoreOperation("save_checkpoints")),
      load_checkpoints_(metrics->AddStoreOperation("load_checkpoints")),
      ping_(metrics->AddStoreOperation("ping")) {}

absl::StatusOr<int64_t> MeteredStore::Append(std::span<const Event> events) {
  return Measured(clock_, append_, [&] { return store_.Append(events); });
}

absl::Status MeteredStore::Load(
    int64_t after, absl::FunctionRef<absl::Status(int64_t, Event&&)> visit) {
  return Measured(clock_, load_, [&] { return store_.Load(after, visit); });
}

absl::Status MeteredStore::SaveCheckpoints(
    std::span<const Checkpoint> checkpoints) {
  return Measured(clock_, save_checkpoints_,
                  [&] { return store_.SaveCheckpoints(checkpoints); });
}

absl::StatusOr<std::vector<Checkpoint>> MeteredStore::LoadCheckpoints() {
  return Measured(clock_, load_checkpoints_,
                  [&] { return store_.LoadCheckpoints(); });
}

absl::Status MeteredStore::Ping() {
  return Measured(clock_, ping_, [&] { return store_.Ping(); });
}

}  // namespace allot
