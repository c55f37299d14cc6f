// SPDX-License-Identifier: Apache-2.0
// The labelers of one pool as an immutable snapshot that readers take without
// waiting, in the order a scoring kernel wants them.
//
// Labelers stand in rows, 64 to a block; a block keeps each attribute, and each
// skill, of its 64 labelers side by side (structure of arrays). Blocks hang in
// a shallow tree, so that an edit copies only the blocks it touches and the
// path above them: a batch costs O(changed labelers * skills + rows / 4096).
// A row, once given, stays its labeler's for good: a deleted labeler is only
// dead to the scoring kernels, and is what she was should she come back.
#ifndef ALLOT_LIB_ROSTER_ROSTER_H_
#define ALLOT_LIB_ROSTER_ROSTER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "lib/base/matrix.h"
#include "lib/roster/id_index.h"
#include "lib/roster/labeler.h"
#include "lib/skill/skim.h"

namespace allot {

// What seldom changes and no kernel reads.
struct LabelerProfile {
  std::string id;
  std::vector<std::string> qualifications;  // sorted, distinct
  std::string correlation_group;
  // What was believed of her skills before her first answer, [D]; shared by all
  // who started from the same prior.
  std::shared_ptr<const std::vector<SkillBelief>> start;
};

struct RosterBlock {
  static constexpr int kLabelers = 64;

  RosterBlock() = default;
  explicit RosterBlock(int num_skills);

  // [num_skills * kLabelers]: skill d of the block's labeler i is at
  // d * kLabelers + i. Logits, logits squared.
  VectorF skill_mean;
  VectorF skill_variance;

  std::array<float, kLabelers> price_per_answer{};  // currency
  std::array<float, kLabelers> price_per_second{};  // currency
  std::array<int32_t, kLabelers> capacity{};        // before open leases
  std::array<SpeedBelief, kLabelers> speed{};
  std::array<float, kLabelers> time_factor{};  // TimeFactor(speed)
  std::array<int64_t, kLabelers> answers{};
  std::array<int64_t, kLabelers> updated_unix_micros{};
  // A Bloom filter over qualifications, to skip most of those who lack one.
  std::array<uint64_t, kLabelers> qualification_filter{};
  const LabelerProfile& profile(int lane) const { return *(*profiles)[lane]; }
  // Shared with the blocks that this one was copied from until a profile
  // changes: blocks are copied all the time, and counting 64 references would
  // cost more than all the rest of it.
  using Profiles = std::array<std::shared_ptr<const LabelerProfile>, kLabelers>;
  std::shared_ptr<const Profiles> profiles;
  uint64_t live = 0;     // bit i: there is a labeler, and she is not deleted
  uint64_t grouped = 0;  // bit i: she has a correlation group
  bool HasGroup(int lane) const { return (grouped >> lane) & 1; }
  // Of all the above, for a first look; made by RosterEditor::Finish().
  BlockSkim skim;
};

uint64_t QualificationBit(absl::string_view qualification);

class Roster {
 public:
  Roster() = default;
  explicit Roster(int num_skills) : num_skills_(num_skills) {}

  int num_skills() const { return num_skills_; }
  // Rows, those of deleted labelers among them; the last block may be partly
  // used.
  int64_t num_rows() const { return num_rows_; }
  int64_t num_labelers() const { return num_labelers_; }
  // As the editor was told: the log's sequence number it stands for.
  int64_t version() const { return version_; }

  // The row of a labeler who is not deleted.
  std::optional<int32_t> Find(absl::string_view id) const {
    const std::optional<int32_t> row = index_.Find(id);
    return row && live(*row) ? row : std::nullopt;
  }
  // The rows of many labelers, -1 for who is not there: much cheaper than one
  // by one, as their cache misses overlap.
  void Find(std::span<const absl::string_view> ids,
            std::span<int32_t> rows) const {
    index_.Find(ids, rows);
    for (int32_t& row : rows) {
      if (row >= 0 && !live(row)) row = -1;
    }
  }
  int64_t num_blocks() const {
    return (num_rows_ + RosterBlock::kLabelers - 1) / RosterBlock::kLabelers;
  }
  const RosterBlock& block(int64_t b) const {
    return *nodes_[b / kFanOut]->blocks[b % kFanOut];
  }
  const RosterBlock& block_of(int32_t row) const {
    return block(row / RosterBlock::kLabelers);
  }
  // Position of a row inside its block.
  static int lane(int32_t row) { return row % RosterBlock::kLabelers; }
  bool live(int32_t row) const { return (block_of(row).live >> lane(row)) & 1; }
  const LabelerProfile& profile(int32_t row) const {
    return block_of(row).profile(lane(row));
  }
  // A labeler in plain words.
  Labeler Describe(int32_t row) const;

 private:
  friend class RosterEditor;
  static constexpr int kFanOut = 64;
  struct Node {
    std::array<std::shared_ptr<const RosterBlock>, kFanOut> blocks;
  };

  int num_skills_ = 0;
  int64_t num_rows_ = 0;
  int64_t num_labelers_ = 0;
  int64_t version_ = 0;
  std::vector<std::shared_ptr<const Node>> nodes_;
  IdIndex index_;
};

// Makes the next roster from the last. Not thread-safe; the base is untouched.
class RosterEditor {
 public:
  explicit RosterEditor(const Roster& base) : next_(base) {}

  std::optional<int32_t> Find(absl::string_view id) const;
  int num_skills() const { return next_.num_skills(); }
  int64_t num_rows() const { return next_.num_rows(); }

  // Adds a labeler and returns her row: a new one with all numbers zero, or, if
  // she was deleted, her old one as it was. Requires that Find(id) is empty.
  struct Added {
    int32_t row;
    bool returned;
  };
  Added Add(absl::string_view id);
  // Replaces the profile of the labeler at `row`. Her id must stay the same.
  void SetProfile(int32_t row, LabelerProfile profile);
  // Requires a living labeler.
  void Remove(int32_t row);
  // The row's block, copied on first use. Valid until Skim() or Finish().
  RosterBlock& Edit(int32_t row);
  const RosterBlock& Read(int32_t row) const;
  // Appends skills at the given prior to every labeler. O(rows).
  void AppendSkills(std::span<const SkillBelief> priors);

  // Makes the first looks of the blocks edited so far: work that Finish() need
  // not do then.
  void Skim();
  // The finished roster. The editor must not be used afterwards.
  Roster Finish(int64_t version) &&;

 private:
  Roster next_;
  struct Edited {
    std::shared_ptr<RosterBlock> block;
    RosterBlock::Profiles* profiles = nullptr;  // the block's; null: shared
    bool skimmed = false;                       // since it was last edited
  };
  Edited& EditedOf(int32_t row);

  absl::flat_hash_map<int64_t, Edited> edited_;  // by block
};

}  // namespace allot

#endif  // ALLOT_LIB_ROSTER_ROSTER_H_
