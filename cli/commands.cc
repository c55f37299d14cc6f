// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "lib/base/status_macros.h"

namespace allot {

CLI::Option* AddPoolOption(CLI::App& command, std::string& pool_id) {
  return command.add_option("-p,--pool", pool_id, "The pool")
      ->required()
      ->type_name("ID");
}

absl::StatusOr<v1::Pool> FetchPool(Client& client, const std::string& pool_id) {
  v1::GetPoolRequest request;
  request.set_pool_id(pool_id);
  ALLOT_ASSIGN_OR_RETURN(
      auto response,
      client.Call(client.pools(), &v1::PoolService::Stub::GetPool, request));
  return response.pool();
}

void PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  // Fails only for messages with unresolvable Any fields, of which the contract
  // has none.
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  std::cout << text << std::flush;
}

absl::StatusOr<google::protobuf::Duration> ParseDurationOption(
    absl::string_view option, absl::string_view text) {
  absl::Duration duration;
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) {
    duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(std::string(text), &duration)) {
    return absl::InvalidArgumentError(absl::StrCat(
        option, ": want a time span like 90s, 10m or 1h30m, got \"", text,
        "\""));
  }
  // The contract allows at most 7 days anywhere.
  if (duration <= absl::ZeroDuration() || duration > absl::Hours(24 * 7)) {
    return absl::InvalidArgumentError(absl::StrCat(
        option, ": want a time span above 0 and up to 7 days, got \"", text,
        "\""));
  }
  return google::protobuf::util::TimeUtil::NanosecondsToDuration(
      absl::ToInt64Nanoseconds(duration));
}

absl::Status AtItsLine(const absl::Status& status, absl::string_view list,
                       const std::string& file,
                       const std::vector<int64_t>& lines) {
  const std::string field = FieldAtFault(status);
  absl::string_view path = field;
  size_t index = 0;
  std::string where = file;
  if (absl::ConsumePrefix(&path, list) &&
      absl::SimpleAtoi(path.substr(0, path.find(']')), &index) &&
      index < lines.size()) {
    absl::StrAppend(&where, ":", lines[index]);
  }
  return absl::Status(status.code(),
                      absl::StrCat(where, ": ", status.message()));
}

void WarnAboutIgnoredColumns(const std::string& path,
                             const std::vector<std::string>& columns) {
  if (columns.empty()) return;
  std::cerr << "allot: " << path
            << ": columns not used: " << absl::StrJoin(columns, ", ") << '\n';
}

}  // namespace allot
