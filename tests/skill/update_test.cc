// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>
#include <vector>

#include "lib/base/rng.h"
#include "tests/skill/quadrature.h"

namespace allot {
namespace {

const SkillUpdateOptions kOptions;
const SkillWeight kOneSkill[] = {{0, 1.0f}};
const SkillWeight kThreeSkills[] = {{0, 0.5f}, {4, 0.3f}, {9, -0.2f}};

AnswerEvidence Evidence(std::span<const SkillWeight> loading, double belief,
                        int classes = 4) {
  AnswerEvidence answer;
  answer.loading = loading;
  answer.classes = classes;
  answer.belief = belief;
  return answer;
}

// ---- Moments of the tilted belief ----

// By variance and number of classes.
class Moments : public testing::TestWithParam<std::tuple<double, int>> {
 protected:
  static void ExpectFineQuadrature(double mean, double variance, int classes,
                                   double belief);
};

void Moments::ExpectFineQuadrature(double mean, double variance, int classes,
                                   double belief) {
  const double difficulty = 0.4;
  const double k = classes, q = belief, m = mean;
  const auto likelihood = [k, q, difficulty](double x) {
    const double p = 1 / k + (1 - 1 / k) * Logistic(x - difficulty);
    return q * p + (1 - q) * (1 - p) / (k - 1);
  };
  const double total = NormalAverage(mean, variance, likelihood);
  const double first = NormalAverage(mean, variance,
                                     [&likelihood, m](double x) {
                                       return (x - m) * likelihood(x);
                                     }) /
                       total;
  const double second =
      NormalAverage(mean, variance,
                    [&likelihood, m](double x) {
                      return (x - m) * (x - m) * likelihood(x);
                    }) /
      total;
  const TiltedMoments moments =
      MatchMoments(mean, variance, difficulty, classes, belief);
  const double tolerance = variance <= 1 ? 1e-6 : variance <= 4 ? 2e-4 : 1e-2;
  const double deviation = std::sqrt(variance);
  EXPECT_NEAR(moments.probability, total, tolerance);
  EXPECT_NEAR((moments.mean - mean) / deviation, first / deviation, tolerance);
  EXPECT_NEAR(moments.variance / variance, (second - first * first) / variance,
              tolerance);
}

TEST_P(Moments, AgreeWithFineQuadrature) {
  const auto [variance, classes] = GetParam();
  for (double mean : {-3.0, -0.5, 1.0, 4.0}) {
    for (double belief : {0.0, 0.1, 0.6, 1.0}) {
      SCOPED_TRACE(testing::Message() << "mean " << mean << " q " << belief);
      ExpectFineQuadrature(mean, variance, classes, belief);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Grid, Moments,
                         testing::Combine(testing::Values(0.01, 0.3, 1.0, 4.0,
                                                          25.0),
                                          testing::Values(2, 5, 50)));

TEST(MomentsLimits, AreFiniteForAnOraclesMistakeAndAGuessersLuck) {
  for (double mean : {-600.0, -30.0, 30.0, 600.0}) {
    for (double belief : {0.0, 1.0}) {
      const TiltedMoments moments = MatchMoments(mean, 2, 0, 3, belief);
      EXPECT_TRUE(std::isfinite(moments.mean));
      EXPECT_GE(moments.variance, 0);
      EXPECT_LE(std::abs(moments.mean - mean), 2.001);  // V times slope <= 1
    }
  }
}

TEST(MomentsLimits, OfACertainSkillStayWhereTheyAre) {
  const TiltedMoments moments = MatchMoments(1.5, 0, 0, 2, 1);
  EXPECT_EQ(moments.mean, 1.5);
  EXPECT_EQ(moments.variance, 0);
  EXPECT_NEAR(moments.probability, 0.5 + 0.5 * Logistic(1.5), 1e-15);
}

// ---- One update ----

TEST(Update, ARightAnswerRaisesAndAWrongOneLowersTheSkill) {
  for (int classes : {2, 5}) {
    std::vector<SkillBelief> right = {{0.5, 1}}, wrong = {{0.5, 1}};
    std::vector<SiteTerm> site_right(1), site_wrong(1);
    ReviseAnswer(Evidence(kOneSkill, 1, classes), kOptions, right, site_right);
    ReviseAnswer(Evidence(kOneSkill, 0, classes), kOptions, wrong, site_wrong);
    EXPECT_GT(right[0].mean, 0.5);
    EXPECT_LT(wrong[0].mean, 0.5);
    EXPECT_LT(right[0].variance, 1);
    EXPECT_LT(wrong[0].variance, 1);
  }
}

TEST(Update, AnAnswerOfWhichNothingIsKnownTeachesNothing) {
  for (int classes : {2, 3, 10}) {
    std::vector<SkillBelief> beliefs = {{0.5, 1}};
    std::vector<SiteTerm> site(1);
    const double probability = ReviseAnswer(
        Evidence(kOneSkill, 1.0 / classes, classes), kOptions, beliefs, site);
    EXPECT_NEAR(beliefs[0].mean, 0.5, 1e-12);
    EXPECT_NEAR(beliefs[0].variance, 1, 1e-12);
    EXPECT_NEAR(probability, 1.0 / classes, 1e-12);
  }
}

TEST(Update, MovesTheMeanFurtherTheSurerTheBelief) {
  double last = -10;
  for (double q = 0; q <= 1; q += 0.125) {
    std::vector<SkillBelief> beliefs = {{0.2, 1.5}};
    std::vector<SiteTerm> site(1);
    ReviseAnswer(Evidence(kOneSkill, q), kOptions, beliefs, site);
    EXPECT_GT(beliefs[0].mean, last);
    last = beliefs[0].mean;
  }
}

TEST(Update, AHarderTaskDoneRightSaysMore) {
  const auto mean_after = [](double difficulty) {
    std::vector<SkillBelief> beliefs = {{0, 1}};
    std::vector<SiteTerm> site(1);
    AnswerEvidence answer = Evidence(kOneSkill, 1, 2);
    answer.difficulty = difficulty;
    ReviseAnswer(answer, kOptions, beliefs, site);
    return beliefs[0].mean;
  };
  EXPECT_GT(mean_after(0), mean_after(-3));
}

TEST(Update, AnUncertainDifficultyWeakensTheLesson) {
  const auto after = [](double difficulty_variance) {
    std::vector<SkillBelief> beliefs = {{0, 1}};
    std::vector<SiteTerm> site(1);
    AnswerEvidence answer = Evidence(kOneSkill, 0, 2);
    answer.difficulty_variance = difficulty_variance;
    ReviseAnswer(answer, kOptions, beliefs, site);
    return beliefs[0];
  };
  EXPECT_GT(after(4).mean, after(0).mean);
  EXPECT_GT(after(4).variance, after(0).variance);
}

TEST(Update, SpreadsOverSkillsLikeTheExactMarginalsOfTheRankOneUpdate) {
  // Two skills, both integrals by quadrature on a grid over the plane.
  const SkillWeight loading[] = {{0, 0.7f}, {1, 0.3f}};
  std::vector<SkillBelief> beliefs = {{0.5, 1.2}, {-1, 0.6}};
  const double a = static_cast<double>(0.7f), b = static_cast<double>(0.3f);
  double total = 0, m0 = 0, m1 = 0, v0 = 0, v1 = 0;
  const int n = 400;
  for (int i = 0; i <= n; ++i) {
    for (int j = 0; j <= n; ++j) {
      const double s = -9 + 18.0 * i / n, t = -9 + 18.0 * j / n;
      const double x = 0.5 + std::sqrt(1.2) * s, y = -1 + std::sqrt(0.6) * t;
      const double weight = std::exp(-0.5 * (s * s + t * t)) *
                            (0.25 + 0.75 * Logistic(a * x + b * y));
      total += weight;
      m0 += weight * x;
      m1 += weight * y;
      v0 += weight * x * x;
      v1 += weight * y * y;
    }
  }
  m0 /= total;
  m1 /= total;
  std::vector<SiteTerm> site(2);
  ReviseAnswer(Evidence(loading, 1, 4), kOptions, beliefs, site);
  EXPECT_NEAR(beliefs[0].mean, m0, 1e-6);
  EXPECT_NEAR(beliefs[1].mean, m1, 1e-6);
  EXPECT_NEAR(beliefs[0].variance, v0 / total - m0 * m0, 1e-6);
  EXPECT_NEAR(beliefs[1].variance, v1 / total - m1 * m1, 1e-6);
}

TEST(Update, ANegativeWeightMovesItsSkillTheOtherWay) {
  std::vector<SkillBelief> beliefs(3);
  std::vector<SiteTerm> site(3);
  ReviseAnswer(Evidence(kThreeSkills, 1), kOptions, beliefs, site);
  EXPECT_GT(beliefs[0].mean, beliefs[1].mean);
  EXPECT_GT(beliefs[1].mean, 0);
  EXPECT_LT(beliefs[2].mean, 0);
}

// ---- Sites ----

class Sites : public testing::TestWithParam<uint64_t> {
 protected:
  // A belief after a dozen random answers, and their sites.
  struct History {
    std::vector<AnswerEvidence> answers;
    std::vector<std::vector<SiteTerm>> sites;
    std::vector<SkillBelief> prior, beliefs;
  };
  static History RandomHistory(uint64_t seed, int answers = 12) {
    Rng rng(seed);
    History history;
    for (int d = 0; d < 3; ++d) {
      history.prior.push_back({rng.Normal(), 0.2 + rng.Uniform()});
    }
    history.beliefs = history.prior;
    for (int i = 0; i < answers; ++i) {
      AnswerEvidence answer = Evidence(kThreeSkills, rng.Uniform());
      answer.difficulty = rng.Normal();
      history.answers.push_back(answer);
      history.sites.emplace_back(3);
      ReviseAnswer(answer, kOptions, history.beliefs, history.sites.back());
    }
    return history;
  }
  static void ExpectSame(const std::vector<SkillBelief>& got,
                         const std::vector<SkillBelief>& want,
                         double tolerance) {
    for (size_t d = 0; d < want.size(); ++d) {
      EXPECT_NEAR(got[d].mean, want[d].mean, tolerance) << "skill " << d;
      EXPECT_NEAR(got[d].variance, want[d].variance, tolerance);
    }
  }
};

TEST_P(Sites, TakenOutAgainRestoreTheBelief) {
  History history = RandomHistory(GetParam());
  const std::vector<SkillBelief> before = history.beliefs;
  std::vector<SiteTerm> site(3);
  ReviseAnswer(Evidence(kThreeSkills, 0.9), kOptions, history.beliefs, site);
  RemoveSite(site, kOptions, history.beliefs);
  ExpectSame(history.beliefs, before, 1e-12);
}

TEST_P(Sites, TakenOutInAnyOrderLeaveThePrior) {
  History history = RandomHistory(GetParam());
  Rng rng(GetParam() + 1);
  Shuffle(history.sites, rng);
  for (const auto& site : history.sites) {
    RemoveSite(site, kOptions, history.beliefs);
  }
  ExpectSame(history.beliefs, history.prior, 1e-11);
}

TEST_P(Sites, RevisedAThousandTimesCountOnce) {
  History history = RandomHistory(GetParam(), 3);
  std::vector<SkillBelief> once = history.beliefs;
  std::vector<SiteTerm> fresh(3);
  ReviseAnswer(Evidence(kThreeSkills, 0.8), kOptions, once, fresh);

  Rng rng(GetParam());
  std::vector<SiteTerm> site(3);
  for (int i = 0; i < 1000; ++i) {
    ReviseAnswer(Evidence(kThreeSkills, rng.Uniform()), kOptions,
                 history.beliefs, site);
  }
  ReviseAnswer(Evidence(kThreeSkills, 0.8), kOptions, history.beliefs, site);
  ExpectSame(history.beliefs, once, 1e-9);
}

TEST_P(Sites, KeepBeliefsProperAndHardlyWiderThanThePrior) {
  Rng rng(GetParam());
  std::vector<SkillBelief> beliefs = {{rng.Normal(), 1}, {0, 2}, {1, 0.5}};
  std::vector<SkillBelief> prior = beliefs;
  std::vector<std::vector<SiteTerm>> sites(20, std::vector<SiteTerm>(3));
  for (int i = 0; i < 2000; ++i) {
    AnswerEvidence answer = Evidence(kThreeSkills, rng.Uniform(), 10);
    answer.difficulty = 3 * rng.Normal();
    ReviseAnswer(answer, kOptions, beliefs, sites[rng.Below(20)]);
    for (int d = 0; d < 3; ++d) {
      EXPECT_GT(beliefs[d].variance, 0);
      EXPECT_LE(beliefs[d].variance, prior[d].variance * 1.5);
    }
  }
}

TEST_P(Sites, SweepsOfRevisionConverge) {
  // Expectation propagation proper: each answer against the cavity of all the
  // others, until nothing moves.
  History history = RandomHistory(GetParam());
  double moved = 1;
  for (int sweep = 0; sweep < 50; ++sweep) {
    moved = 0;
    for (size_t i = 0; i < history.answers.size(); ++i) {
      const SkillBelief before = history.beliefs[0];
      ReviseAnswer(history.answers[i], kOptions, history.beliefs,
                   history.sites[i]);
      moved = std::max(moved, std::abs(history.beliefs[0].mean - before.mean));
    }
  }
  EXPECT_LT(moved, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Sites, testing::Range<uint64_t>(0, 8));

TEST(SiteGuards, ASiteTakenOutTwiceGivesAWideBeliefAndNotAnImproperOne) {
  std::vector<SkillBelief> beliefs = {{0.5, 1}};
  std::vector<SiteTerm> site(1);
  for (int i = 0; i < 40; ++i) {
    site[0] = {};
    ReviseAnswer(Evidence(kOneSkill, 0), kOptions, beliefs, site);
  }
  site[0].precision = 2 / beliefs[0].variance;
  RemoveSite(site, kOptions, beliefs);
  EXPECT_EQ(beliefs[0].variance, kOptions.max_variance);
  EXPECT_TRUE(std::isfinite(beliefs[0].mean));
}

TEST(SiteGuards, ALuckyGuessWidensABeliefUpToTheCeilingAndCanBeTakenBack) {
  // Thought hopeless at a question of many classes, and right all the same.
  SkillUpdateOptions options;
  options.max_variance = 12;
  std::vector<SkillBelief> beliefs = {{-14, 9}};
  std::vector<SiteTerm> site(1);
  ReviseAnswer(Evidence(kOneSkill, 1, 1000), options, beliefs, site);
  EXPECT_LT(site[0].precision, 0);
  EXPECT_GT(beliefs[0].variance, 9);
  EXPECT_LE(beliefs[0].variance, 12 * (1 + 1e-12));
  RemoveSite(site, options, beliefs);
  EXPECT_NEAR(beliefs[0].variance, 9, 1e-9);
  EXPECT_NEAR(beliefs[0].mean, -14, 1e-9);
}

TEST(SiteGuards, ALuckyGuessAtMostDoublesAVariance) {
  SkillUpdateOptions options;
  options.max_variance = 1000;
  std::vector<SkillBelief> beliefs = {{-14, 16}};
  std::vector<SiteTerm> site(1);
  ASSERT_GT(MatchMoments(-14, 16, 0, 1000, 1).variance, 32);
  ReviseAnswer(Evidence(kOneSkill, 1, 1000), options, beliefs, site);
  EXPECT_NEAR(beliefs[0].variance, 32, 1e-9);
}

TEST(SiteGuards, AllRightAndAllWrongAnswersNeverLeaveTheFiniteWorld) {
  for (double q : {0.0, 1.0}) {
    std::vector<SkillBelief> beliefs = {{0, 4}};
    for (int i = 0; i < 20'000; ++i) {
      std::vector<SiteTerm> site(1);
      ReviseAnswer(Evidence(kOneSkill, q, 3), kOptions, beliefs, site);
      ASSERT_GT(beliefs[0].variance, 0);
      ASSERT_LE(beliefs[0].variance, 4.5);
    }
    EXPECT_LT(std::abs(beliefs[0].mean), 25);
  }
}

TEST(SiteGuards, NoNumberOfAnswersNarrowsABeliefBelowItsFloor) {
  SkillUpdateOptions options;
  options.min_variance = 0.05;
  std::vector<SkillBelief> beliefs = {{0.5, 1}};
  Rng rng(2);
  for (int i = 0; i < 5000; ++i) {
    std::vector<SiteTerm> site(1);
    ReviseAnswer(Evidence(kOneSkill, rng.Bernoulli(0.7) ? 1 : 0, 2), options,
                 beliefs, site);
    ASSERT_GE(beliefs[0].variance, 0.05 * (1 - 1e-9));
  }
  EXPECT_NEAR(beliefs[0].variance, 0.05, 1e-6);
}

TEST(SiteGuards, DampingTakesItsShareOfTheNewSite) {
  SkillUpdateOptions half;
  half.damping = 0.5;
  const SkillBelief cavity[] = {{0.3, 1.1}};
  std::vector<SiteTerm> full(1), damped(1);
  UpdateSite(Evidence(kOneSkill, 1), kOptions, cavity, full);
  UpdateSite(Evidence(kOneSkill, 1), half, cavity, damped);
  EXPECT_NEAR(damped[0].precision, full[0].precision / 2, 1e-15);
  EXPECT_NEAR(damped[0].shift, full[0].shift / 2, 1e-15);
  for (int i = 0; i < 60; ++i) {
    UpdateSite(Evidence(kOneSkill, 1), half, cavity, damped);
  }
  EXPECT_NEAR(damped[0].precision, full[0].precision, 1e-12);
}

TEST(Update, GivesTheSameBitsEveryTime) {
  const SkillBelief cavity[] = {{0.3, 1.1}};
  std::vector<SiteTerm> a(1), b(1);
  UpdateSite(Evidence(kOneSkill, 0.7), kOptions, cavity, a);
  UpdateSite(Evidence(kOneSkill, 0.7), kOptions, cavity, b);
  EXPECT_EQ(a[0].precision, b[0].precision);
  EXPECT_EQ(a[0].shift, b[0].shift);
}

}  // namespace
}  // namespace allot
