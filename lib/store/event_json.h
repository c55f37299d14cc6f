// SPDX-License-Identifier: Apache-2.0
// The seldom written parts of events as JSON text. Reading back what was
// written gives the same bits; a field that the text lacks takes its default,
// so that texts of older versions stay readable.
#ifndef ALLOT_LIB_STORE_EVENT_JSON_H_
#define ALLOT_LIB_STORE_EVENT_JSON_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/store/event.h"

namespace allot {

// Errors of To*: kInvalidArgument, a string is not UTF-8 or a number is not
// finite. Errors of Parse*: kDataLoss, the text is not what To* writes.

// {"id":..,"skills":[{"name":..,"prior_mean":..,"prior_variance":..}],..}
absl::StatusOr<std::string> ToJson(const Pool& pool);
absl::StatusOr<Pool> ParsePool(absl::string_view text);

// ["a","b"]
absl::StatusOr<std::string> ToJson(const std::vector<std::string>& strings);
absl::StatusOr<std::vector<std::string>> ParseStrings(absl::string_view text);

// {"ids":[..],"expires_unix_micros":..}
absl::StatusOr<std::string> ToJson(const LeasesRenewed& renewed);
absl::StatusOr<LeasesRenewed> ParseLeasesRenewed(absl::string_view text);

// {"ids":[..],"reason":"released" | "not_again_to_her" | "expired" | "never"}
absl::StatusOr<std::string> ToJson(const LeasesEnded& ended);
absl::StatusOr<LeasesEnded> ParseLeasesEnded(absl::string_view text);

// A whole event but for its pool, on one line:
// {"unix_micros":..,"kind":"answers_recorded","answers":[{"task":..},..]}
// Kinds as in the column event.kind of an SQLite store; responses in base64.
absl::StatusOr<std::string> ToJsonLine(const Event& event);
absl::StatusOr<Event> ParseJsonLine(absl::string_view pool,
                                    absl::string_view text);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_EVENT_JSON_H_
