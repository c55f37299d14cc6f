// SPDX-License-Identifier: Apache-2.0
#include "cli/message_file.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <cmath>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

namespace allot {
namespace {

using google::protobuf::util::TimeUtil;

absl::StatusOr<double> ParseNumber(absl::string_view cell) {
  double value = 0;
  if (!absl::SimpleAtod(cell, &value) || !std::isfinite(value)) {
    return absl::InvalidArgumentError("want a number");
  }
  return value;
}

absl::StatusOr<int32_t> ParseInteger(absl::string_view cell) {
  int32_t value = 0;
  if (!absl::SimpleAtoi(cell, &value)) {
    return absl::InvalidArgumentError("want an integer");
  }
  return value;
}

absl::StatusOr<google::protobuf::Duration> ParseSecondsCell(
    absl::string_view cell) {
  ALLOT_ASSIGN_OR_RETURN(const double seconds, ParseNumber(cell));
  // Beyond any range of the contract, and of what a nanosecond count holds.
  if (std::abs(seconds) > 1e9) {
    return absl::InvalidArgumentError("want seconds");
  }
  return TimeUtil::NanosecondsToDuration(std::llround(seconds * 1e9));
}

absl::StatusOr<google::protobuf::Timestamp> ParseTimeCell(
    absl::string_view cell) {
  absl::Time time;
  double unix_seconds = 0;
  std::string error;
  if (absl::SimpleAtod(cell, &unix_seconds) && std::abs(unix_seconds) < 1e11) {
    time = absl::FromUnixMicros(std::llround(unix_seconds * 1e6));
  } else if (!absl::ParseTime(absl::RFC3339_full, cell, &time, &error) &&
             !absl::ParseTime("%Y-%m-%d%ET%H:%M:%E*S", cell, &time, &error) &&
             !absl::ParseTime("%Y-%m-%d %H:%M:%E*S", cell, &time, &error)) {
    return absl::InvalidArgumentError(
        "want a time, 2026-05-01T12:30:00Z or seconds since 1970");
  }
  return TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

// Splits "a;b;c".
std::vector<std::string> SplitList(absl::string_view cell) {
  return absl::StrSplit(cell, ';', absl::SkipWhitespace());
}

// A column whose cell is parsed by `parse` and stored by `store`.
template <typename Message, typename Value, typename Store>
MessageColumn<Message> Parsed(std::vector<std::string> names, std::string help,
                              absl::StatusOr<Value> (*parse)(absl::string_view),
                              Store store) {
  MessageColumn<Message> column;
  column.names = std::move(names);
  column.help = std::move(help);
  column.set = [parse, store](absl::string_view cell, absl::string_view,
                              Message& message) -> absl::Status {
    ALLOT_ASSIGN_OR_RETURN(const Value value, parse(cell));
    store(value, message);
    return absl::OkStatus();
  };
  return column;
}

template <typename Message, typename Store>
MessageColumn<Message> Text(std::vector<std::string> names, bool required,
                            std::string help, Store store) {
  MessageColumn<Message> column;
  column.names = std::move(names);
  column.required = required;
  column.help = std::move(help);
  column.set = [store](absl::string_view cell, absl::string_view,
                       Message& message) {
    store(std::string(cell), message);
    return absl::OkStatus();
  };
  return column;
}

v1::SkillEstimate& SkillOf(v1::Labeler& labeler, absl::string_view skill,
                           const std::map<std::string, double>& variances) {
  for (v1::SkillEstimate& estimate : *labeler.mutable_skills()) {
    if (estimate.skill() == skill) return estimate;
  }
  v1::SkillEstimate& estimate = *labeler.add_skills();
  estimate.set_skill(std::string(skill));
  const auto variance = variances.find(estimate.skill());
  estimate.set_variance(variance == variances.end() ? 1 : variance->second);
  return estimate;
}

absl::Status SetGold(const v1::Pool& pool, absl::string_view cell,
                     v1::Task& task) {
  const int label = LabelIndex(pool, cell);
  if (label < 0) {
    return absl::InvalidArgumentError("want a label's name or number");
  }
  task.set_gold_label(label);
  return absl::OkStatus();
}

MessageColumn<v1::Task> TaskIdColumn() {
  return Text<v1::Task>(
      {"task", "task_id"}, true, "id of the task",
      [](std::string id, v1::Task& task) { task.set_task_id(std::move(id)); });
}

}  // namespace

int LabelIndex(const v1::Pool& pool, absl::string_view label) {
  if (pool.label_sets_size() > 0) {
    const auto& names = pool.label_sets(0).labels();
    for (int i = 0; i < names.size(); ++i) {
      if (names[i] == label) return i;
    }
  }
  int32_t number = 0;
  return absl::SimpleAtoi(label, &number) && number >= 0 ? number : -1;
}

MessageSchema<v1::Labeler> LabelerSchema(const v1::Pool& pool) {
  std::map<std::string, double> variances;
  for (const v1::Skill& skill : pool.skills()) {
    variances[skill.name()] =
        skill.has_prior_variance() ? skill.prior_variance() : 1;
  }
  MessageSchema<v1::Labeler> schema;
  schema.push_back(Text<v1::Labeler>({"labeler", "labeler_id"}, true,
                                     "id of the labeler",
                                     [](std::string id, v1::Labeler& labeler) {
                                       labeler.set_labeler_id(std::move(id));
                                     }));
  schema.push_back(
      Parsed<v1::Labeler>({"price", "price_per_answer"}, "currency per answer",
                          &ParseNumber, [](double value, v1::Labeler& labeler) {
                            labeler.mutable_price()->set_per_answer(value);
                          }));
  schema.push_back(Parsed<v1::Labeler>(
      {"price_per_hour"}, "currency per hour of handling time", &ParseNumber,
      [](double value, v1::Labeler& labeler) {
        labeler.mutable_price()->set_per_hour(value);
      }));
  schema.push_back(Parsed<v1::Labeler>(
      {"capacity"}, "tasks she can hold at once", &ParseInteger,
      [](int32_t value, v1::Labeler& labeler) {
        labeler.set_capacity(value);
      }));
  schema.push_back(
      Text<v1::Labeler>({"qualifications"}, false, "tags, separated by ;",
                        [](const std::string& cell, v1::Labeler& labeler) {
                          for (std::string& tag : SplitList(cell)) {
                            labeler.add_qualifications(std::move(tag));
                          }
                        }));
  schema.push_back(Text<v1::Labeler>(
      {"correlation_group"}, false, "labelers of one group err together",
      [](std::string group, v1::Labeler& labeler) {
        labeler.set_correlation_group(std::move(group));
      }));
  MessageColumn<v1::Labeler> mean;
  mean.names = {"skill:"};
  mean.help = "what is believed of this skill: mean, logits";
  mean.set = [variances](absl::string_view cell, absl::string_view skill,
                         v1::Labeler& labeler) -> absl::Status {
    ALLOT_ASSIGN_OR_RETURN(const double value, ParseNumber(cell));
    SkillOf(labeler, skill, variances).set_mean(value);
    return absl::OkStatus();
  };
  schema.push_back(mean);
  MessageColumn<v1::Labeler> variance;
  variance.names = {"variance:"};
  variance.help = "variance of that belief; default: the pool's prior";
  variance.set = [variances](absl::string_view cell, absl::string_view skill,
                             v1::Labeler& labeler) -> absl::Status {
    ALLOT_ASSIGN_OR_RETURN(const double value, ParseNumber(cell));
    SkillOf(labeler, skill, variances).set_variance(value);
    return absl::OkStatus();
  };
  schema.push_back(variance);
  return schema;
}

MessageSchema<v1::Task> TaskSchema(const v1::Pool& pool) {
  MessageSchema<v1::Task> schema;
  schema.push_back(TaskIdColumn());
  schema.push_back(Parsed<v1::Task>(
      {"redundancy"}, "distinct labelers wanted", &ParseInteger,
      [](int32_t value, v1::Task& task) { task.set_redundancy(value); }));
  schema.push_back(Parsed<v1::Task>(
      {"value"}, "worth relative to other tasks", &ParseNumber,
      [](double value, v1::Task& task) { task.set_value(value); }));
  schema.push_back(Parsed<v1::Task>(
      {"difficulty"}, "logits, 0 = average", &ParseNumber,
      [](double value, v1::Task& task) { task.set_difficulty(value); }));
  schema.push_back(Text<v1::Task>({"label_set"}, false, "name of its label set",
                                  [](std::string name, v1::Task& task) {
                                    task.set_label_set(std::move(name));
                                  }));
  schema.push_back(Parsed<v1::Task>(
      {"num_classes"}, "classes of a task without a label set", &ParseInteger,
      [](int32_t value, v1::Task& task) { task.set_num_classes(value); }));
  schema.push_back(Parsed<v1::Task>(
      {"base_seconds"}, "median handling time at average speed",
      &ParseSecondsCell,
      [](const google::protobuf::Duration& value, v1::Task& task) {
        *task.mutable_base_handling_time() = value;
      }));
  schema.push_back(Text<v1::Task>(
      {"requires"}, false, "qualifications needed, separated by ;",
      [](const std::string& cell, v1::Task& task) {
        for (std::string& tag : SplitList(cell)) {
          task.add_required_qualifications(std::move(tag));
        }
      }));
  schema.push_back(Text<v1::Task>(
      {"excludes"}, false, "labelers who must not get it, separated by ;",
      [](const std::string& cell, v1::Task& task) {
        for (std::string& id : SplitList(cell)) {
          task.add_excluded_labelers(std::move(id));
        }
      }));
  MessageColumn<v1::Task> gold;
  gold.names = {"gold", "truth"};
  gold.help = "its true label, if known";
  gold.set = [pool](absl::string_view cell, absl::string_view, v1::Task& task) {
    return SetGold(pool, cell, task);
  };
  schema.push_back(gold);
  MessageColumn<v1::Task> loading;
  loading.names = {"loading:"};
  loading.help = "how much this skill matters";
  loading.set = [](absl::string_view cell, absl::string_view skill,
                   v1::Task& task) -> absl::Status {
    ALLOT_ASSIGN_OR_RETURN(const double value, ParseNumber(cell));
    (*task.mutable_loading())[std::string(skill)] = static_cast<float>(value);
    return absl::OkStatus();
  };
  schema.push_back(loading);
  return schema;
}

MessageSchema<v1::Answer> AnswerSchema(const v1::Pool& pool) {
  MessageSchema<v1::Answer> schema;
  schema.push_back(Text<v1::Answer>({"task", "task_id"}, true, "id of the task",
                                    [](std::string id, v1::Answer& answer) {
                                      answer.set_task_id(std::move(id));
                                    }));
  schema.push_back(Text<v1::Answer>({"labeler", "labeler_id"}, true,
                                    "id of the labeler",
                                    [](std::string id, v1::Answer& answer) {
                                      answer.set_labeler_id(std::move(id));
                                    }));
  // What is neither a name of the default label set nor a number may be a name
  // of the task's own label set: the server knows.
  std::map<std::string, int> index;
  if (pool.label_sets_size() > 0) {
    for (const std::string& name : pool.label_sets(0).labels()) {
      index.emplace(name, static_cast<int>(index.size()));
    }
  }
  schema.push_back(Text<v1::Answer>(
      {"answer", "label"}, true, "her label, by name or number",
      [index](std::string cell, v1::Answer& answer) {
        int32_t number = 0;
        if (index.find(cell) == index.end() &&
            absl::SimpleAtoi(cell, &number)) {
          answer.set_label(number);
        } else {
          answer.set_label_name(std::move(cell));
        }
      }));
  schema.push_back(Parsed<v1::Answer>(
      {"duration_s", "handling_seconds"}, "how long she took, seconds",
      &ParseSecondsCell,
      [](const google::protobuf::Duration& value, v1::Answer& answer) {
        // Stop watches of labeling tools report 0 for "not measured".
        if (TimeUtil::DurationToNanoseconds(value) != 0) {
          *answer.mutable_handling_time() = value;
        }
      }));
  schema.push_back(Parsed<v1::Answer>(
      {"answered_at", "submitted_at"}, "when she answered", &ParseTimeCell,
      [](const google::protobuf::Timestamp& value, v1::Answer& answer) {
        *answer.mutable_answered_at() = value;
      }));
  schema.push_back(Text<v1::Answer>({"lease", "lease_id"}, false,
                                    "the lease that the answer ends",
                                    [](std::string id, v1::Answer& answer) {
                                      answer.set_lease_id(std::move(id));
                                    }));
  return schema;
}

MessageSchema<v1::Task> TruthSchema(const v1::Pool& pool) {
  MessageSchema<v1::Task> schema;
  schema.push_back(TaskIdColumn());
  MessageColumn<v1::Task> truth;
  truth.names = {"truth", "gold"};
  truth.required = true;
  truth.help = "its true label, by name or number";
  truth.set = [pool](absl::string_view cell, absl::string_view,
                     v1::Task& task) { return SetGold(pool, cell, task); };
  schema.push_back(truth);
  return schema;
}

absl::Status ParseJsonMessage(absl::string_view text, const std::string& where,
                              google::protobuf::Message& message) {
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(text.data(), text.size()), &message);
  if (status.ok()) return absl::OkStatus();
  // Protobuf's parser puts a picture of the place on lines of its own.
  const std::string reason = absl::StrReplaceAll(
      std::string(status.message().data(), status.message().size()),
      {{"\n", " "}});
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", reason));
}

absl::Status ReadJsonFile(const std::string& path,
                          google::protobuf::Message& message) {
  ALLOT_ASSIGN_OR_RETURN(const auto source, ByteSource::Open(path));
  std::string text;
  for (int byte = source->Get(); byte >= 0; byte = source->Get()) {
    text.push_back(static_cast<char>(byte));
  }
  ALLOT_RETURN_IF_ERROR(source->status());
  return ParseJsonMessage(text, path, message);
}

}  // namespace allot
