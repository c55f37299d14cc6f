// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/refit_inputs.h"

#include <algorithm>
#include <utility>

namespace allot {
namespace {

constexpr int64_t kLeastAnswers = 20;
constexpr int64_t kLeastGold = 5;
constexpr int64_t kLongestMicros = int64_t{3600} * 1'000'000;
// Spaces and classes beyond these are not modelled.
constexpr size_t kMostSpaces = 1024;
constexpr int32_t kMostClasses = 65535;
constexpr uint16_t kNoSpace = 0xFFFF;

}  // namespace

int32_t RefitInputs::GroupOf(const std::string& group) {
  if (group.empty()) return -1;
  const auto next = static_cast<int32_t>(groups_.size());
  return groups_.try_emplace(group, next).first->second;
}

uint16_t RefitInputs::SpaceOf(const Task& task) {
  // Answers in a row are mostly of one space.
  if (last_space_ < spaces_.size() &&
      spaces_[last_space_].num_classes == task.num_classes &&
      spaces_[last_space_].label_set == task.label_set) {
    return last_space_;
  }
  const std::pair<std::string, int32_t> key(task.label_set, task.num_classes);
  const auto found = space_index_.find(key);
  if (found != space_index_.end()) return last_space_ = found->second;
  if (spaces_.size() >= kMostSpaces || task.num_classes > kMostClasses) {
    return kNoSpace;
  }
  const auto next = static_cast<uint16_t>(spaces_.size());
  spaces_.push_back(
      {.label_set = task.label_set, .num_classes = task.num_classes});
  space_index_[key] = next;
  return next;
}

void RefitInputs::AddAnswer(const Task& task, int32_t ordinal, int32_t labeler,
                            int32_t group, int32_t label) {
  const uint16_t at = SpaceOf(task);
  if (at == kNoSpace) return;
  LabelSpace& space = spaces_[at];
  ++space.answers;
  space.difficulty_sum += task.difficulty;
  for (const SkillWeight& weight : task.loading) {
    const auto skill = static_cast<size_t>(weight.skill);
    if (skill >= space.loading_sum.size()) space.loading_sum.resize(skill + 1);
    space.loading_sum[skill] += weight.weight;
  }
  const auto in_last = static_cast<size_t>(in_window_) % RefitCut::kChunk;
  if (in_last == 0) {
    chunks_.push_back(std::make_shared<RefitCut::Chunk>());
    if (in_window_ >= kWindow) {
      chunks_.pop_front();
      in_window_ -= static_cast<int64_t>(RefitCut::kChunk);
    }
  }
  // A cut may be read meanwhile, but never beyond its own length.
  (*chunks_.back())[in_last] = {ordinal, labeler, group,
                                static_cast<uint16_t>(label), at};
  ++in_window_;
}

void RefitInputs::AddGold(int32_t ordinal, int32_t label) {
  if (gold_.size() >= 2 * kMostGold) {
    gold_.erase(gold_.begin(),
                gold_.end() - static_cast<std::ptrdiff_t>(kMostGold));
  }
  gold_.push_back({ordinal, label});
  ++gold_seen_;
}

void RefitInputs::EndEvent(int64_t unix_micros, int64_t answers) {
  if (micros_at_cut_ == 0) micros_at_cut_ = unix_micros;
  const int64_t new_answers = answers - answers_at_cut_;
  const int64_t new_gold = gold_seen_ - gold_at_cut_;
  const bool grown = new_answers >= std::max(kLeastAnswers, in_window_ / 16);
  const bool known = new_gold >= std::max(kLeastGold, gold_at_cut_ / 4);
  const bool old = unix_micros - micros_at_cut_ >= kLongestMicros &&
                   new_answers + new_gold > 0;
  if (in_window_ < kLeastAnswers || !(grown || known || old)) return;
  answers_at_cut_ = answers;
  gold_at_cut_ = gold_seen_;
  micros_at_cut_ = unix_micros;
  auto cut = std::make_shared<RefitCut>();
  cut->version = ++cuts_;
  cut->answers = answers;
  cut->spaces = spaces_;
  const size_t most = std::min(gold_.size(), kMostGold);
  cut->gold.assign(gold_.end() - static_cast<std::ptrdiff_t>(most),
                   gold_.end());
  cut->chunks.assign(chunks_.begin(), chunks_.end());
  cut->in_window = in_window_;
  pending_ = std::move(cut);
}

void RefitInputs::Done(int64_t version) {
  if (pending_ != nullptr && pending_->version == version) pending_ = nullptr;
}

}  // namespace allot
