// SPDX-License-Identifier: Apache-2.0
#include "lib/store/copy_pool.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr size_t kEventsAtOnce = 500;

}  // namespace

absl::Status PoolWriter::Add(Event event) {
  event.pool = pool_;
  waiting_.push_back(std::move(event));
  ++events_;
  return waiting_.size() < kEventsAtOnce ? absl::OkStatus() : Flush();
}

absl::Status PoolWriter::Flush() {
  const absl::StatusOr<int64_t> last = to_.Append(pool_, last_, waiting_);
  if (absl::IsAborted(last.status())) {
    return absl::AlreadyExistsError(
        last_ == 0 ? absl::StrCat("the store has a pool \"", pool_,
                                  "\" already; nothing was written")
                   : absl::StrCat("somebody else writes to pool \"", pool_,
                                  "\" meanwhile"));
  }
  if (!last.ok()) return last.status();
  last_ = *last;
  waiting_.clear();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PoolWriter::Done() {
  ALLOT_RETURN_IF_ERROR(Flush());
  return events_;
}

absl::Status ReadPool(Store& from, absl::string_view pool, EventVisitor visit) {
  ALLOT_ASSIGN_OR_RETURN(const std::vector<LogEnd> ends, from.Ends());
  bool known = false;
  for (const LogEnd& end : ends) known |= end.pool == pool;
  if (!known) {
    return absl::NotFoundError(
        absl::StrCat("the store has no pool \"", pool, "\""));
  }
  const absl::Status status = from.Load(pool, 0, visit);
  if (absl::IsOutOfRange(status)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "pool \"", pool, "\": its log was trimmed to a checkpoint and no ",
        "longer has its beginning (", status.message(), ")"));
  }
  return status;
}

absl::StatusOr<int64_t> CopyPool(Store& from, Store& to,
                                 const std::string& pool) {
  PoolWriter writer(&to, pool);
  ALLOT_RETURN_IF_ERROR(ReadPool(from, pool, [&](int64_t, Event&& event) {
    return writer.Add(std::move(event));
  }));
  return writer.Done();
}

}  // namespace allot
