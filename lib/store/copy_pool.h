// SPDX-License-Identifier: Apache-2.0
// Pools from one store to another, and to text and back: by their logs, so that
// the copy folds to the same state bit for bit, its past included.
#ifndef ALLOT_LIB_STORE_COPY_POOL_H_
#define ALLOT_LIB_STORE_COPY_POOL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/store/store.h"

namespace allot {

// Appends events to the log of a pool that is not there yet, some hundred at a
// time. If it ends half way, the pool is there in part: Done() was not called.
class PoolWriter {
 public:
  PoolWriter(Store* to, std::string pool) : to_(*to), pool_(std::move(pool)) {}

  // kAlreadyExists: the store has a pool of that id.
  absl::Status Add(Event event);
  // Appends what is left. Returns how many events there were.
  absl::StatusOr<int64_t> Done();

 private:
  absl::Status Flush();

  Store& to_;
  const std::string pool_;
  std::vector<Event> waiting_;
  int64_t last_ = 0;
  int64_t events_ = 0;
};

// Every event of the pool, from the first one on. kNotFound: no such pool.
// kFailedPrecondition: the log no longer reaches back to its beginning.
absl::Status ReadPool(Store& from, absl::string_view pool, EventVisitor visit);

// Copies one pool. Returns the number of events.
absl::StatusOr<int64_t> CopyPool(Store& from, Store& to,
                                 const std::string& pool);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_COPY_POOL_H_
