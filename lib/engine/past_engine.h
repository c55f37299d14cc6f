// SPDX-License-Identifier: Apache-2.0
// An engine that is led through a log: at each step it knows what the engine
// that wrote the log knew there, and plans what that one planned. PlanBasis
// says where a plan was made.
//
// State is a fold over events in their order, so the state after event n is the
// same whenever it is folded. Two things are beside the log. Which fitted model
// was in use: a model is a function of the log up to its cut, but comes into
// use when its fit is done; it is fitted here when its cut comes by, and used
// when it is asked for. And other calls that changed who is free while a plan
// was under way: PlanBasis::state_moved.
#ifndef ALLOT_LIB_ENGINE_PAST_ENGINE_H_
#define ALLOT_LIB_ENGINE_PAST_ENGINE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/engine/engine.h"
#include "lib/engine/pool_model.h"
#include "lib/store/store.h"

namespace allot {

// Not thread-safe.
class PastEngine {
 public:
  // Versions of fitted models, by pool.
  using ModelVersions = std::map<std::string, std::set<int64_t>, std::less<>>;

  // Reads the logs of `store`, and writes nothing there. `models` are those
  // that Advance() will ask for. Both pointers must outlive this object.
  static absl::StatusOr<std::unique_ptr<PastEngine>> Open(Store* store,
                                                          const Clock* clock,
                                                          ModelVersions models);

  // Folds the log of `pool` up to event `sequence`, which must not be before
  // that of the call before, and takes the model of that version into use (0:
  // none).
  // Errors: kFailedPrecondition: the log has no such event, has lost its
  // beginning, or has no such model up to there. What the store says.
  absl::Status Advance(const std::string& pool, int64_t sequence,
                       int64_t model_version);

  // As of the last Advance() of each pool. It may be asked for plans without
  // claims, scores, and what it knows; what it is told goes nowhere.
  Engine& engine() { return *engine_; }

 private:
  PastEngine(Store* log, ModelVersions wanted)
      : log_(*log), wanted_(std::move(wanted)) {}

  Store& log_;
  const ModelVersions wanted_;
  std::map<std::pair<std::string, int64_t>, std::shared_ptr<const PoolModel>>
      models_;
  std::unique_ptr<Store> scratch_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_PAST_ENGINE_H_
