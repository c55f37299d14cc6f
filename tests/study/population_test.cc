// SPDX-License-Identifier: Apache-2.0
#include "lib/study/population.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/base/rng.h"

namespace allot {
namespace {

struct Made {
  AnswerBook book;
  std::vector<LabelAnswer> answers;
  std::vector<double> seconds;
};

Made MakeCrowd(double mean, double skill_sd, double difficulty_sd) {
  Rng rng(5);
  constexpr int32_t kTasks = 500, kLabelers = 120, kClasses = 3;
  Made made;
  std::vector<GoldLabel> truth;
  std::vector<double> skill, pace;
  for (int32_t i = 0; i < kLabelers; ++i) {
    skill.push_back(mean + skill_sd * rng.Normal());
    pace.push_back(0.3 * rng.Normal());
  }
  for (int32_t t = 0; t < kTasks; ++t) {
    const auto label = static_cast<int32_t>(rng.Below(kClasses));
    truth.push_back({t, label});
    const double difficulty = difficulty_sd * rng.Normal();
    for (int32_t i = 0; i < kLabelers; ++i) {
      if (!rng.Bernoulli(0.3)) continue;
      const double know = 1 / (1 + std::exp(difficulty - skill[i]));
      made.answers.push_back({t, i,
                              rng.Bernoulli(know)
                                  ? label
                                  : static_cast<int32_t>(rng.Below(kClasses))});
      made.seconds.push_back(20 * std::exp(pace[i] + 0.5 * rng.Normal()));
    }
  }
  made.book =
      *AnswerBook::Build(kTasks, kLabelers, kClasses, made.answers, truth);
  return made;
}

TEST(PopulationTest, FindsTheNumbersThatACrowdWasMadeFrom) {
  const Made made = MakeCrowd(1.2, 0.8, 0.6);
  const PopulationFit fit =
      FitPopulation(made.book, made.answers, made.seconds);
  EXPECT_NEAR(fit.skill_mean, 1.2, 0.25);
  EXPECT_NEAR(fit.skill_sd, 0.8, 0.15);
  EXPECT_NEAR(fit.difficulty_sd, 0.6, 0.15);
  EXPECT_NEAR(fit.seconds.median, 20, 2);
  EXPECT_NEAR(fit.seconds.sd, 0.5, 0.05);
  EXPECT_NEAR(fit.speed_sd, 0.3, 0.08);
  EXPECT_NEAR(fit.activity.median, 150, 15);
  // Two samples of 120 labelers: the 99% point of the distance is 0.21.
  EXPECT_LT(fit.labelers.distance, 0.21);
  EXPECT_LT(fit.tasks.distance, 0.15);
}

TEST(PopulationTest, SaysNothingOfSpeedWithoutTimes) {
  const Made made = MakeCrowd(1, 0.5, 0);
  const PopulationFit fit = FitPopulation(made.book, made.answers, {});
  EXPECT_EQ(fit.seconds.median, 0);
  EXPECT_LT(fit.difficulty_sd, 0.25);
}

}  // namespace
}  // namespace allot
