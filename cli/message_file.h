// SPDX-License-Identifier: Apache-2.0
// Files of labelers, tasks and answers as messages of the contract.
//
// JSON Lines: each line is one message in protobuf's JSON form, so every field
// of the contract can be given. CSV: the columns that a schema lists, empty
// cells meaning "not given". Both may be gzipped.
#ifndef ALLOT_CLI_MESSAGE_FILE_H_
#define ALLOT_CLI_MESSAGE_FILE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "allot/v1/labeler.pb.h"
#include "allot/v1/pool.pb.h"
#include "allot/v1/task.pb.h"
#include "cli/table_file.h"
#include "lib/base/status_macros.h"

namespace allot {

template <typename Message>
struct MessageColumn {
  // Accepted names; the first one is the one to use. A name that ends in ':'
  // stands for a family of columns, "skill:cats", "skill:dogs".
  std::vector<std::string> names;
  bool required = false;
  std::string help;
  // Stores a cell that is not empty; `key` is what follows a family's ':'. The
  // error says what was wanted: "want an integer >= 0".
  std::function<absl::Status(absl::string_view cell, absl::string_view key,
                             Message& message)>
      set;
};

template <typename Message>
using MessageSchema = std::vector<MessageColumn<Message>>;

MessageSchema<v1::Labeler> LabelerSchema(const v1::Pool& pool);
MessageSchema<v1::Task> TaskSchema(const v1::Pool& pool);
MessageSchema<v1::Answer> AnswerSchema(const v1::Pool& pool);
// Two columns, task and truth, as tasks with gold labels.
MessageSchema<v1::Task> TruthSchema(const v1::Pool& pool);

// The index of a class given by name or number; the names of the pool's first
// label set come first. -1 if it is neither.
int LabelIndex(const v1::Pool& pool, absl::string_view label);

// The schema as help text, one column a line.
template <typename Message>
std::string DescribeSchema(const MessageSchema<Message>& schema) {
  std::string text;
  for (const auto& column : schema) {
    const std::string name = column.names[0].back() == ':'
                                 ? column.names[0] + "NAME"
                                 : column.names[0];
    absl::StrAppend(&text, "  ", name,
                    std::string(name.size() < 20 ? 20 - name.size() : 1, ' '),
                    column.help, column.required ? " (required)" : "", "\n");
  }
  return text;
}

// Fills `message` from one line of JSON. Errors: kInvalidArgument that begins
// with `where`.
absl::Status ParseJsonMessage(absl::string_view text, const std::string& where,
                              google::protobuf::Message& message);

// Fills `message` from a file that holds one message as JSON.
// Errors: kUnknown if it cannot be read, kInvalidArgument as above.
absl::Status ReadJsonFile(const std::string& path,
                          google::protobuf::Message& message);

template <typename Message>
class MessageFile {
 public:
  // Errors: kUnknown if the file cannot be read; kInvalidArgument if a required
  // column is missing.
  static absl::StatusOr<std::unique_ptr<MessageFile>> Open(
      std::string path, MessageSchema<Message> schema) {
    std::unique_ptr<MessageFile> file(new MessageFile());
    ALLOT_ASSIGN_OR_RETURN(file->table_, TableFile::Open(std::move(path)));
    file->schema_ = std::move(schema);
    if (file->table_->format() == TableFormat::kCsv) {
      ALLOT_RETURN_IF_ERROR(file->BindColumns());
    }
    return file;
  }

  // Reads the next message; false at the end.
  // Errors: kInvalidArgument, "file:line:column: column: want ..., got ...".
  absl::StatusOr<bool> Next(Message& message) {
    ALLOT_ASSIGN_OR_RETURN(const bool more, table_->Next());
    message.Clear();
    if (!more) return false;
    if (table_->format() == TableFormat::kJsonLines) {
      ALLOT_RETURN_IF_ERROR(
          ParseJsonMessage(table_->text(), table_->Where(), message));
      return true;
    }
    for (const Binding& binding : bindings_) {
      const std::string& cell = table_->cells()[binding.cell];
      if (cell.empty() && !binding.column->required) continue;
      const absl::Status status =
          cell.empty() ? absl::InvalidArgumentError("want a value")
                       : binding.column->set(cell, binding.key, message);
      if (!status.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(
            table_->Where(binding.cell), ": ", table_->columns()[binding.cell],
            ": ", status.message(), ", got \"", cell, "\""));
      }
    }
    return true;
  }

  // Where the message that was read last begins, "tasks.csv:7".
  std::string Where() const { return table_->Where(); }
  int64_t line() const { return table_->line(); }
  double fraction() const { return table_->fraction(); }
  // CSV columns that no schema column claims.
  const std::vector<std::string>& ignored_columns() const { return ignored_; }

 private:
  struct Binding {
    size_t cell;
    const MessageColumn<Message>* column;
    std::string key;
  };

  absl::Status BindColumns() {
    std::map<const MessageColumn<Message>*, std::string> bound;
    for (size_t i = 0; i < table_->columns().size(); ++i) {
      const std::string& name = table_->columns()[i];
      std::string key;
      const MessageColumn<Message>* column = FindColumn(name, key);
      if (column == nullptr) {
        ignored_.push_back(name);
      } else if (!key.empty() || bound.emplace(column, name).second) {
        bindings_.push_back({i, column, key});
      } else {
        return absl::InvalidArgumentError(absl::StrCat(
            table_->Where(), ": columns \"", bound[column], "\" and \"", name,
            "\" mean the same; keep one of them"));
      }
    }
    for (const auto& column : schema_) {
      if (column.required && bound.find(&column) == bound.end()) {
        std::string names;
        for (const auto& header : table_->columns()) {
          absl::StrAppend(&names, names.empty() ? "" : ", ", header);
        }
        return absl::InvalidArgumentError(
            absl::StrCat(table_->Where(), ": want a column \"", column.names[0],
                         "\" (", column.help, "); the header has ", names));
      }
    }
    return absl::OkStatus();
  }

  const MessageColumn<Message>* FindColumn(const std::string& name,
                                           std::string& key) const {
    for (const auto& column : schema_) {
      for (const auto& accepted : column.names) {
        if (name == accepted && accepted.back() != ':') return &column;
        if (accepted.back() == ':' && name.size() > accepted.size() &&
            name.compare(0, accepted.size(), accepted) == 0) {
          key = name.substr(accepted.size());
          return &column;
        }
      }
    }
    return nullptr;
  }

  std::unique_ptr<TableFile> table_;
  MessageSchema<Message> schema_;
  std::vector<Binding> bindings_;
  std::vector<std::string> ignored_;
};

// Reads a whole file.
template <typename Message>
absl::StatusOr<std::vector<Message>> ReadMessages(
    std::string path, MessageSchema<Message> schema) {
  ALLOT_ASSIGN_OR_RETURN(
      const auto file,
      MessageFile<Message>::Open(std::move(path), std::move(schema)));
  std::vector<Message> messages;
  for (Message message;;) {
    ALLOT_ASSIGN_OR_RETURN(const bool more, file->Next(message));
    if (!more) return messages;
    messages.push_back(std::move(message));
  }
}

}  // namespace allot

#endif  // ALLOT_CLI_MESSAGE_FILE_H_
