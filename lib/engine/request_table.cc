// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/request_table.h"

#include <iterator>

namespace allot {

void RequestTable::Drop(std::list<Entry>::iterator entry) {
  bytes_ -= BytesOf(*entry);
  by_id_.erase(entry->request.id);
  by_age_.erase(entry);
}

void RequestTable::Add(int64_t sequence, int64_t unix_micros,
                       const RequestAnswered& request) {
  // The store forgot it: whatever came since would have pushed it out here too.
  if (request == RequestAnswered()) return;
  while (!by_age_.empty() &&
         by_age_.front().unix_micros + kKeepMicros <= unix_micros) {
    Drop(by_age_.begin());
  }
  if (const auto known = by_id_.find(request.id); known != by_id_.end()) {
    Drop(known->second);
  }
  by_age_.push_back({request, sequence, unix_micros});
  by_id_[by_age_.back().request.id] = std::prev(by_age_.end());
  bytes_ += BytesOf(by_age_.back());
  while (by_age_.size() > 1 &&
         (by_age_.size() > kMaxEntries || bytes_ > kMaxBytes)) {
    Drop(by_age_.begin());
  }
}

const RequestTable::Entry* RequestTable::Find(absl::string_view id,
                                              int64_t now_micros) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  const Entry& entry = *found->second;
  return entry.unix_micros + kKeepMicros <= now_micros ? nullptr : &entry;
}

}  // namespace allot
