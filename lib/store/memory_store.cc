// SPDX-License-Identifier: Apache-2.0
#include "lib/store/memory_store.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {

absl::StatusOr<int64_t> MemoryStore::Append(std::span<const Event> events) {
  MutexLock lock(mutex_);
  std::vector<AnswerKey> added;
  for (const Event& event : events) {
    const auto* recorded = std::get_if<AnswersRecorded>(&event.body);
    if (recorded == nullptr) continue;
    for (const Answer& answer : recorded->answers) {
      AnswerKey key(event.pool, answer.task, answer.labeler);
      if (!answered_.insert(key).second) {
        for (const AnswerKey& undone : added) answered_.erase(undone);
        return absl::AlreadyExistsError(absl::StrCat(
            "pool \"", event.pool, "\" has an answer of labeler \"",
            answer.labeler, "\" to task \"", answer.task, "\""));
      }
      added.push_back(std::move(key));
    }
  }
  log_.insert(log_.end(), events.begin(), events.end());
  return static_cast<int64_t>(log_.size());
}

absl::Status MemoryStore::Load(
    int64_t after,
    absl::FunctionRef<absl::Status(int64_t sequence, Event&& event)> visit) {
  size_t next = static_cast<size_t>(std::max<int64_t>(after, 0));
  size_t end = 0;
  {
    MutexLock lock(mutex_);
    end = log_.size();
  }
  // Not locked while visiting: the visitor may take its time, or append.
  for (; next < end; ++next) {
    Event event;
    {
      MutexLock lock(mutex_);
      event = log_[next];
    }
    ALLOT_RETURN_IF_ERROR(
        visit(static_cast<int64_t>(next) + 1, std::move(event)));
  }
  return absl::OkStatus();
}

absl::Status MemoryStore::SaveCheckpoints(
    std::span<const Checkpoint> checkpoints) {
  MutexLock lock(mutex_);
  for (const Checkpoint& checkpoint : checkpoints) {
    checkpoints_[checkpoint.pool] = checkpoint;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Checkpoint>> MemoryStore::LoadCheckpoints() {
  MutexLock lock(mutex_);
  std::vector<Checkpoint> checkpoints;
  for (const auto& [pool, checkpoint] : checkpoints_) {
    checkpoints.push_back(checkpoint);
  }
  return checkpoints;
}

}  // namespace allot
