// SPDX-License-Identifier: Apache-2.0
#include "lib/study/scenario.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace allot {
namespace {

class Check {
 public:
  explicit Check(std::string where) : where_(std::move(where)) {}
  Check& In(const char* field, double value, double low, double high) {
    if (status_.ok() && !(value >= low && value <= high)) {
      status_ = absl::InvalidArgumentError(absl::StrCat(
          where_, field, ": must be in [", low, ", ", high, "], got ", value));
    }
    return *this;
  }
  const absl::Status& status() const { return status_; }

 private:
  const std::string where_;
  absl::Status status_;
};

constexpr double kMany = 1e9;

}  // namespace

absl::Status Validate(const Scenario& scenario) {
  Check whole("");
  whole.In("hours", scenario.hours, 0.01, 100'000)
      .In("classes", scenario.classes, 2, 100)
      .In("domains", scenario.domains, 1, 64)
      .In("backlog", scenario.backlog, 0, 1e7)
      .In("tasks_per_hour", scenario.tasks_per_hour, 0, 1e7)
      .In("difficulty_sd", scenario.difficulty_sd, 0, 10)
      .In("value", scenario.value, 0, kMany)
      .In("seconds", scenario.seconds, 0.001, 86'400)
      .In("deadline_hours", scenario.deadline_hours, 0.01, 100'000)
      .In("gold_share", scenario.gold_share, 0, 1)
      .In("window_seconds", scenario.window_seconds, 0.1, 86'400)
      .In("lease_seconds", scenario.lease_seconds, 1, 604'800)
      .In("groups", static_cast<double>(scenario.groups.size()), 1, 1000);
  if (!whole.status().ok()) return whole.status();
  for (size_t g = 0; g < scenario.groups.size(); ++g) {
    const LabelerGroup& group = scenario.groups[g];
    Check check(absl::StrCat("groups[", g, "]."));
    check.In("count", group.count, 1, 1e6)
        .In("skill_mean", group.skill_mean, -20, 20)
        .In("skill_sd", group.skill_sd, 0, 10)
        .In("domain_sd", group.domain_sd, 0, 10)
        .In("drift_sd_per_day", group.drift_sd_per_day, 0, 10)
        .In("learning_gain", group.learning_gain, -10, 10)
        .In("learning_half", group.learning_half, 0.001, kMany)
        .In("fatigue_per_hour", group.fatigue_per_hour, 0, 10)
        .In("price", group.price, 0, kMany)
        .In("price_sd", group.price_sd, 0, 5)
        .In("speed_sd", group.speed_sd, 0, 5)
        .In("seconds_sd", group.seconds_sd, 0, 5)
        .In("abandon", group.abandon, 0, 0.99)
        .In("capacity", group.capacity, 1, 1000)
        .In("shift_hours", group.shift_hours, 0.1, 24)
        .In("shift_spread", group.shift_spread, 0, 24)
        .In("arrive_hour", group.arrive_hour, 0, kMany)
        .In("leave_hour", group.leave_hour, group.arrive_hour, kMany);
    if (!check.status().ok()) return check.status();
  }
  return absl::OkStatus();
}

}  // namespace allot
