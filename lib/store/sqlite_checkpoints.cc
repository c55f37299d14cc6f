// SPDX-License-Identifier: Apache-2.0
#include "lib/store/sqlite_checkpoints.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr size_t kPartBytes = 256 << 10;

// Deletes parts that no checkpoint names, a few a commit (it is faster than to
// write them): those of the last checkpoint, or of a save that did not get to
// its end.
absl::Status DropVoidParts(SqliteConnection& writer, CommitQueue& queue) {
  bool more = true;
  while (more) {
    const auto drop_some = [&]() -> absl::Status {
      ALLOT_RETURN_IF_ERROR(writer.Execute(
          "DELETE FROM checkpoint_part WHERE row IN (SELECT row FROM "
          "checkpoint_part WHERE generation NOT IN "
          "(SELECT generation FROM checkpoint) LIMIT 16)"));
      more = sqlite3_changes(writer.get()) > 0;
      return absl::OkStatus();
    };
    ALLOT_RETURN_IF_ERROR(queue.Submit(drop_some));
  }
  return absl::OkStatus();
}

absl::Status SaveParts(SqliteConnection& writer, CommitQueue& queue,
                       int64_t generation, absl::string_view bytes) {
  for (size_t begin = 0; begin < bytes.size(); begin += kPartBytes) {
    const auto save_one = [&]() -> absl::Status {
      ALLOT_ASSIGN_OR_RETURN(
          SqliteStatement insert,
          writer.Prepare("INSERT INTO checkpoint_part (generation, bytes) "
                         "VALUES (?, ?)"));
      insert.BindInt64(1, generation);
      insert.BindBlob(2, bytes.substr(begin, kPartBytes));
      return insert.Run();
    };
    ALLOT_RETURN_IF_ERROR(queue.Submit(save_one));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SaveSqliteCheckpoints(SqliteConnection& writer, CommitQueue& queue,
                                   std::span<const Checkpoint> checkpoints) {
  ALLOT_RETURN_IF_ERROR(DropVoidParts(writer, queue));
  int64_t first_generation = 0;
  const auto find_generation = [&]() -> absl::Status {
    ALLOT_ASSIGN_OR_RETURN(
        first_generation,
        writer.QueryInt64(
            "SELECT coalesce(max(generation), 0) + 1 FROM checkpoint"));
    return absl::OkStatus();
  };
  ALLOT_RETURN_IF_ERROR(queue.Submit(find_generation));
  for (size_t i = 0; i < checkpoints.size(); ++i) {
    ALLOT_RETURN_IF_ERROR(SaveParts(writer, queue,
                                    first_generation + static_cast<int64_t>(i),
                                    checkpoints[i].bytes));
  }
  const auto make_valid = [&]() -> absl::Status {
    ALLOT_ASSIGN_OR_RETURN(
        SqliteStatement replace,
        writer.Prepare("INSERT INTO checkpoint (pool, sequence, generation) "
                       "VALUES (?, ?, ?) ON CONFLICT (pool) DO UPDATE SET "
                       "sequence = excluded.sequence, "
                       "generation = excluded.generation "
                       "WHERE excluded.sequence >= sequence"));
    for (size_t i = 0; i < checkpoints.size(); ++i) {
      replace.BindText(1, checkpoints[i].pool);
      replace.BindInt64(2, checkpoints[i].sequence);
      replace.BindInt64(3, first_generation + static_cast<int64_t>(i));
      ALLOT_RETURN_IF_ERROR(replace.Run());
    }
    return absl::OkStatus();
  };
  ALLOT_RETURN_IF_ERROR(queue.Submit(make_valid));
  // The checkpoints are saved: what is left over now goes with the next save.
  DropVoidParts(writer, queue).IgnoreError();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Checkpoint>> LoadSqliteCheckpoints(
    SqliteConnection& connection, std::optional<absl::string_view> pool) {
  ALLOT_RETURN_IF_ERROR(connection.Execute("BEGIN"));
  ALLOT_ASSIGN_OR_RETURN(
      SqliteStatement rows,
      connection.Prepare("SELECT pool, sequence, generation FROM checkpoint "
                         "WHERE ?1 IS NULL OR pool = ?1 ORDER BY pool"));
  if (pool) rows.BindText(1, *pool);
  ALLOT_ASSIGN_OR_RETURN(
      SqliteStatement parts,
      connection.Prepare(
          "SELECT bytes FROM checkpoint_part WHERE generation = ? "
          "ORDER BY row"));
  std::vector<Checkpoint> checkpoints;
  while (true) {
    ALLOT_ASSIGN_OR_RETURN(const bool found, rows.Next());
    if (!found) break;
    Checkpoint checkpoint;
    checkpoint.pool = std::string(rows.Text(0));
    checkpoint.sequence = rows.Int64(1);
    parts.BindInt64(1, rows.Int64(2));
    while (true) {
      ALLOT_ASSIGN_OR_RETURN(const bool part_found, parts.Next());
      if (!part_found) break;
      absl::StrAppend(&checkpoint.bytes, parts.Text(0));
    }
    checkpoints.push_back(std::move(checkpoint));
  }
  return checkpoints;
}

}  // namespace allot
