// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/response.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <tuple>
#include <vector>

#include "lib/base/rng.h"
#include "tests/skill/quadrature.h"

namespace allot {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

double Entropy(const std::vector<double>& distribution) {
  double bits = 0;
  for (double p : distribution) bits -= p > 0 ? p * std::log2(p) : 0;
  return bits;
}

// Mutual information from the joint table of truth and answer.
double BruteForceBits(double accuracy, const std::vector<double>& posterior) {
  const int k = static_cast<int>(posterior.size());
  std::vector<double> joint, answer(k);
  for (int truth = 0; truth < k; ++truth) {
    for (int label = 0; label < k; ++label) {
      const double p = posterior[truth] *
                       (label == truth ? accuracy : (1 - accuracy) / (k - 1));
      joint.push_back(p);
      answer[label] += p;
    }
  }
  return Entropy(posterior) + Entropy(answer) - Entropy(joint);
}

std::vector<double> RandomPosterior(int classes, Rng& rng) {
  std::vector<double> posterior(classes);
  double sum = 0;
  for (double& p : posterior) sum += p = rng.Gamma(0.5);
  for (double& p : posterior) p /= sum;
  return posterior;
}

// ---- Expected accuracy ----

// By difficulty and number of classes; every test tries all of kMeans.
class Accuracy : public testing::TestWithParam<std::tuple<double, int>> {};
constexpr double kMeans[] = {-4.0, -1.0, 0.0, 0.7, 3.0};

TEST_P(Accuracy, WithoutUncertaintyIsTheResponseCurveItself) {
  const auto [difficulty, classes] = GetParam();
  for (const double mean : kMeans) {
    const double guess = 1.0 / classes;
    EXPECT_NEAR(ExpectedAccuracy(mean, 0, difficulty, classes),
                guess + (1 - guess) * Logistic(mean - difficulty), 1e-15);
  }
}

TEST_P(Accuracy, IsCloseToTheIntegralOverTheUncertainSkill) {
  const auto [difficulty, classes] = GetParam();
  for (const double mean : kMeans) {
    const double guess = 1.0 / classes;
    for (double variance : {0.1, 0.5, 1.0, 2.0, 4.0, 9.0, 25.0}) {
      const double d = difficulty;
      const double truth =
          guess + (1 - guess) * NormalAverage(mean, variance, [d](double x) {
                    return Logistic(x - d);
                  });
      EXPECT_NEAR(ExpectedAccuracy(mean, variance, difficulty, classes), truth,
                  variance <= 4 ? 0.03 : 0.05)
          << "variance " << variance;
    }
  }
}

TEST_P(Accuracy, HasTheGradientThatFiniteDifferencesGive) {
  const auto [difficulty, classes] = GetParam();
  for (const double mean : kMeans) {
    const double h = 1e-5;
    for (double variance : {0.3, 1.0, 5.0}) {
      const AccuracyGradient gradient =
          ExpectedAccuracyGradient(mean, variance, difficulty, classes);
      const auto at = [&, d = difficulty, k = classes](double m, double v) {
        return ExpectedAccuracy(m, v, d, k);
      };
      EXPECT_EQ(gradient.accuracy, at(mean, variance));
      EXPECT_NEAR(gradient.by_mean,
                  (at(mean + h, variance) - at(mean - h, variance)) / (2 * h),
                  1e-9);
      EXPECT_NEAR(gradient.by_variance,
                  (at(mean, variance + h) - at(mean, variance - h)) / (2 * h),
                  1e-9);
    }
  }
}

TEST_P(Accuracy, IsInvertedByLogitForAccuracy) {
  const auto [difficulty, classes] = GetParam();
  for (const double mean : kMeans) {
    const double z = ScaledLogit(mean, 1.5, difficulty);
    const double accuracy = ExpectedAccuracy(mean, 1.5, difficulty, classes);
    EXPECT_NEAR(LogitForAccuracy(accuracy, classes), z, 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(Grid, Accuracy,
                         testing::Combine(testing::Values(-1.0, 0.0, 2.0),
                                          testing::Values(2, 3, 10, 100)));

TEST(AccuracyLimits, AreTheGuessAndCertainty) {
  for (int classes : {2, 5, 1000}) {
    EXPECT_EQ(ExpectedAccuracy(-kInf, 1, 0, classes), 1.0 / classes);
    EXPECT_EQ(ExpectedAccuracy(kInf, 1, 0, classes), 1);
    EXPECT_EQ(LogitForAccuracy(1.0 / classes, classes), -kInf);
    EXPECT_EQ(LogitForAccuracy(0, classes), -kInf);
    EXPECT_EQ(LogitForAccuracy(1, classes), kInf);
  }
}

TEST(AccuracyLimits, UncertaintyPullsTowardsTheMiddle) {
  EXPECT_LT(ExpectedAccuracy(2, 4, 0, 4), ExpectedAccuracy(2, 0, 0, 4));
  EXPECT_GT(ExpectedAccuracy(-2, 4, 0, 4), ExpectedAccuracy(-2, 0, 0, 4));
}

// ---- Information ----

class Information : public testing::TestWithParam<int> {};

TEST_P(Information, EqualsBruteForceMutualInformationUnderAnyPosterior) {
  Rng rng(11);
  for (int trial = 0; trial < 200; ++trial) {
    const std::vector<double> posterior = RandomPosterior(GetParam(), rng);
    const double accuracy = rng.Uniform();
    EXPECT_NEAR(InformationBits(accuracy, posterior),
                BruteForceBits(accuracy, posterior), 1e-12);
  }
}

TEST_P(Information, ClosedFormEqualsTheGeneralOneUnderTheUniformPosterior) {
  const int classes = GetParam();
  const std::vector<double> uniform(classes, 1.0 / classes);
  for (double accuracy = 0; accuracy <= 1; accuracy += 1.0 / 64) {
    EXPECT_NEAR(InformationBits(accuracy, classes),
                BruteForceBits(accuracy, uniform), 1e-12);
    EXPECT_NEAR(InformationBits(accuracy, classes),
                InformationBits(accuracy, uniform), 1e-12);
  }
}

TEST_P(Information, IsNothingForAGuesserAndEverythingForAnOracle) {
  const int k = GetParam();
  EXPECT_NEAR(InformationBits(1.0 / k, k), 0, 1e-15);
  EXPECT_NEAR(InformationBits(1, k), std::log2(k), 1e-15 * k);
  Rng rng(5);
  const std::vector<double> posterior = RandomPosterior(k, rng);
  EXPECT_NEAR(InformationBits(1.0 / k, posterior), 0, 1e-15);
  EXPECT_NEAR(InformationBits(1, posterior), Entropy(posterior), 1e-12);
}

TEST_P(Information, OfWhoIsAlwaysWrongIsThatOneClassIsRuledOut) {
  const double k = GetParam();
  EXPECT_NEAR(InformationBits(0, GetParam()), std::log2(k / (k - 1)), 1e-12);
}

TEST_P(Information, FallsBelowTheGuessAndRisesAboveItUnderEveryPosterior) {
  const int classes = GetParam();
  Rng rng(3);
  for (int trial = 0; trial < 20; ++trial) {
    const std::vector<double> posterior = RandomPosterior(classes, rng);
    double last = InformationBits(0, posterior);
    for (int i = 1; i <= 100; ++i) {
      const double accuracy = i / 100.0;
      const double bits = InformationBits(accuracy, posterior);
      if (accuracy <= 1.0 / classes) {
        EXPECT_LE(bits, last + 1e-12);
      } else if (accuracy - 0.01 >= 1.0 / classes) {
        EXPECT_GE(bits, last - 1e-12);
      }
      last = bits;
    }
  }
}

TEST_P(Information, IsBoundedByTheDoubtAboutTheLabelAndByTheChannel) {
  Rng rng(4);
  for (int trial = 0; trial < 200; ++trial) {
    const std::vector<double> posterior = RandomPosterior(GetParam(), rng);
    const double accuracy = rng.Uniform();
    const double bits = InformationBits(accuracy, posterior);
    EXPECT_GE(bits, 0);
    EXPECT_LE(bits, Entropy(posterior) + 1e-12);
    EXPECT_LE(bits, InformationBits(accuracy, GetParam()) + 1e-12);
  }
}

TEST_P(Information, HasTheSlopeThatFiniteDifferencesGive) {
  const int classes = GetParam();
  const double h = 1e-6;
  for (double p : {0.05, 0.3, 0.5, 0.8, 0.97}) {
    EXPECT_NEAR(
        InformationSlope(p, classes),
        (BruteForceBits(p + h, std::vector<double>(classes, 1.0 / classes)) -
         BruteForceBits(p - h, std::vector<double>(classes, 1.0 / classes))) /
            (2 * h),
        1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Classes, Information,
                         testing::Values(2, 3, 4, 10, 57));

// ---- Information about the labeler ----

class SkillInformation
    : public testing::TestWithParam<std::tuple<double, double, int>> {};

TEST_P(SkillInformation, IsCloseToTheExpectedNarrowingOfTheBelief) {
  const auto [mean, variance, classes] = GetParam();
  const double guess = 1.0 / classes;
  const auto response = [guess](double x) {
    return guess + (1 - guess) * Logistic(x);
  };
  // Expected posterior variance = V (1 - correlation^2), all by quadrature.
  const double m = mean;
  const double p = NormalAverage(mean, variance, response);
  const double covariance =
      NormalAverage(mean, variance,
                    [&response, m](double x) { return (x - m) * response(x); });
  const double rho2 = covariance * covariance / (variance * p * (1 - p));
  EXPECT_NEAR(SkillBits(mean, variance, 0, classes), -0.5 * std::log2(1 - rho2),
              0.05);
}

TEST_P(SkillInformation, LiesBetweenNothingAndItsCeiling) {
  const auto [mean, variance, classes] = GetParam();
  const double bits = SkillBits(mean, variance, 0, classes);
  EXPECT_GT(bits, 0);
  EXPECT_LT(bits, -0.5 * std::log2(1 - 2 / std::numbers::pi));
}

INSTANTIATE_TEST_SUITE_P(Grid, SkillInformation,
                         testing::Combine(testing::Values(-2.0, 0.0, 3.0),
                                          testing::Values(0.05, 1.0, 16.0),
                                          testing::Values(2, 20)));

TEST(SkillInformationLimits, NothingIsLearnedAboutAKnownSkillOrASureThing) {
  EXPECT_EQ(SkillBits(1, 0, 0, 2), 0);
  EXPECT_NEAR(SkillBits(40, 1, 0, 2), 0, 1e-12);
  EXPECT_NEAR(SkillBits(-40, 1, 0, 2), 0, 1e-12);
}

}  // namespace
}  // namespace allot
