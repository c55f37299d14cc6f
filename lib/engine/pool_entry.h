// SPDX-License-Identifier: Apache-2.0
// A pool in service: its folded state, who may touch it when, and the view that
// readers take.
#ifndef ALLOT_LIB_ENGINE_POOL_ENTRY_H_
#define ALLOT_LIB_ENGINE_POOL_ENTRY_H_

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/mutex.h"
#include "lib/base/published.h"
#include "lib/engine/calls.h"
#include "lib/engine/pool_state.h"
#include "lib/store/store.h"

namespace allot {

// What a plan or a score reads: immutable, and consistent in itself.
struct PoolView {
  std::shared_ptr<const Pool> pool;
  std::shared_ptr<const Roster> roster;
  std::shared_ptr<const PoolModel> model;  // null: not fitted yet
  // Of a newcomer's skills, [D].
  std::shared_ptr<const std::vector<SkillBelief>> newcomer;
};

// One instant on two clocks, looked at in this order, so that no lease is open
// for longer than its holder was told.
struct Moment {
  int64_t here_micros = 0;  // this process's steady one, which leases end by
  int64_t unix_micros = 0;  // of the day, which events are dated by
};

struct PoolEntry {
  std::string id;
  // Held by a change from its decision to its fold, the append to the store in
  // between: decisions are made on a state that nobody else in this process
  // moves. Where other processes append to the log, too, the store refuses what
  // was decided on a state that they have moved on from.
  Mutex writer;
  // Guards `state` itself: exclusive while events are folded (microseconds),
  // shared by readers of tasks and leases. A writer reads without it, and works
  // out without it what answers teach.
  mutable std::shared_mutex state_mutex;
  PoolState state;
  int64_t reloads = 0;  // how often the state was folded anew; guarded as it is
  Published<PoolView> view;
  int64_t checkpoint_sequence = 0;  // of the last checkpoint saved
  int64_t checkpoint_answers = 0;   // answers folded into it
  int64_t events_since_checkpoint = 0;
  // This process's steady clock when the log was last known not to go beyond
  // the state: what is folded later was not there before. Guarded by writer.
  int64_t complete_micros = 0;
  // The sequence behind which events were found lost without a way to go on;
  // -1: none. Guarded by writer.
  int64_t lost_at = -1;
  Mutex refit;             // one fit of the pool at a time
  RefitReport last_refit;  // guarded as state is

  std::shared_ptr<const PoolView> View() const { return view.Get(); }

  // Makes what was folded visible. Requires writer, or nobody else about.
  void Publish() {
    view.Set(std::make_shared<const PoolView>(
        PoolView{state.pool(), state.Publish(), state.model(),
                 state.shared_newcomer_prior()}));
  }

  // Requires writer, and that all up to `sequence` is folded.
  void CheckpointSaved(int64_t sequence) {
    checkpoint_sequence = sequence;
    checkpoint_answers = state.num_answers();
    events_since_checkpoint = state.sequence() > sequence ? 1 : 0;
  }

  // Appends the events, then folds them. Requires writer. After an error
  // nothing has changed here, and kAborted says that the state is behind the
  // log: what was decided on it must be decided again. `labelers` is as in
  // PoolState::Apply().
  absl::Status Commit(Store& store, std::vector<EventBody> bodies,
                      const Moment& now,
                      std::span<const int32_t> labelers = {}) {
    if (bodies.empty()) return absl::OkStatus();
    std::vector<Event> events;
    events.reserve(bodies.size());
    for (EventBody& body : bodies) {
      events.push_back({id, now.unix_micros, std::move(body)});
    }
    const absl::StatusOr<int64_t> last =
        store.Append(id, state.sequence(), events,
                     [&] { state.Anticipate(events, labelers); });
    if (!last.ok()) {
      state.Forget();
      return last.status();
    }
    // Where the store left no time for it; readers do not wait for this yet.
    state.Anticipate(events, labelers);
    complete_micros = now.here_micros;
    {
      const std::unique_lock<std::shared_mutex> lock(state_mutex);
      int64_t sequence = *last - static_cast<int64_t>(events.size());
      for (Event& event : events) {
        state.Apply(++sequence, std::move(event), now.here_micros, labelers);
      }
      Publish();
    }
    events_since_checkpoint += static_cast<int64_t>(events.size());
    return absl::OkStatus();
  }

  // kAborted if the state is behind the log, for decisions that change nothing.
  // A log that nobody else appends to needs no look. Requires writer.
  absl::Status CheckUpToDate(Store& store) const {
    if (!store.shared()) return absl::OkStatus();
    return store.Append(id, state.sequence(), {}).status();
  }
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_POOL_ENTRY_H_
