// SPDX-License-Identifier: Apache-2.0
#include "server/checks.h"

#include <cmath>

namespace allot {
namespace {

constexpr int32_t kNanosPerSecond = 1'000'000'000;

// Seconds of a well-formed duration: both parts in range and of one sign.
std::optional<double> Seconds(const FieldPath& field,
                              const google::protobuf::Duration& duration,
                              Violations& found) {
  constexpr int64_t kMaxSeconds = 315'576'000'000;  // google.protobuf.Duration
  const int64_t s = duration.seconds();
  const int32_t n = duration.nanos();
  if (s < -kMaxSeconds || s > kMaxSeconds || n <= -kNanosPerSecond ||
      n >= kNanosPerSecond || (s > 0 && n < 0) || (s < 0 && n > 0)) {
    found.Add(field, absl::StrCat("must be a valid duration, got ", s,
                                  " seconds and ", n, " nanos"));
    return std::nullopt;
  }
  return static_cast<double>(s) + 1e-9 * n;
}

std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinity" : "-infinity";
  return absl::StrCat(value);
}

}  // namespace

bool CheckOptionalId(const FieldPath& field, absl::string_view id,
                     Violations& found) {
  if (id.size() <= kMaxIdBytes) return true;
  found.Add(field, absl::StrCat("must have at most ", kMaxIdBytes,
                                " bytes, got ", id.size()));
  return false;
}

bool CheckId(const FieldPath& field, absl::string_view id, Violations& found) {
  if (!id.empty()) return CheckOptionalId(field, id, found);
  found.Add(field, "must not be empty");
  return false;
}

bool CheckRange(const FieldPath& field, double value, double low, double high,
                Violations& found, Ends ends) {
  const bool above = ends == Ends::kOpenLow ? value > low : value >= low;
  const bool below = ends == Ends::kOpenHigh ? value < high : value <= high;
  if (std::isfinite(value) && above && below) return true;
  found.Add(field,
            absl::StrCat("must be in ", ends == Ends::kOpenLow ? "(" : "[", low,
                         ", ", high, ends == Ends::kOpenHigh ? ")" : "]",
                         ", got ", Number(value)));
  return false;
}

bool CheckRange(const FieldPath& field, int64_t value, int64_t low,
                int64_t high, Violations& found) {
  if (value >= low && value <= high) return true;
  found.Add(field,
            absl::StrCat("must be in [", low, ", ", high, "], got ", value));
  return false;
}

bool CheckSize(const FieldPath& field, int64_t size, int64_t low, int64_t high,
               Violations& found) {
  if (size >= low && size <= high) return true;
  if (low == 0) {
    found.Add(field,
              absl::StrCat("must have at most ", high, " entries, got ", size));
  } else {
    found.Add(field, absl::StrCat("must have ", low, " to ", high,
                                  " entries, got ", size));
  }
  return false;
}

std::optional<double> CheckDuration(const FieldPath& field,
                                    const google::protobuf::Duration& duration,
                                    double high_seconds, Violations& found) {
  const std::optional<double> seconds = Seconds(field, duration, found);
  if (!seconds) return std::nullopt;
  if (*seconds > 0 && *seconds <= high_seconds) return seconds;
  found.Add(field, absl::StrCat("must be in (0 s, ", high_seconds, " s], got ",
                                *seconds, " s"));
  return std::nullopt;
}

std::optional<int64_t> CheckLeaseDuration(
    const FieldPath& field, const google::protobuf::Duration& duration,
    Violations& found) {
  constexpr double kSevenDays = 7 * 24 * 3600;
  const std::optional<double> seconds = Seconds(field, duration, found);
  if (!seconds) return std::nullopt;
  if (*seconds < 1 || *seconds > kSevenDays) {
    found.Add(field,
              absl::StrCat("must be in [1 s, 604800 s], got ", *seconds, " s"));
    return std::nullopt;
  }
  return duration.seconds() * 1'000'000 + duration.nanos() / 1000;
}

std::optional<int64_t> CheckTimestamp(
    const FieldPath& field, const google::protobuf::Timestamp& timestamp,
    Violations& found) {
  constexpr int64_t kYear1 = -62'135'596'800;
  constexpr int64_t kYear10000 = 253'402'300'800;
  if (timestamp.seconds() < kYear1 || timestamp.seconds() >= kYear10000 ||
      timestamp.nanos() < 0 || timestamp.nanos() >= kNanosPerSecond) {
    found.Add(field, absl::StrCat("must be a valid timestamp, got ",
                                  timestamp.seconds(), " seconds and ",
                                  timestamp.nanos(), " nanos"));
    return std::nullopt;
  }
  return timestamp.seconds() * 1'000'000 + timestamp.nanos() / 1000;
}

int64_t DistinctNames::FirstOf(absl::string_view name, int64_t index) {
  if (many_.empty()) {
    for (const auto& [known, first] : few_) {
      if (known == name) return first;
    }
    if (few_.size() < kFew) {
      few_.emplace_back(name, index);
      return index;
    }
    many_.insert(few_.begin(), few_.end());
  }
  return many_.try_emplace(name, index).first->second;
}

bool DistinctNames::Check(int64_t index, absl::string_view name,
                          Violations& found) {
  if (name.empty()) return true;  // CheckId() reports those
  const int64_t first = FirstOf(name, index);
  if (first == index) return true;
  const FieldPath entry = list_.At(index);
  const FieldPath before = list_.At(first);
  if (member_.empty()) {
    found.Add(entry, absl::StrCat("duplicates ", before.ToString(), ": ",
                                  Quote(name)));
  } else {
    found.Add(entry.Field(member_),
              absl::StrCat("duplicates ", before.Field(member_).ToString(),
                           ": ", Quote(name)));
  }
  return false;
}

}  // namespace allot
