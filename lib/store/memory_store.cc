// SPDX-License-Identifier: Apache-2.0
#include "lib/store/memory_store.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {

absl::StatusOr<int64_t> MemoryStore::Append(absl::string_view pool,
                                            int64_t after,
                                            std::span<const Event> events,
                                            absl::FunctionRef<void()>) {
  MutexLock lock(mutex_);
  const auto found = ends_.find(pool);
  const int64_t end = found == ends_.end() ? 0 : found->second;
  if (end != after) return LogMovedOn(pool, after, end);
  if (events.empty()) return after;
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
  const auto last = static_cast<int64_t>(log_.size());
  ends_[std::string(pool)] = last;
  return last;
}

absl::Status MemoryStore::LoadAll(const LogPositions& after,
                                  EventVisitor visit) {
  size_t end = 0;
  {
    MutexLock lock(mutex_);
    end = log_.size();
  }
  // Not locked while visiting: the visitor may take its time, or append.
  for (size_t next = 0; next < end; ++next) {
    const auto sequence = static_cast<int64_t>(next) + 1;
    Event event;
    {
      MutexLock lock(mutex_);
      const auto from = after.find(log_[next].pool);
      if (from != after.end() && sequence <= from->second) continue;
      event = log_[next];
    }
    ALLOT_RETURN_IF_ERROR(visit(sequence, std::move(event)));
  }
  return absl::OkStatus();
}

absl::Status MemoryStore::Load(absl::string_view pool, int64_t after,
                               EventVisitor visit) {
  auto next = static_cast<size_t>(std::max<int64_t>(after, 0));
  size_t end = 0;
  {
    MutexLock lock(mutex_);
    end = log_.size();
  }
  for (; next < end; ++next) {
    Event event;
    {
      MutexLock lock(mutex_);
      if (log_[next].pool != pool) continue;
      event = log_[next];
    }
    ALLOT_RETURN_IF_ERROR(
        visit(static_cast<int64_t>(next) + 1, std::move(event)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LogEnd>> MemoryStore::Ends() {
  MutexLock lock(mutex_);
  std::vector<LogEnd> ends;
  for (const auto& [pool, sequence] : ends_) {
    LogEnd& end = ends.emplace_back();
    end.pool = pool;
    end.sequence = sequence;
    const auto found = checkpoints_.find(pool);
    if (found != checkpoints_.end()) end.checkpoint = found->second.sequence;
  }
  return ends;
}

absl::Status MemoryStore::SaveCheckpoints(
    std::span<const Checkpoint> checkpoints) {
  MutexLock lock(mutex_);
  for (const Checkpoint& checkpoint : checkpoints) {
    Checkpoint& kept = checkpoints_[checkpoint.pool];
    if (kept.sequence <= checkpoint.sequence) kept = checkpoint;
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

absl::StatusOr<std::optional<Checkpoint>> MemoryStore::LoadCheckpoint(
    absl::string_view pool) {
  MutexLock lock(mutex_);
  const auto found = checkpoints_.find(pool);
  if (found == checkpoints_.end()) return std::nullopt;
  return found->second;
}

}  // namespace allot
