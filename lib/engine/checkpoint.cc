// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/checkpoint.h"

#include <zlib.h>

#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status_macros.h"
#include "lib/engine/checkpoint_archive.h"
#include "lib/engine/checkpoint_refit.h"

namespace allot {

static_assert(std::endian::native == std::endian::little);

// One description of the format, walked by a writer or a reader: what is saved
// and what is restored cannot drift apart.
struct CheckpointAccess {
  template <typename Archive>
  static bool Walk(Archive& archive, PoolState& state);

  template <typename Archive>
  static bool WalkLabelers(Archive& archive, PoolState& state);
  template <typename Archive>
  static bool WalkTasks(Archive& archive, PoolState& state);
  template <typename Archive>
  static bool WalkInputs(Archive& archive, RefitInputs& inputs);
  template <typename Archive>
  static bool WalkRequests(Archive& archive, RequestTable& requests);
  static void Restore(PoolState& state);
};

namespace {

constexpr uint64_t kMagic = 0x39'30'74'6f'6c'6c'61;  // "allot09"

uint32_t Checksum(absl::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

template <typename A>
bool Walk(A& a, SkillBelief& belief) {
  return a(belief.mean) && a(belief.variance);
}

template <typename A>
bool Walk(A& a, Policy& policy) {
  ObjectiveWeights& w = policy.weights;
  return a(policy.name) && a(w.quality) && a(w.cost) && a(w.time) &&
         a(w.explore) && a(w.balance) && a(w.fairness) && a(w.fair_answers) &&
         a(w.must_fill) && a(w.min_expected_accuracy) &&
         a(w.max_labeler_share) && a(policy.confidence.target_confidence) &&
         a(policy.confidence.max_answers);
}

template <typename A>
bool Walk(A& a, Pool& pool) {
  return a(pool.id) &&
         Items(a, pool.skills,
               [](A& b, Skill& skill) {
                 return b(skill.name) && b(skill.prior_mean) &&
                        b(skill.prior_variance);
               }) &&
         Items(a, pool.label_sets,
               [](A& b, LabelSet& set) {
                 return b(set.name) && Plain(b, set.labels);
               }) &&
         Items(a, pool.policies,
               [](A& b, Policy& policy) { return Walk(b, policy); }) &&
         a(pool.learning.learn_prior) && a(pool.learning.drift_per_day) &&
         a(pool.learning.difficulty_variance);
}

template <typename A>
bool Walk(A& a, Task& task) {
  return a(task.id) &&
         Items(a, task.loading,
               [](A& b, SkillWeight& weight) {
                 return b(weight.skill) && b(weight.weight);
               }) &&
         a(task.num_classes) && a(task.label_set) && a(task.difficulty) &&
         Maybe(a, task.difficulty_variance) && Plain(a, task.prior) &&
         a(task.base_seconds) && a(task.redundancy) && a(task.value) &&
         Plain(a, task.required_qualifications) &&
         Plain(a, task.excluded_labelers) && Maybe(a, task.gold_label);
}

template <typename A>
bool Walk(A& a, RecordedAnswer& answer) {
  if (!(a(answer.labeler) && a(answer.label) && a(answer.belief))) return false;
  auto terms = static_cast<uint16_t>(answer.site.size());
  if (!a(terms)) return false;
  answer.site.resize(terms);
  for (SiteTerm& term : answer.site) {
    if (!(a(term.precision) && a(term.shift))) return false;
  }
  return true;
}

template <typename A>
bool Walk(A& a, TaskRecord& record) {
  return Walk(a, record.spec) &&
         Items(a, record.answers,
               [](A& b, RecordedAnswer& answer) { return Walk(b, answer); }) &&
         Items(a, record.leases,
               [](A& b, OpenLease& lease) {
                 return b(lease.id) && b(lease.labeler) &&
                        b(lease.granted_unix_micros) &&
                        b(lease.expires_unix_micros);
               }) &&
         Plain(a, record.not_again) && a(record.withdrawn);
}

using Start = std::shared_ptr<const std::vector<SkillBelief>>;

// The vectors of starting beliefs, each once.
template <typename A>
bool WalkStart(A& a, Start& start) {
  std::vector<SkillBelief> beliefs;
  if constexpr (!A::kReading) beliefs = *start;
  if (!Items(a, beliefs,
             [](A& b, SkillBelief& belief) { return Walk(b, belief); })) {
    return false;
  }
  if constexpr (A::kReading) {
    start =
        std::make_shared<const std::vector<SkillBelief>>(std::move(beliefs));
  }
  return true;
}

template <typename A>
bool WalkLanes(A& a, RosterBlock& block) {
  constexpr size_t n = RosterBlock::kLabelers;
  return a.Raw(block.skill_mean.data(),
               block.skill_mean.size() * sizeof(float)) &&
         a.Raw(block.skill_variance.data(),
               block.skill_variance.size() * sizeof(float)) &&
         a.Raw(block.price_per_answer.data(), n * sizeof(float)) &&
         a.Raw(block.price_per_second.data(), n * sizeof(float)) &&
         a.Raw(block.capacity.data(), n * sizeof(int32_t)) &&
         a.Raw(block.speed.data(), n * sizeof(SpeedBelief)) &&
         a.Raw(block.time_factor.data(), n * sizeof(float)) &&
         a.Raw(block.answers.data(), n * sizeof(int64_t)) &&
         a.Raw(block.updated_unix_micros.data(), n * sizeof(int64_t));
}

}  // namespace

template <typename Archive>
bool CheckpointAccess::WalkInputs(Archive& a, RefitInputs& inputs) {
  std::vector<std::string> groups(inputs.groups_.size());
  for (const auto& [name, number] : inputs.groups_) {
    groups[static_cast<size_t>(number)] = name;
  }
  bool pending = inputs.pending_ != nullptr;
  if (!(WalkWindow(a, inputs.chunks_, inputs.in_window_) &&
        WalkGold(a, inputs.gold_) && WalkSpaces(a, inputs.spaces_) &&
        Plain(a, groups) && a(inputs.gold_seen_) && a(inputs.answers_at_cut_) &&
        a(inputs.gold_at_cut_) && a(inputs.micros_at_cut_) && a(inputs.cuts_) &&
        a(pending))) {
    return false;
  }
  if (pending) {
    auto cut = std::make_shared<RefitCut>();
    std::vector<std::shared_ptr<RefitCut::Chunk>> chunks;
    if constexpr (!Archive::kReading) {
      *cut = *inputs.pending_;
      for (const auto& chunk : cut->chunks) {
        chunks.push_back(std::make_shared<RefitCut::Chunk>(*chunk));
      }
    }
    if (!(a(cut->version) && a(cut->answers) && WalkSpaces(a, cut->spaces) &&
          WalkGold(a, cut->gold) && WalkWindow(a, chunks, cut->in_window))) {
      return false;
    }
    if constexpr (Archive::kReading) {
      cut->chunks.assign(chunks.begin(), chunks.end());
      inputs.pending_ = std::move(cut);
    }
  }
  if constexpr (Archive::kReading) {
    const auto within = [&](const WindowAnswer& answer, size_t spaces) {
      return answer.task >= 0 && answer.labeler >= 0 && answer.space < spaces &&
             answer.label < inputs.spaces_[answer.space].num_classes;
    };
    for (int64_t i = 0; i < inputs.in_window_; ++i) {
      const auto at = static_cast<size_t>(i);
      const WindowAnswer& answer =
          (*inputs.chunks_[at / RefitCut::kChunk])[at % RefitCut::kChunk];
      if (!within(answer, inputs.spaces_.size())) return false;
    }
    for (size_t s = 0; s < inputs.spaces_.size(); ++s) {
      const LabelSpace& space = inputs.spaces_[s];
      inputs.space_index_[{space.label_set, space.num_classes}] =
          static_cast<uint16_t>(s);
    }
    for (const std::string& group : groups) inputs.GroupOf(group);
  }
  return true;
}

template <typename Archive>
bool CheckpointAccess::WalkLabelers(Archive& a, PoolState& state) {
  uint64_t rows = static_cast<uint64_t>(state.editor_.num_rows());
  if (!a(rows)) return false;
  std::vector<Start> starts = {state.newcomer_prior_};
  absl::flat_hash_map<const void*, uint32_t> start_number = {
      {state.newcomer_prior_.get(), 0}};
  for (uint64_t row = 0; row < rows; ++row) {
    const auto at = static_cast<int32_t>(row);
    LabelerProfile profile;
    bool live = false;
    if constexpr (!Archive::kReading) {
      const RosterBlock& block = state.editor_.Read(at);
      profile = block.profile(Roster::lane(at));
      live = (block.live >> Roster::lane(at)) & 1;
    }
    uint32_t start = 0;
    bool new_start = false;
    if constexpr (!Archive::kReading) {
      const auto next = static_cast<uint32_t>(starts.size());
      const auto [found, inserted] =
          start_number.try_emplace(profile.start.get(), next);
      start = found->second;
      new_start = inserted;
      if (inserted) starts.push_back(profile.start);
    }
    if (!(a(live) && a(profile.id) && Plain(a, profile.qualifications) &&
          a(profile.correlation_group) && a(start) && a(new_start))) {
      return false;
    }
    if (new_start && !WalkStart(a, profile.start)) return false;
    if constexpr (Archive::kReading) {
      if (new_start) starts.push_back(profile.start);
      if (start >= starts.size()) return false;
      profile.start = starts[start];
      if (state.editor_.Find(profile.id)) return false;
      const int32_t added = state.editor_.Add(profile.id).row;
      if (added != at) return false;
      state.editor_.SetProfile(at, std::move(profile));
      if (!live) state.editor_.Remove(at);
    }
  }
  for (uint64_t row = 0; row < rows; row += RosterBlock::kLabelers) {
    const auto at = static_cast<int32_t>(row);
    if constexpr (Archive::kReading) {
      if (!WalkLanes(a, state.editor_.Edit(at))) return false;
    } else {
      RosterBlock copy = state.editor_.Read(at);
      if (!WalkLanes(a, copy)) return false;
    }
  }
  return true;
}

template <typename Archive>
bool CheckpointAccess::WalkTasks(Archive& a, PoolState& state) {
  uint64_t size = 0;
  if (!a.Size(state.tasks_, size)) return false;
  if constexpr (Archive::kReading) {
    state.tasks_.reserve(size);
    state.task_order_.reserve(size);
    for (uint64_t i = 0; i < size; ++i) {
      auto record = std::make_unique<TaskRecord>();
      if (!allot::Walk(a, *record)) return false;
      const int64_t rows = state.editor_.num_rows();
      for (const RecordedAnswer& answer : record->answers) {
        if (answer.labeler < 0 || answer.labeler >= rows) return false;
      }
      for (const OpenLease& lease : record->leases) {
        if (lease.labeler < 0 || lease.labeler >= rows) return false;
      }
      record->ordinal = static_cast<int32_t>(i);
      state.task_order_.push_back(record.get());
      std::string id = record->spec.id;
      state.tasks_[std::move(id)] = std::move(record);
    }
  } else {
    for (TaskRecord* record : state.task_order_) {
      if (!allot::Walk(a, *record)) return false;
    }
  }
  return true;
}

template <typename Archive>
bool CheckpointAccess::WalkRequests(Archive& a, RequestTable& requests) {
  const auto walk = [&a](RequestTable::Entry& entry) {
    auto& [id, fingerprint, response] = entry.request;
    return a(entry.sequence) && a(entry.unix_micros) && a(id) &&
           a(fingerprint) && a(response);
  };
  uint64_t size = 0;
  if (!a.Size(requests.by_age(), size)) return false;
  if constexpr (Archive::kReading) {
    for (uint64_t i = 0; i < size; ++i) {
      RequestTable::Entry entry;
      if (!walk(entry)) return false;
      requests.Add(entry.sequence, entry.unix_micros, entry.request);
    }
  } else {
    for (RequestTable::Entry entry : requests.by_age()) {
      if (!walk(entry)) return false;
    }
  }
  return true;
}

template <typename Archive>
bool CheckpointAccess::Walk(Archive& a, PoolState& state) {
  uint64_t magic = kMagic;
  if (!a(magic) || magic != kMagic) return false;
  Pool pool;
  if constexpr (!Archive::kReading) pool = *state.pool_;
  if (!(a(state.sequence_) && a(state.num_answers_) &&
        a(state.leases_granted_) && a(state.next_estimate_) &&
        allot::Walk(a, pool) && WalkStart(a, state.newcomer_prior_))) {
    return false;
  }
  if constexpr (Archive::kReading) {
    state.editor_ = RosterEditor(Roster(static_cast<int>(pool.skills.size())));
    state.pool_ = std::make_shared<const Pool>(std::move(pool));
  }
  if (!(WalkLabelers(a, state) && WalkTasks(a, state) &&
        WalkRequests(a, state.requests_) && WalkInputs(a, state.inputs_) &&
        WalkModel(a, state.model_))) {
    return false;
  }
  return a(magic) && magic == kMagic;
}

// What is derived from the rest.
void CheckpointAccess::Restore(PoolState& state) {
  for (const auto& [id, task] : state.tasks_) {
    for (const OpenLease& lease : task->leases) {
      state.leases_[lease.id] = task.get();
      state.loads_->Add(lease.labeler, 1);
    }
  }
  state.changed_ = true;
}

std::string SaveCheckpoint(const PoolState& state) {
  CheckpointWriter writer;
  // The walk is one for both ways; writing leaves the state as it is.
  CheckpointAccess::Walk(writer, const_cast<PoolState&>(state));
  std::string bytes = std::move(writer).Take();
  const uint32_t sum = Checksum(bytes);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  return bytes;
}

absl::Status RestoreCheckpoint(absl::string_view bytes, PoolState& state) {
  uint32_t sum = 0;
  if (bytes.size() < sizeof(sum)) return absl::DataLossError("checkpoint: cut");
  std::memcpy(&sum, bytes.data() + bytes.size() - sizeof(sum), sizeof(sum));
  bytes.remove_suffix(sizeof(sum));
  if (sum != Checksum(bytes)) {
    return absl::DataLossError("checkpoint: bytes were damaged");
  }
  CheckpointReader reader(bytes);
  PoolState restored;
  if (!CheckpointAccess::Walk(reader, restored) || !reader.done()) {
    return absl::DataLossError("checkpoint: of another version, or cut short");
  }
  CheckpointAccess::Restore(restored);
  state = std::move(restored);
  return absl::OkStatus();
}

}  // namespace allot
