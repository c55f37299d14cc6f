// SPDX-License-Identifier: Apache-2.0
#include "server/request_cache.h"

#include "server/grpc_status.h"

namespace allot {

bool RequestCache::Run(const std::string& key, uint64_t fingerprint, Done done,
                       const std::function<void(Done)>& run) {
  enum class Found { kNew, kFinished, kReused } found = Found::kNew;
  grpc::ByteBuffer replay;
  {
    MutexLock lock(mutex_);
    const absl::Time now = clock_.Now();
    while (!by_age_.empty() && entries_.at(by_age_.front()).expires <= now) {
      DropOldest();
    }
    const auto [it, is_new] = entries_.try_emplace(key);
    Entry& entry = it->second;
    if (is_new) {
      entry.fingerprint = fingerprint;
      entry.waiting.push_back(std::move(done));
    } else if (entry.fingerprint != fingerprint) {
      found = Found::kReused;
    } else if (!entry.finished) {
      entry.waiting.push_back(std::move(done));
      return true;
    } else {
      found = Found::kFinished;
      replay = entry.response;
    }
  }
  if (found == Found::kReused) {
    done(WithReason(absl::InvalidArgumentError(
                        "request_id: was used before with another request"),
                    "REQUEST_ID_REUSED"),
         grpc::ByteBuffer());
    return false;
  }
  if (found == Found::kFinished) {
    done(absl::OkStatus(), replay);
    return true;
  }
  run([this, key](const absl::Status& status,
                  const grpc::ByteBuffer& response) {
    Finish(key, status, response);
  });
  return false;
}

void RequestCache::Finish(const std::string& key, const absl::Status& status,
                          const grpc::ByteBuffer& response) {
  std::vector<Done> waiting;
  {
    MutexLock lock(mutex_);
    const auto it = entries_.find(key);
    waiting = std::move(it->second.waiting);
    if (!status.ok() || options_.max_entries == 0 ||
        response.Length() > options_.max_bytes) {
      entries_.erase(it);
    } else {
      Entry& entry = it->second;
      entry.waiting.clear();
      entry.finished = true;
      entry.response = response;
      entry.expires = clock_.Now() + options_.keep;
      entry.age = by_age_.insert(by_age_.end(), key);
      bytes_ += response.Length();
      while (by_age_.size() > options_.max_entries ||
             bytes_ > options_.max_bytes) {
        DropOldest();
      }
    }
  }
  for (const Done& done : waiting) done(status, response);
}

void RequestCache::DropOldest() {
  const auto it = entries_.find(by_age_.front());
  bytes_ -= it->second.response.Length();
  by_age_.pop_front();
  entries_.erase(it);
}

size_t RequestCache::entries() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

size_t RequestCache::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace allot
