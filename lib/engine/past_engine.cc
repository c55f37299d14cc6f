// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/past_engine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine_impl.h"

namespace allot {

absl::StatusOr<std::unique_ptr<PastEngine>> PastEngine::Open(
    Store* store, const Clock* clock, ModelVersions models) {
  std::unique_ptr<PastEngine> past(new PastEngine(store, std::move(models)));
  // The engine has a store of its own, which is empty and stays so: it would
  // fold the other one to its end.
  ALLOT_ASSIGN_OR_RETURN(past->scratch_, OpenStore("memory:"));
  ALLOT_ASSIGN_OR_RETURN(past->engine_, Engine::Open(past->scratch_.get(),
                                                     clock, EngineOptions()));
  return past;
}

absl::Status PastEngine::Advance(const std::string& pool, int64_t sequence,
                                 int64_t model_version) {
  Engine::Impl& impl = *engine_->impl_;
  PoolEntry& entry = impl.FindOrAdd(pool);
  PoolState& state = entry.state;
  const auto wanted = wanted_.find(pool);
  const auto keep_model = [&]() -> absl::Status {
    const std::shared_ptr<const RefitCut>& cut = state.refit_inputs().pending();
    if (cut == nullptr || wanted == wanted_.end() ||
        !wanted->second.contains(cut->version)) {
      return absl::OkStatus();
    }
    std::shared_ptr<const PoolModel>& model = models_[{pool, cut->version}];
    if (model != nullptr) return absl::OkStatus();
    ALLOT_ASSIGN_OR_RETURN(PoolModel fitted,
                           FitPoolModel(*cut, impl.options().refit_threads));
    model = std::make_shared<const PoolModel>(std::move(fitted));
    return absl::OkStatus();
  };
  if (state.sequence() < sequence) {
    const absl::Status there = absl::AlreadyExistsError("far enough");
    const absl::Status status =
        log_.Load(pool, state.sequence(),
                  [&](int64_t number, Event&& event) -> absl::Status {
                    if (number > sequence) return there;
                    state.Apply(number, std::move(event), 0);
                    ALLOT_RETURN_IF_ERROR(keep_model());
                    return number == sequence ? there : absl::OkStatus();
                  });
    if (absl::IsOutOfRange(status)) {
      return absl::FailedPreconditionError(
          absl::StrCat("pool \"", pool, "\": its log was trimmed to a ",
                       "checkpoint and no longer reaches back to event ",
                       sequence, " (", status.message(), ")"));
    }
    if (!status.ok() && status != there) return status;
  }
  if (state.sequence() != sequence || state.pool() == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "pool \"", pool, "\": the store's log has no event ", sequence,
        state.sequence() < sequence
            ? absl::StrCat("; it ends at ", state.sequence())
            : ""));
  }
  const auto model = models_.find({pool, model_version});
  if (model_version != 0 && model == models_.end()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "pool \"", pool, "\": the store's log makes no fitted model ",
        model_version, " up to event ", sequence));
  }
  state.SetModel(model_version == 0 ? nullptr : model->second);
  entry.Publish();
  return absl::OkStatus();
}

}  // namespace allot
