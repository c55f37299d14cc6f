// SPDX-License-Identifier: Apache-2.0
// JSON files that people write: every value knows its line, so that a mistake
// can be shown where it is. Comments (// and /* */) are allowed.
#ifndef ALLOT_SERVER_JSON_FILE_H_
#define ALLOT_SERVER_JSON_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace allot {

struct JsonValue {
  enum class Kind { kNull, kBool, kNumber, kText, kList, kObject };
  Kind kind = Kind::kNull;
  int line = 0;
  bool boolean = false;
  double number = 0;
  std::string text;  // of a text, or a number or bool as it was written
  std::vector<JsonValue> items;
  std::vector<std::pair<std::string, JsonValue>> members;  // as in the file

  // Null if there is no such member.
  const JsonValue* Find(absl::string_view name) const;
};

// Errors: kInvalidArgument "NAME:LINE: what is wrong". A member that occurs
// twice is an error.
absl::StatusOr<JsonValue> ParseJson(absl::string_view name,
                                    absl::string_view text);

// The same of a file, which must be an object. Errors: kNotFound if it cannot
// be read.
absl::StatusOr<JsonValue> ReadJsonFile(const std::string& path);
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

// Takes an object apart, and finds what is wrong with it.
class JsonObject {
 public:
  // `name` is the file's. Both must outlive this object.
  JsonObject(absl::string_view name, const JsonValue& value);

  // The member, nullopt if it is absent. Of the wrong kind or out of range is
  // an error, which Finish() reports.
  std::optional<std::string> Text(absl::string_view member);
  std::optional<double> Number(absl::string_view member, double low,
                               double high);
  std::optional<int64_t> Whole(absl::string_view member, int64_t low,
                               int64_t high);
  const JsonValue* List(absl::string_view member);

  void Fail(const JsonValue& at, absl::string_view what);
  // The first error; one for members that nobody asked for.
  absl::Status Finish();

 private:
  const JsonValue* Take(absl::string_view member, JsonValue::Kind kind,
                        absl::string_view must);

  absl::string_view name_;
  const JsonValue& value_;
  std::vector<bool> taken_;
  absl::Status status_;
};

absl::Status ErrorAt(absl::string_view name, int line, absl::string_view what);

}  // namespace allot

#endif  // ALLOT_SERVER_JSON_FILE_H_
