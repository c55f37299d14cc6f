// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/store/event_json.h"
#include "lib/store/json_list.h"
#include "lib/store/sqlite_event_kinds.h"
#include "lib/store/sqlite_events.h"

namespace allot {
namespace {

constexpr int64_t kNoMore = std::numeric_limits<int64_t>::max();

std::optional<double> OptionalDouble(const SqliteStatement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Double(column);
}

absl::Status Read(const SqliteStatement& row, Answer& answer) {
  answer.task = std::string(row.Text(1));
  answer.labeler = std::string(row.Text(2));
  answer.label = static_cast<int32_t>(row.Int64(3));
  answer.handling_seconds = OptionalDouble(row, 4);
  answer.answered_unix_micros = row.Int64(5);
  return absl::OkStatus();
}

absl::Status Read(const SqliteStatement& row, LabelerUpdate& update) {
  update.id = std::string(row.Text(1));
  if (!row.IsNull(2)) update.price = Price{row.Double(2), row.Double(3)};
  if (!row.IsNull(4)) update.capacity = static_cast<int32_t>(row.Int64(4));
  if (!row.IsNull(5)) {
    ALLOT_ASSIGN_OR_RETURN(update.qualifications, ParseStrings(row.Text(5)));
  }
  if (!row.IsNull(6)) {
    ALLOT_ASSIGN_OR_RETURN(update.skills, ParseSkillBeliefs(row.Text(6)));
  }
  if (!row.IsNull(7)) update.correlation_group = std::string(row.Text(7));
  return absl::OkStatus();
}

absl::Status Read(const SqliteStatement& row, RequestAnswered& answered) {
  answered.id = std::string(row.Text(1));
  answered.fingerprint = static_cast<uint64_t>(row.Int64(2));
  answered.response = std::string(row.Text(3));
  return absl::OkStatus();
}

// The first row of `table` whose sequence is above `after`. There is no index
// on sequence to keep up at every insert: rows are in the order of sequence,
// so a binary search does.
absl::StatusOr<int64_t> FirstRowAbove(SqliteConnection& connection,
                                      absl::string_view table, int64_t after) {
  if (after <= 0) return 0;
  ALLOT_ASSIGN_OR_RETURN(int64_t high,
                         connection.QueryInt64(absl::StrCat(
                             "SELECT coalesce(max(row), 0) + 1 FROM ", table)));
  ALLOT_ASSIGN_OR_RETURN(
      SqliteStatement probe,
      connection.Prepare(absl::StrCat("SELECT row, sequence FROM ", table,
                                      " WHERE row >= ? ORDER BY row LIMIT 1")));
  int64_t low = 0;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    probe.BindInt64(1, middle);
    ALLOT_ASSIGN_OR_RETURN(const bool found, probe.Next());
    if (found && probe.Int64(1) <= after) {
      low = probe.Int64(0) + 1;
    } else {
      high = middle;
    }
    probe.Reset();
  }
  return low;
}

// A scan of one table of items, read along with the scan of events.
template <typename Item>
class ItemScan {
 public:
  absl::Status Start(SqliteConnection& connection, absl::string_view table,
                     absl::string_view columns, int64_t after) {
    table_ = std::string(table);
    ALLOT_ASSIGN_OR_RETURN(const int64_t first,
                           FirstRowAbove(connection, table, after));
    ALLOT_ASSIGN_OR_RETURN(rows_, connection.Prepare(absl::StrCat(
                                      "SELECT sequence, ", columns, " FROM ",
                                      table, " WHERE row >= ? ORDER BY row")));
    rows_.BindInt64(1, first);
    return Advance();
  }

  // Moves the items of event `sequence` into `items`; rows may be missing.
  absl::Status TakeWhatIsThere(int64_t sequence, std::vector<Item>& items) {
    while (sequence_ == sequence) {
      items.emplace_back();
      ALLOT_RETURN_IF_ERROR(Read(rows_, items.back()));
      ALLOT_RETURN_IF_ERROR(Advance());
    }
    return absl::OkStatus();
  }

  // The same, all `count` of them.
  absl::Status Take(int64_t sequence, int64_t count, std::vector<Item>& items) {
    ALLOT_RETURN_IF_ERROR(TakeWhatIsThere(sequence, items));
    if (static_cast<int64_t>(items.size()) != count || sequence_ < sequence) {
      return absl::DataLossError(absl::StrCat(
          "event ", sequence, " should have ", count, " rows in table ", table_,
          ", found ", items.size(),
          "; rows were changed behind allot's back, restore a backup"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckAtEnd() const {
    if (sequence_ == kNoMore) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("table ", table_,
                                            " has a row of event ", sequence_,
                                            ", which the log lacks"));
  }

 private:
  absl::Status Advance() {
    ALLOT_ASSIGN_OR_RETURN(const bool found, rows_.Next());
    sequence_ = found ? rows_.Int64(0) : kNoMore;
    return absl::OkStatus();
  }

  std::string table_;
  SqliteStatement rows_;
  int64_t sequence_ = kNoMore;  // of the row that comes next
};

struct Scans {
  ItemScan<Answer> answers;
  ItemScan<LabelerUpdate> labelers;
  ItemScan<RequestAnswered> requests;
};

absl::Status CheckCount(int64_t sequence, int64_t items, size_t found) {
  if (static_cast<size_t>(items) == found) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "event ", sequence, " should have ", items, " items in its body, found ",
      found, "; it was changed behind allot's back, restore a backup"));
}

// `row` is (sequence, pool, unix_micros, kind, items, body).
absl::Status ReadBody(const SqliteStatement& row, Scans& scans, Event& event) {
  const int64_t sequence = row.Int64(0);
  const absl::string_view kind = row.Text(3);
  const int64_t items = row.Int64(4);
  const absl::string_view body = row.Text(5);
  if (kind == kEventKinds[0]) {
    ALLOT_ASSIGN_OR_RETURN(Pool pool, ParsePool(body));
    event.body = PoolUpserted{std::move(pool)};
  } else if (kind == kEventKinds[1]) {
    auto& upserted = event.body.emplace<LabelersUpserted>();
    return scans.labelers.Take(sequence, items, upserted.labelers);
  } else if (kind == kEventKinds[2]) {
    ALLOT_ASSIGN_OR_RETURN(std::vector<std::string> ids, ParseStrings(body));
    event.body = LabelersDeleted{std::move(ids)};
  } else if (kind == kEventKinds[3]) {
    ALLOT_ASSIGN_OR_RETURN(std::vector<Task> tasks, ParseTasks(body));
    ALLOT_RETURN_IF_ERROR(CheckCount(sequence, items, tasks.size()));
    event.body = TasksRecorded{std::move(tasks)};
  } else if (kind == kEventKinds[4]) {
    auto& recorded = event.body.emplace<AnswersRecorded>();
    return scans.answers.Take(sequence, items, recorded.answers);
  } else if (kind == kEventKinds[5]) {
    ALLOT_ASSIGN_OR_RETURN(std::vector<Lease> leases, ParseLeases(body));
    ALLOT_RETURN_IF_ERROR(CheckCount(sequence, items, leases.size()));
    event.body = LeasesGranted{std::move(leases)};
  } else if (kind == kEventKinds[6]) {
    ALLOT_ASSIGN_OR_RETURN(event.body, ParseLeasesRenewed(body));
  } else if (kind == kEventKinds[7]) {
    ALLOT_ASSIGN_OR_RETURN(event.body, ParseLeasesEnded(body));
  } else if (kind == kEventKinds[8]) {
    std::vector<RequestAnswered> answered;
    ALLOT_RETURN_IF_ERROR(scans.requests.TakeWhatIsThere(sequence, answered));
    if (answered.empty()) answered.emplace_back();
    event.body = std::move(answered.front());
  } else {
    return absl::DataLossError(
        absl::StrCat("event ", sequence, " is of unknown kind \"", kind, "\""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadSqliteEvents(
    SqliteConnection& connection, int64_t after,
    absl::FunctionRef<absl::Status(int64_t sequence, Event&& event)> visit) {
  ALLOT_ASSIGN_OR_RETURN(
      SqliteStatement rows,
      connection.Prepare("SELECT sequence, pool, unix_micros, kind, items, "
                         "body FROM event WHERE sequence > ? "
                         "ORDER BY sequence"));
  rows.BindInt64(1, after);
  Scans scans;
  ALLOT_RETURN_IF_ERROR(scans.answers.Start(
      connection, "answer",
      "task, labeler, label, handling_seconds, answered_unix_micros", after));
  ALLOT_RETURN_IF_ERROR(scans.labelers.Start(
      connection, "labeler_update",
      "labeler, price_per_answer, price_per_hour, capacity, qualifications, "
      "skills, correlation_group",
      after));
  ALLOT_RETURN_IF_ERROR(scans.requests.Start(
      connection, "request", "request, fingerprint, response", after));
  while (true) {
    ALLOT_ASSIGN_OR_RETURN(const bool found, rows.Next());
    if (!found) break;
    Event event;
    event.pool = std::string(rows.Text(1));
    event.unix_micros = rows.Int64(2);
    ALLOT_RETURN_IF_ERROR(ReadBody(rows, scans, event));
    ALLOT_RETURN_IF_ERROR(visit(rows.Int64(0), std::move(event)));
  }
  ALLOT_RETURN_IF_ERROR(scans.answers.CheckAtEnd());
  ALLOT_RETURN_IF_ERROR(scans.labelers.CheckAtEnd());
  return scans.requests.CheckAtEnd();
}

}  // namespace allot
