// SPDX-License-Identifier: Apache-2.0
#include "lib/roster/roster.h"

#include <utility>

namespace allot {

uint64_t QualificationBit(absl::string_view qualification) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : qualification) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return uint64_t{1} << ((hash ^ (hash >> 32)) & 63);
}

RosterBlock::RosterBlock(int num_skills)
    : skill_mean(VectorF::Zero(Eigen::Index{num_skills} * kLabelers)),
      skill_variance(VectorF::Zero(Eigen::Index{num_skills} * kLabelers)) {}

Labeler Roster::Describe(int32_t row) const {
  const RosterBlock& b = block_of(row);
  const int i = lane(row);
  const LabelerProfile& known = b.profile(i);
  Labeler labeler;
  labeler.id = known.id;
  labeler.price = {b.price_per_answer[i], b.price_per_second[i] * 3600.0};
  labeler.capacity = b.capacity[i];
  labeler.qualifications = known.qualifications;
  labeler.correlation_group = known.correlation_group;
  labeler.skills.resize(num_skills_);
  for (int d = 0; d < num_skills_; ++d) {
    const int at = d * RosterBlock::kLabelers + i;
    labeler.skills[d] = {b.skill_mean[at], b.skill_variance[at]};
  }
  labeler.speed = b.speed[i];
  labeler.answers = b.answers[i];
  labeler.updated_unix_micros = b.updated_unix_micros[i];
  return labeler;
}

std::optional<int32_t> RosterEditor::Find(absl::string_view id) const {
  const std::optional<int32_t> row = next_.index_.Find(id);
  if (!row) return std::nullopt;
  const bool live = (Read(*row).live >> Roster::lane(*row)) & 1;
  return live ? row : std::nullopt;
}

RosterEditor::Added RosterEditor::Add(absl::string_view id) {
  ++next_.num_labelers_;
  const std::optional<int32_t> old = next_.index_.Find(id);
  if (old) {
    Edit(*old).live |= uint64_t{1} << Roster::lane(*old);
    return {*old, true};
  }
  const auto row = static_cast<int32_t>(next_.num_rows_++);
  if (Roster::lane(row) == 0) {
    edited_[row / RosterBlock::kLabelers].block =
        std::make_shared<RosterBlock>(next_.num_skills_);
  }
  next_.index_.Insert(id, row);
  Edit(row).live |= uint64_t{1} << Roster::lane(row);
  LabelerProfile profile;
  profile.id = std::string(id);
  SetProfile(row, std::move(profile));
  return {row, false};
}

void RosterEditor::SetProfile(int32_t row, LabelerProfile profile) {
  Edited& edited = EditedOf(row);
  RosterBlock& block = *edited.block;
  if (edited.profiles == nullptr) {
    auto mine = block.profiles == nullptr
                    ? std::make_shared<RosterBlock::Profiles>()
                    : std::make_shared<RosterBlock::Profiles>(*block.profiles);
    edited.profiles = mine.get();
    block.profiles = std::move(mine);
  }
  uint64_t filter = 0;
  for (const std::string& qualification : profile.qualifications) {
    filter |= QualificationBit(qualification);
  }
  block.qualification_filter[Roster::lane(row)] = filter;
  const uint64_t bit = uint64_t{1} << Roster::lane(row);
  block.grouped = profile.correlation_group.empty() ? block.grouped & ~bit
                                                    : block.grouped | bit;
  (*edited.profiles)[Roster::lane(row)] =
      std::make_shared<const LabelerProfile>(std::move(profile));
}

void RosterEditor::Remove(int32_t row) {
  --next_.num_labelers_;
  Edit(row).live &= ~(uint64_t{1} << Roster::lane(row));
}

RosterEditor::Edited& RosterEditor::EditedOf(int32_t row) {
  Edited& mine = edited_[row / RosterBlock::kLabelers];
  if (mine.block == nullptr) {
    mine.block = std::make_shared<RosterBlock>(next_.block_of(row));
  }
  mine.skimmed = false;
  return mine;
}

RosterBlock& RosterEditor::Edit(int32_t row) { return *EditedOf(row).block; }

const RosterBlock& RosterEditor::Read(int32_t row) const {
  const auto found = edited_.find(row / RosterBlock::kLabelers);
  return found == edited_.end() ? next_.block_of(row) : *found->second.block;
}

void RosterEditor::AppendSkills(std::span<const SkillBelief> priors) {
  const int before = next_.num_skills_;
  const int after = before + static_cast<int>(priors.size());
  for (int64_t b = 0; b < next_.num_blocks(); ++b) {
    RosterBlock& block = Edit(static_cast<int32_t>(b * RosterBlock::kLabelers));
    constexpr int n = RosterBlock::kLabelers;
    block.skill_mean.conservativeResize(Eigen::Index{after} * n);
    block.skill_variance.conservativeResize(Eigen::Index{after} * n);
    for (int d = before; d < after; ++d) {
      for (int i = 0; i < n; ++i) {
        const SkillBelief& prior = priors[d - before];
        block.skill_mean[d * n + i] = static_cast<float>(prior.mean);
        block.skill_variance[d * n + i] = static_cast<float>(prior.variance);
      }
    }
  }
  next_.num_skills_ = after;
}

void RosterEditor::Skim() {
  for (auto& [b, edited] : edited_) {
    if (edited.skimmed) continue;
    RosterBlock& block = *edited.block;
    block.skim = MakeBlockSkim(
        block.skill_mean.data(), block.skill_variance.data(), next_.num_skills_,
        block.price_per_answer.data(), block.price_per_second.data(),
        block.time_factor.data(), block.live);
    edited.skimmed = true;
  }
}

Roster RosterEditor::Finish(int64_t version) && {
  Skim();
  absl::flat_hash_map<int64_t, std::shared_ptr<Roster::Node>> nodes;
  const int64_t blocks = next_.num_blocks();
  next_.nodes_.resize((blocks + Roster::kFanOut - 1) / Roster::kFanOut);
  for (auto& [b, edited] : edited_) {
    const int64_t n = b / Roster::kFanOut;
    std::shared_ptr<Roster::Node>& node = nodes[n];
    if (node == nullptr) {
      node = next_.nodes_[n] == nullptr
                 ? std::make_shared<Roster::Node>()
                 : std::make_shared<Roster::Node>(*next_.nodes_[n]);
    }
    node->blocks[b % Roster::kFanOut] = std::move(edited.block);
  }
  for (auto& [n, node] : nodes) next_.nodes_[n] = std::move(node);
  edited_.clear();
  next_.version_ = version;
  return std::move(next_);
}

}  // namespace allot
