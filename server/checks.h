// SPDX-License-Identifier: Apache-2.0
// The checks that the convert files share. Each adds a violation and returns
// false, or returns true; what it was given is then safe to use.
#ifndef ALLOT_SERVER_CHECKS_H_
#define ALLOT_SERVER_CHECKS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/violations.h"

namespace allot {

// Limits of the contract (docs/api.md).
inline constexpr int kMaxBatch = 10'000;
inline constexpr size_t kMaxIdBytes = 256;

// Non-empty and not over kMaxIdBytes. UTF-8 was checked by decoding.
bool CheckId(const FieldPath& field, absl::string_view id, Violations& found);
// The same, but empty is allowed.
bool CheckOptionalId(const FieldPath& field, absl::string_view id,
                     Violations& found);

// Which ends of a range belong to it.
enum class Ends { kClosed, kOpenLow, kOpenHigh };
// Finite and in the range.
bool CheckRange(const FieldPath& field, double value, double low, double high,
                Violations& found, Ends ends = Ends::kClosed);
bool CheckRange(const FieldPath& field, int64_t value, int64_t low,
                int64_t high, Violations& found);
// How many entries a list has; "batch" lists must not be empty.
bool CheckSize(const FieldPath& field, int64_t size, int64_t low, int64_t high,
               Violations& found);

// A duration in (0 s, `high_seconds`], as seconds; nullopt if it is not.
std::optional<double> CheckDuration(const FieldPath& field,
                                    const google::protobuf::Duration& duration,
                                    double high_seconds, Violations& found);
// A duration in [1 s, 7 days], as microseconds.
std::optional<int64_t> CheckLeaseDuration(
    const FieldPath& field, const google::protobuf::Duration& duration,
    Violations& found);
// A timestamp of the years 1 to 9999, as microseconds since 1970.
std::optional<int64_t> CheckTimestamp(
    const FieldPath& field, const google::protobuf::Timestamp& timestamp,
    Violations& found);

// Reports names that occur twice in a list.
class DistinctNames {
 public:
  // `list` is the path of the list, `member` the field of its entries that must
  // differ ("" if the entries are the names). `name` must outlive this object.
  DistinctNames(const FieldPath& list, absl::string_view member)
      : list_(list), member_(member) {}
  bool Check(int64_t index, absl::string_view name, Violations& found);

 private:
  const FieldPath& list_;
  // The place of the first entry of this name, `index` if it is this one.
  int64_t FirstOf(absl::string_view name, int64_t index);

  absl::string_view member_;
  // A few names are compared one by one, which is faster than hashing them.
  static constexpr size_t kFew = 16;
  absl::InlinedVector<std::pair<absl::string_view, int64_t>, kFew> few_;
  absl::flat_hash_map<absl::string_view, int64_t> many_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_CHECKS_H_
