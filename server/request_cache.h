// SPDX-License-Identifier: Apache-2.0
// Remembers the responses of mutating calls by request id, so that a retry
// gets the first response instead of a second effect.
//
// It lives in memory: a retry that reaches the process after a restart is a new
// call. Answers do not depend on it, their identity is in the log.
#ifndef ALLOT_SERVER_REQUEST_CACHE_H_
#define ALLOT_SERVER_REQUEST_CACHE_H_

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"

namespace allot {

struct RequestCacheOptions {
  absl::Duration keep = absl::Hours(24);
  size_t max_entries = 100'000;
  size_t max_bytes = 64 << 20;  // of responses; the oldest go first
};

// Thread-safe.
class RequestCache {
 public:
  using Done =
      std::function<void(const absl::Status&, const grpc::ByteBuffer&)>;

  RequestCache(const Clock* clock, RequestCacheOptions options)
      : clock_(*clock), options_(options) {}

  // Calls `run` with a callback if this key is new, and whatever that callback
  // is given goes to `done`. If the key is known and `fingerprint` is the same,
  // `done` gets the first call's outcome: now if it is there, else as soon as
  // it is. If the fingerprint differs, `done` gets kInvalidArgument
  // (REQUEST_ID_REUSED). Errors are shared with those who wait and then
  // forgotten: a later retry runs again. `run` must call its callback exactly
  // once. Returns whether the call was replayed or waits.
  bool Run(const std::string& key, uint64_t fingerprint, Done done,
           const std::function<void(Done)>& run);

  size_t entries() const;
  size_t bytes() const;

 private:
  struct Entry {
    uint64_t fingerprint = 0;
    bool finished = false;
    grpc::ByteBuffer response;
    std::vector<Done> waiting;
    std::list<std::string>::iterator age;  // valid when finished
    absl::Time expires;
  };

  void Finish(const std::string& key, const absl::Status& status,
              const grpc::ByteBuffer& response);
  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  const RequestCacheOptions options_;
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::list<std::string> by_age_ ABSL_GUARDED_BY(mutex_);  // oldest first
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace allot

#endif  // ALLOT_SERVER_REQUEST_CACHE_H_
