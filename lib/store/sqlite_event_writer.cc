// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/store/event_json.h"
#include "lib/store/json_list.h"
#include "lib/store/sqlite_event_kinds.h"
#include "lib/store/sqlite_events.h"

namespace allot {
namespace {

// Binds `value` as JSON text, which it leaves in `text`: that must live until
// the row is written. Nothing is bound as NULL.
template <typename List>
void BindNumbers(SqliteStatement& row, int parameter, const List& value,
                 std::string& text) {
  if (value.empty()) {
    row.BindNull(parameter);
    return;
  }
  row.Fail(AppendJson(value, text));
  row.BindText(parameter, text);
}

void BindStrings(SqliteStatement& row, int parameter,
                 const std::vector<std::string>& value, std::string& text) {
  absl::StatusOr<std::string> json = ToJson(value);
  if (!json.ok()) {
    row.Fail(json.status());
    return;
  }
  text = *std::move(json);
  row.BindText(parameter, text);
}

void BindOptional(SqliteStatement& row, int parameter,
                  const std::optional<double>& value) {
  if (value.has_value()) {
    row.BindDouble(parameter, *value);
  } else {
    row.BindNull(parameter);
  }
}

void BindOptional(SqliteStatement& row, int parameter,
                  const std::optional<int32_t>& value) {
  if (value.has_value()) {
    row.BindInt64(parameter, *value);
  } else {
    row.BindNull(parameter);
  }
}

size_t CountItems(const EventBody& body) {
  struct Count {
    size_t operator()(const PoolUpserted&) const { return 1; }
    size_t operator()(const LabelersUpserted& e) const {
      return e.labelers.size();
    }
    size_t operator()(const LabelersDeleted& e) const { return e.ids.size(); }
    size_t operator()(const TasksRecorded& e) const { return e.tasks.size(); }
    size_t operator()(const AnswersRecorded& e) const {
      return e.answers.size();
    }
    size_t operator()(const LeasesGranted& e) const { return e.leases.size(); }
    size_t operator()(const LeasesRenewed& e) const { return e.ids.size(); }
    size_t operator()(const LeasesEnded& e) const { return e.ids.size(); }
    size_t operator()(const RequestAnswered&) const { return 1; }
  };
  return std::visit(Count{}, body);
}

// Rows of one INSERT: to begin and end a statement costs a third of what a row
// does.
constexpr size_t kAnswersAtOnce = 8;

// ?1 is the sequence, ?2 the pool. OR FAIL: what comes before a refused row may
// stay, as the transaction is rolled back, so that SQLite need not be ready to
// undo the statement alone.
std::string InsertAnswers(size_t rows) {
  std::string sql =
      "INSERT OR FAIL INTO answer (sequence, pool, task, labeler, label, "
      "handling_seconds, answered_unix_micros) VALUES ";
  int parameter = 2;
  for (size_t i = 0; i < rows; ++i) {
    absl::StrAppend(&sql, i == 0 ? "" : ", ", "(?1, ?2");
    for (int column = 0; column < 5; ++column) {
      absl::StrAppend(&sql, ", ?", ++parameter);
    }
    absl::StrAppend(&sql, ")");
  }
  return sql;
}

template <typename List>
absl::StatusOr<std::string> ListJson(const List& list) {
  std::string text;
  ALLOT_RETURN_IF_ERROR(AppendJson(list, text));
  return text;
}

}  // namespace

absl::StatusOr<std::string> SqliteEventWriter::Body(const EventBody& body) {
  struct Encode {
    absl::StatusOr<std::string> operator()(const PoolUpserted& e) const {
      return ToJson(e.pool);
    }
    absl::StatusOr<std::string> operator()(const LabelersDeleted& e) const {
      return ToJson(e.ids);
    }
    absl::StatusOr<std::string> operator()(const LeasesRenewed& e) const {
      return ToJson(e);
    }
    absl::StatusOr<std::string> operator()(const LeasesEnded& e) const {
      return ToJson(e);
    }
    absl::StatusOr<std::string> operator()(const LabelersUpserted&) const {
      return "";
    }
    absl::StatusOr<std::string> operator()(const TasksRecorded& e) const {
      return ListJson(e.tasks);
    }
    absl::StatusOr<std::string> operator()(const AnswersRecorded&) const {
      return "";
    }
    absl::StatusOr<std::string> operator()(const LeasesGranted& e) const {
      return ListJson(e.leases);
    }
    absl::StatusOr<std::string> operator()(const RequestAnswered&) const {
      return "";
    }
  };
  return std::visit(Encode{}, body);
}

absl::StatusOr<SqliteEventWriter> SqliteEventWriter::Create(
    SqliteConnection& connection) {
  SqliteEventWriter writer;
  ALLOT_ASSIGN_OR_RETURN(
      writer.event_,
      connection.Prepare("INSERT INTO event (sequence, pool, unix_micros, "
                         "kind, items, body) VALUES (?, ?, ?, ?, ?, ?)"));
  ALLOT_ASSIGN_OR_RETURN(writer.answer_, connection.Prepare(InsertAnswers(1)));
  ALLOT_ASSIGN_OR_RETURN(writer.answers_,
                         connection.Prepare(InsertAnswers(kAnswersAtOnce)));
  ALLOT_ASSIGN_OR_RETURN(
      writer.labeler_update_,
      connection.Prepare(
          "INSERT INTO labeler_update (sequence, pool, labeler, "
          "price_per_answer, price_per_hour, capacity, qualifications, skills, "
          "correlation_group) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  ALLOT_ASSIGN_OR_RETURN(
      writer.request_,
      connection.Prepare("INSERT INTO request (sequence, pool, unix_micros, "
                         "request, fingerprint, response) "
                         "VALUES (?, ?, ?, ?, ?, ?)"));
  return writer;
}

absl::Status SqliteEventWriter::Write(int64_t sequence, const Event& event,
                                      const std::string& body) {
  event_.BindInt64(1, sequence);
  event_.BindText(2, event.pool);
  event_.BindInt64(3, event.unix_micros);
  event_.BindText(4, kEventKinds[event.body.index()]);
  event_.BindInt64(5, static_cast<int64_t>(CountItems(event.body)));
  if (body.empty()) {
    event_.BindNull(6);
  } else {
    event_.BindText(6, body);
  }
  ALLOT_RETURN_IF_ERROR(event_.Run());
  return WriteItems(sequence, event);
}

absl::Status SqliteEventWriter::WriteItems(int64_t sequence,
                                           const Event& event) {
  if (const auto* updates = std::get_if<LabelersUpserted>(&event.body)) {
    for (const LabelerUpdate& update : updates->labelers) {
      ALLOT_RETURN_IF_ERROR(Write(sequence, event.pool, update));
    }
  } else if (const auto* answers = std::get_if<AnswersRecorded>(&event.body)) {
    std::span<const Answer> rest = answers->answers;
    while (!rest.empty()) {
      const size_t rows = rest.size() < kAnswersAtOnce ? 1 : kAnswersAtOnce;
      ALLOT_RETURN_IF_ERROR(Write(sequence, event.pool, rest.first(rows)));
      rest = rest.subspan(rows);
    }
  } else if (const auto* answered = std::get_if<RequestAnswered>(&event.body)) {
    return Write(sequence, event, *answered);
  }
  return absl::OkStatus();
}

// The writers below take structs apart by structured binding: a field that is
// added to the struct and forgotten here does not compile.

absl::Status SqliteEventWriter::Write(int64_t sequence, const std::string& pool,
                                      const LabelerUpdate& update) {
  const auto& [id, price, capacity, qualifications, skills, correlation_group] =
      update;
  SqliteStatement& row = labeler_update_;
  std::string qualifications_json, skills_json;
  row.BindInt64(1, sequence);
  row.BindText(2, pool);
  row.BindText(3, id);
  if (price.has_value()) {
    const auto& [per_answer, per_hour] = *price;
    row.BindDouble(4, per_answer);
    row.BindDouble(5, per_hour);
  } else {
    row.BindNull(4);
    row.BindNull(5);
  }
  BindOptional(row, 6, capacity);
  if (qualifications.has_value()) {
    BindStrings(row, 7, *qualifications, qualifications_json);
  } else {
    row.BindNull(7);
  }
  BindNumbers(row, 8, skills, skills_json);
  if (correlation_group.has_value()) {
    row.BindText(9, *correlation_group);
  } else {
    row.BindNull(9);
  }
  return row.Run();
}

absl::Status SqliteEventWriter::Write(int64_t sequence, const std::string& pool,
                                      std::span<const Answer> answers) {
  SqliteStatement& rows = answers.size() == 1 ? answer_ : answers_;
  rows.BindInt64(1, sequence);
  rows.BindText(2, pool);
  int parameter = 2;
  for (const Answer& answer : answers) {
    const auto& [task, labeler, label, handling_seconds, answered_unix_micros] =
        answer;
    rows.BindText(++parameter, task);
    rows.BindText(++parameter, labeler);
    rows.BindInt64(++parameter, label);
    BindOptional(rows, ++parameter, handling_seconds);
    rows.BindInt64(++parameter, answered_unix_micros);
  }
  return rows.Run();
}

absl::Status SqliteEventWriter::Write(int64_t sequence, const Event& event,
                                      const RequestAnswered& answered) {
  const auto& [id, fingerprint, response] = answered;
  // Nothing is kept of one that was forgotten elsewhere.
  if (answered == RequestAnswered()) return absl::OkStatus();
  SqliteStatement& row = request_;
  row.BindInt64(1, sequence);
  row.BindText(2, event.pool);
  row.BindInt64(3, event.unix_micros);
  row.BindText(4, id);
  row.BindInt64(5, static_cast<int64_t>(fingerprint));
  row.BindBlob(6, response);
  return row.Run();
}

}  // namespace allot
