// SPDX-License-Identifier: Apache-2.0
// Checkpoints in the tables checkpoint and checkpoint_part. A checkpoint may
// be 100 MB: it is written in parts of 256 KiB, each a commit among those of
// Append(), so that no append waits for more than one part, and the write-ahead
// log never holds more than a few. The last commit makes the new parts valid
// and the old ones void, all pools at once. The space of void parts is used
// again: the file holds up to two checkpoints of each pool.
#ifndef ALLOT_LIB_STORE_SQLITE_CHECKPOINTS_H_
#define ALLOT_LIB_STORE_SQLITE_CHECKPOINTS_H_

#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/store/commit_queue.h"
#include "lib/store/sqlite_connection.h"
#include "lib/store/store.h"

namespace allot {

// `queue` commits on `writer`. Not for two threads at once.
absl::Status SaveSqliteCheckpoints(SqliteConnection& writer, CommitQueue& queue,
                                   std::span<const Checkpoint> checkpoints);

// Of all pools, or of one.
absl::StatusOr<std::vector<Checkpoint>> LoadSqliteCheckpoints(
    SqliteConnection& connection, std::optional<absl::string_view> pool);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_SQLITE_CHECKPOINTS_H_
