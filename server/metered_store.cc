// SPDX-License-Identifier: Apache-2.0
#include "server/metered_store.h"

namespace allot {
namespace {

// A log that another replica wrote to is no error.
bool Good(const absl::Status& status) {
  return status.ok() || absl::IsAborted(status);
}
template <typename T>
bool Good(const absl::StatusOr<T>& result) {
  return Good(result.status());
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
      ends_(metrics->AddStoreOperation("ends")),
      save_checkpoints_(metrics->AddStoreOperation("save_checkpoints")),
      load_checkpoints_(metrics->AddStoreOperation("load_checkpoints")),
      ping_(metrics->AddStoreOperation("ping")) {}

absl::StatusOr<int64_t> MeteredStore::Append(
    absl::string_view pool, int64_t after, std::span<const Event> events,
    absl::FunctionRef<void()> meanwhile) {
  return Measured(clock_, append_, [&] {
    return store_.Append(pool, after, events, meanwhile);
  });
}

absl::Status MeteredStore::Load(absl::string_view pool, int64_t after,
                                EventVisitor visit) {
  return Measured(clock_, load_,
                  [&] { return store_.Load(pool, after, visit); });
}

absl::Status MeteredStore::LoadAll(const LogPositions& after,
                                   EventVisitor visit) {
  return Measured(clock_, load_, [&] { return store_.LoadAll(after, visit); });
}

absl::StatusOr<std::vector<LogEnd>> MeteredStore::Ends() {
  return Measured(clock_, ends_, [&] { return store_.Ends(); });
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

absl::StatusOr<std::optional<Checkpoint>> MeteredStore::LoadCheckpoint(
    absl::string_view pool) {
  return Measured(clock_, load_checkpoints_,
                  [&] { return store_.LoadCheckpoint(pool); });
}

absl::Status MeteredStore::Ping() {
  return Measured(clock_, ping_, [&] { return store_.Ping(); });
}

}  // namespace allot
