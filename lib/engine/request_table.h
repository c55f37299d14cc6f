// SPDX-License-Identifier: Apache-2.0
// The responses that a pool remembers for retries: folded from the log like the
// rest of its state, and bounded.
#ifndef ALLOT_LIB_ENGINE_REQUEST_TABLE_H_
#define ALLOT_LIB_ENGINE_REQUEST_TABLE_H_

#include <cstdint>
#include <list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "lib/store/event.h"

namespace allot {

// Not thread-safe. Moving keeps what Find() returned valid.
class RequestTable {
 public:
  // What is older, by the times in the log, is forgotten.
  static constexpr int64_t kKeepMicros = 24LL * 3600 * 1'000'000;
  // The oldest go first when there are more; the newest always stays.
  static constexpr size_t kMaxEntries = 100'000;
  static constexpr size_t kMaxBytes = 32 << 20;  // ids and responses

  struct Entry {
    RequestAnswered request;
    int64_t sequence = 0;
    int64_t unix_micros = 0;
  };

  // Folds one event.
  void Add(int64_t sequence, int64_t unix_micros,
           const RequestAnswered& request);
  // Null if the id is unknown, or was last used over a day before `now_micros`.
  const Entry* Find(absl::string_view id, int64_t now_micros) const;

  const std::list<Entry>& by_age() const { return by_age_; }  // oldest first
  size_t bytes() const { return bytes_; }

 private:
  static size_t BytesOf(const Entry& entry) {
    return entry.request.id.size() + entry.request.response.size();
  }
  void Drop(std::list<Entry>::iterator entry);

  std::list<Entry> by_age_;
  // By id, which lives in the entry.
  absl::flat_hash_map<absl::string_view, std::list<Entry>::iterator> by_id_;
  size_t bytes_ = 0;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_REQUEST_TABLE_H_
