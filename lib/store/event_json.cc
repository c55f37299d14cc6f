// SPDX-License-Identifier: Apache-2.0
#include "lib/store/event_json.h"

#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/store/event_json_values.h"
#include "lib/store/sqlite_event_kinds.h"

namespace allot {
namespace {

constexpr absl::string_view kReasons[] = {"released", "not_again_to_her",
                                          "expired", "never"};

std::optional<ReleaseReason> ParseReason(absl::string_view name) {
  for (size_t i = 0; i < std::size(kReasons); ++i) {
    if (name == kReasons[i]) return static_cast<ReleaseReason>(i);
  }
  return std::nullopt;
}

void Read(const Json& object, LeasesRenewed& renewed) {
  object.at("ids").get_to(renewed.ids);
  object.at("expires_unix_micros").get_to(renewed.expires_unix_micros);
}

struct LeasesEndedText {
  std::vector<std::string> ids;
  std::string reason;
};

void Read(const Json& object, LeasesEndedText& ended) {
  object.at("ids").get_to(ended.ids);
  object.at("reason").get_to(ended.reason);
}

void Read(const Json& array, std::vector<std::string>& strings) {
  array.get_to(strings);
}

struct PutBody {
  Json& line;
  void operator()(const PoolUpserted& e) const {
    line["pool"] = ToValue(e.pool);
  }
  void operator()(const LabelersUpserted& e) const {
    line["labelers"] = ToValue(e.labelers);
  }
  void operator()(const LabelersDeleted& e) const { line["ids"] = e.ids; }
  void operator()(const TasksRecorded& e) const {
    line["tasks"] = ToValue(e.tasks);
  }
  void operator()(const AnswersRecorded& e) const {
    line["answers"] = ToValue(e.answers);
  }
  void operator()(const LeasesGranted& e) const {
    line["leases"] = ToValue(e.leases);
  }
  void operator()(const LeasesRenewed& e) const {
    line["ids"] = e.ids;
    line["expires_unix_micros"] = e.expires_unix_micros;
  }
  void operator()(const LeasesEnded& e) const {
    line["ids"] = e.ids;
    line["reason"] = std::string(kReasons[static_cast<size_t>(e.reason)]);
  }
  void operator()(const RequestAnswered& e) const {
    line["id"] = e.id;
    line["fingerprint"] = e.fingerprint;
    line["response"] = absl::Base64Escape(e.response);
  }
};

void Read(const Json& line, Event& event) {
  line.at("unix_micros").get_to(event.unix_micros);
  const auto kind = line.at("kind").get<std::string>();
  const auto is = [&](size_t index) { return kind == kEventKinds[index]; };
  if (is(0)) {
    Read(line.at("pool"), event.body.emplace<PoolUpserted>().pool);
  } else if (is(1)) {
    TakeStructs(line, "labelers",
                event.body.emplace<LabelersUpserted>().labelers);
  } else if (is(2)) {
    line.at("ids").get_to(event.body.emplace<LabelersDeleted>().ids);
  } else if (is(3)) {
    TakeStructs(line, "tasks", event.body.emplace<TasksRecorded>().tasks);
  } else if (is(4)) {
    TakeStructs(line, "answers", event.body.emplace<AnswersRecorded>().answers);
  } else if (is(5)) {
    TakeStructs(line, "leases", event.body.emplace<LeasesGranted>().leases);
  } else if (is(6)) {
    Read(line, event.body.emplace<LeasesRenewed>());
  } else if (is(7)) {
    auto& ended = event.body.emplace<LeasesEnded>();
    line.at("ids").get_to(ended.ids);
    const auto reason = ParseReason(line.at("reason").get<std::string>());
    if (!reason) throw Json::other_error::create(501, "unknown reason", &line);
    ended.reason = *reason;
  } else if (is(8)) {
    auto& answered = event.body.emplace<RequestAnswered>();
    line.at("id").get_to(answered.id);
    line.at("fingerprint").get_to(answered.fingerprint);
    if (!absl::Base64Unescape(line.at("response").get<std::string>(),
                              &answered.response)) {
      throw Json::other_error::create(501, "response is not base64", &line);
    }
  } else {
    throw Json::other_error::create(501, "unknown kind " + kind, &line);
  }
}

bool IsFinite(const Json& value) {
  if (value.is_number_float()) return std::isfinite(value.get<double>());
  if (!value.is_structured()) return true;
  for (const Json& item : value) {
    if (!IsFinite(item)) return false;
  }
  return true;
}

absl::StatusOr<std::string> Dump(const Json& value) {
  if (!IsFinite(value)) {
    return absl::InvalidArgumentError("a number is not finite");
  }
  try {
    return value.dump();
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(error.what());  // not UTF-8
  }
}

template <typename T>
absl::StatusOr<T> Parse(absl::string_view text) {
  try {
    T result;
    Read(Json::parse(text.begin(), text.end()), result);
    return result;
  } catch (const Json::exception& error) {
    return absl::DataLossError(
        absl::StrCat(error.what(), " in: ", text.substr(0, 100)));
  }
}

}  // namespace

absl::StatusOr<std::string> ToJson(const Pool& pool) {
  return Dump(ToValue(pool));
}

absl::StatusOr<Pool> ParsePool(absl::string_view text) {
  return Parse<Pool>(text);
}

absl::StatusOr<std::string> ToJson(const std::vector<std::string>& strings) {
  return Dump(Json(strings));
}

absl::StatusOr<std::vector<std::string>> ParseStrings(absl::string_view text) {
  return Parse<std::vector<std::string>>(text);
}

absl::StatusOr<std::string> ToJson(const LeasesRenewed& renewed) {
  const auto& [ids, expires_unix_micros] = renewed;
  return Dump({{"ids", ids}, {"expires_unix_micros", expires_unix_micros}});
}

absl::StatusOr<LeasesRenewed> ParseLeasesRenewed(absl::string_view text) {
  return Parse<LeasesRenewed>(text);
}

absl::StatusOr<std::string> ToJson(const LeasesEnded& ended) {
  const auto& [ids, reason] = ended;
  return Dump({{"ids", ids},
               {"reason", std::string(kReasons[static_cast<size_t>(reason)])}});
}

absl::StatusOr<LeasesEnded> ParseLeasesEnded(absl::string_view text) {
  ALLOT_ASSIGN_OR_RETURN(LeasesEndedText ended, Parse<LeasesEndedText>(text));
  const std::optional<ReleaseReason> reason = ParseReason(ended.reason);
  if (!reason) {
    return absl::DataLossError(
        absl::StrCat("unknown reason in: ", text.substr(0, 100)));
  }
  return LeasesEnded{std::move(ended.ids), *reason};
}

absl::StatusOr<std::string> ToJsonLine(const Event& event) {
  Json line = {{"unix_micros", event.unix_micros},
               {"kind", std::string(kEventKinds[event.body.index()])}};
  std::visit(PutBody{line}, event.body);
  return Dump(line);
}

absl::StatusOr<Event> ParseJsonLine(absl::string_view pool,
                                    absl::string_view text) {
  ALLOT_ASSIGN_OR_RETURN(Event event, Parse<Event>(text));
  event.pool = std::string(pool);
  return event;
}

}  // namespace allot
