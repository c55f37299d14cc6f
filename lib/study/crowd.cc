// SPDX-License-Identifier: Apache-2.0
#include "lib/study/crowd.h"

#include <algorithm>
#include <cmath>

namespace allot {
namespace {

constexpr double kDay = 24;

}  // namespace

double KnowingLogit(const LabelerGroup& group, const SimulatedLabeler& labeler,
                    const SimulatedTask& task, double hours_into_shift) {
  const auto given = static_cast<double>(labeler.answers);
  const double learned =
      group.learning_gain * given / (given + group.learning_half);
  return labeler.skill[task.domain] + learned -
         group.fatigue_per_hour * hours_into_shift - task.difficulty;
}

int32_t DrawAnswer(const Scenario& scenario, const LabelerGroup& group,
                   const SimulatedLabeler& labeler, const SimulatedTask& task,
                   int64_t task_row, double hours_into_shift, uint64_t seed,
                   Rng& rng) {
  const auto classes = static_cast<uint64_t>(scenario.classes);
  switch (group.conduct) {
    case Conduct::kHonest: {
      const double logit = KnowingLogit(group, labeler, task, hours_into_shift);
      if (rng.Bernoulli(1 / (1 + std::exp(-logit)))) return task.truth;
      return static_cast<int32_t>(rng.Below(classes));
    }
    case Conduct::kGuesser:
      return static_cast<int32_t>(rng.Below(classes));
    case Conduct::kConstant:
      return labeler.habit;
    case Conduct::kColluder: {
      Rng shared = Rng(seed).Split(static_cast<uint64_t>(task_row) * 1009 +
                                   static_cast<uint64_t>(labeler.group));
      return static_cast<int32_t>(shared.Below(classes));
    }
  }
  return 0;
}

Crowd::Crowd(const Scenario& scenario, const Rng& rng) : scenario_(scenario) {
  for (size_t g = 0; g < scenario.groups.size(); ++g) {
    const LabelerGroup& group = scenario.groups[g];
    Rng own = rng.Split(g);
    for (int32_t i = 0; i < group.count; ++i) {
      SimulatedLabeler& labeler = labelers_.emplace_back();
      labeler.group = static_cast<int32_t>(g);
      const double level = group.skill_mean + group.skill_sd * own.Normal();
      for (int32_t d = 0; d < scenario.domains; ++d) {
        labeler.skill.push_back(level + group.domain_sd * own.Normal());
      }
      labeler.drifted_hour = group.arrive_hour;
      labeler.time_factor = std::exp(group.speed_sd * own.Normal());
      labeler.price = group.price * std::exp(group.price_sd * own.Normal());
      labeler.shift_start = group.shift_spread * own.Uniform();
      labeler.habit = static_cast<int32_t>(
          own.Below(static_cast<uint64_t>(scenario.classes)));
    }
  }
}

double Crowd::HoursIntoShift(int32_t row, double hour) const {
  const LabelerGroup& group = group_of(row);
  if (hour < group.arrive_hour || hour >= group.leave_hour) return -1;
  if (group.shift_hours >= kDay) return 0;
  double since = std::fmod(hour - labelers_[row].shift_start, kDay);
  if (since < 0) since += kDay;
  return since < group.shift_hours ? since : -1;
}

double Crowd::HoursPresent(int32_t row, double hour) const {
  const LabelerGroup& group = group_of(row);
  const double from = group.arrive_hour;
  const double to = std::min(hour, group.leave_hour);
  if (to <= from) return 0;
  if (group.shift_hours >= kDay) return to - from;
  // Up to x hours of shifts since the shift that began at or before 0.
  const double start = labelers_[row].shift_start - kDay;
  const auto until = [&](double x) {
    const double days = std::floor((x - start) / kDay);
    return days * group.shift_hours +
           std::min(group.shift_hours, x - start - days * kDay);
  };
  return until(to) - until(from);
}

void Crowd::Drift(int32_t row, double hour, Rng& rng) {
  const LabelerGroup& group = group_of(row);
  SimulatedLabeler& labeler = labelers_[row];
  if (group.drift_sd_per_day <= 0 || hour <= labeler.drifted_hour) return;
  const double sd =
      group.drift_sd_per_day * std::sqrt((hour - labeler.drifted_hour) / kDay);
  for (double& skill : labeler.skill) skill += sd * rng.Normal();
  labeler.drifted_hour = hour;
}

}  // namespace allot
