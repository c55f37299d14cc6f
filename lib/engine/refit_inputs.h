// SPDX-License-Identifier: Apache-2.0
// What a pool keeps for the periodic re-fit of its label models: the last
// answers in their order, the gold labels, and when the next fit is due.
//
// A part of the fold. When enough has come in, a *cut* is made: the inputs as
// they stand, set aside in O(1). The model of a cut is a function of the cut
// alone, so it does not matter when, where or on how many threads it is fitted:
// after a restart the same log gives the same cuts, the same models, the same
// scores. A cut that was not fitted when the next is made is dropped.
//
// A cut is due when the answers have grown by a sixteenth of those in the
// window (and by 20), when the gold labels have grown by a quarter (and by 5),
// or when an hour of the log has passed since the last cut and anything came.
#ifndef ALLOT_LIB_ENGINE_REFIT_INPUTS_H_
#define ALLOT_LIB_ENGINE_REFIT_INPUTS_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/roster/task.h"

namespace allot {

// An answer as the window keeps it: 16 bytes.
struct WindowAnswer {
  int32_t task = 0;     // TaskRecord::ordinal
  int32_t labeler = 0;  // roster row
  int32_t group = -1;   // RefitInputs::GroupOf(), -1 = none
  uint16_t label = 0;
  uint16_t space = 0;  // index into RefitCut::spaces
};

struct WindowGold {
  int32_t task = 0;
  int32_t label = 0;
};

// Tasks whose labels mean the same: one label set, one model.
struct LabelSpace {
  std::string label_set;
  int32_t num_classes = 0;
  // Over its answers so far: what their tasks asked for in the mean.
  int64_t answers = 0;
  std::vector<double> loading_sum;  // [skills seen]
  double difficulty_sum = 0;

  friend bool operator==(const LabelSpace&, const LabelSpace&) = default;
};

// Inputs set aside. Immutable.
struct RefitCut {
  static constexpr size_t kChunk = 1024;
  using Chunk = std::array<WindowAnswer, kChunk>;

  int64_t version = 0;  // 1, 2, ...
  int64_t answers = 0;  // of the pool, when the cut was made
  std::vector<LabelSpace> spaces;
  std::vector<WindowGold> gold;  // a later entry of a task overrides
  std::vector<std::shared_ptr<const Chunk>> chunks;
  int64_t in_window = 0;

  const WindowAnswer& at(int64_t i) const {
    const auto place = static_cast<size_t>(i);
    return (*chunks[place / kChunk])[place % kChunk];
  }
};

class RefitInputs {
 public:
  // The window holds this many answers, and up to a chunk fewer or more.
  static constexpr int64_t kWindow = 200'000;
  // The last gold labels that are kept.
  static constexpr size_t kMostGold = 50'000;

  // A group of correlated labelers as a number.
  int32_t GroupOf(const std::string& group);

  void AddAnswer(const Task& task, int32_t ordinal, int32_t labeler,
                 int32_t group, int32_t label);
  void AddGold(int32_t ordinal, int32_t label);
  // To be called after each event that added something; makes the cut that is
  // due, if one is. `answers` of the pool in all.
  void EndEvent(int64_t unix_micros, int64_t answers);

  // The last cut, until its model is there.
  const std::shared_ptr<const RefitCut>& pending() const { return pending_; }
  // Forgets the pending cut if it is of that version.
  void Done(int64_t version);

 private:
  friend struct CheckpointAccess;

  uint16_t SpaceOf(const Task& task);

  std::deque<std::shared_ptr<RefitCut::Chunk>> chunks_;
  int64_t in_window_ = 0;
  std::vector<WindowGold> gold_;
  std::vector<LabelSpace> spaces_;
  absl::flat_hash_map<std::pair<std::string, int32_t>, uint16_t> space_index_;
  uint16_t last_space_ = 0;  // looked for; a short cut and no state
  absl::flat_hash_map<std::string, int32_t> groups_;
  int64_t gold_seen_ = 0;
  int64_t answers_at_cut_ = 0;
  int64_t gold_at_cut_ = 0;
  int64_t micros_at_cut_ = 0;  // 0: no event yet
  int64_t cuts_ = 0;
  std::shared_ptr<const RefitCut> pending_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_REFIT_INPUTS_H_
