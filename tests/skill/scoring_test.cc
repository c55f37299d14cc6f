// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/scoring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <vector>

#include "lib/base/rng.h"
#include "lib/skill/response.h"

namespace allot {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

float Draw(Rng& rng) { return static_cast<float>(rng.Normal()); }
float DrawPositive(Rng& rng) { return static_cast<float>(rng.Uniform()); }

// A block of random labelers that owns its arrays.
struct OwnedBlock {
  explicit OwnedBlock(Rng& rng, int skills = 8, int live = kLanes)
      : mean(skills * kLanes), variance(skills * kLanes) {
    for (float& x : mean) x = 2 * Draw(rng);
    for (float& x : variance) x = 3 * DrawPositive(rng);
    for (int i = 0; i < kLanes; ++i) {
      price_per_answer.push_back(0.2f * DrawPositive(rng));
      price_per_second.push_back(0.01f * DrawPositive(rng));
      time_factor.push_back(0.5f + DrawPositive(rng));
      load.push_back(DrawPositive(rng));
    }
    view = {mean.data(),
            variance.data(),
            price_per_answer.data(),
            price_per_second.data(),
            time_factor.data(),
            load.data(),
            live};
  }
  std::vector<float> mean, variance, price_per_answer, price_per_second,
      time_factor, load;
  LabelerBlock view;
};

// A random task that owns its loading and posterior.
struct OwnedTask {
  OwnedTask(Rng& rng, int classes, int skills, bool with_posterior)
      : weights(skills), posterior(with_posterior ? classes : 0) {
    float sum = 0;
    for (int s = 0; s < skills; ++s) {
      weights[s] = {s, Draw(rng)};
      sum += std::abs(weights[s].weight);
    }
    for (SkillWeight& w : weights) w.weight /= sum;
    sum = 0;
    for (float& p : posterior) {
      sum += p = static_cast<float>(rng.Gamma(0.3)) + 1e-6f;
    }
    for (float& p : posterior) p /= sum;
    terms.loading = weights;
    terms.posterior = posterior;
    terms.difficulty = Draw(rng);
    terms.difficulty_variance = DrawPositive(rng);
    terms.classes = classes;
    terms.base_seconds = 30 * DrawPositive(rng);
    terms.value = 0.5f + DrawPositive(rng);
  }
  std::vector<SkillWeight> weights;
  std::vector<float> posterior;
  TaskTerms terms;
};

ObjectiveWeights AllWeights() {
  ObjectiveWeights weights;
  weights.quality = 1.5;
  weights.cost = 0.8;
  weights.time = 0.002;
  weights.explore = 0.3;
  weights.balance = 0.1;
  return weights;
}

bool SameBits(float a, float b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

// (seed, classes, skills in the loading, has a posterior)
class Scoring : public testing::TestWithParam<std::tuple<int, int, int, bool>> {
 protected:
  Scoring()
      : rng_(static_cast<uint64_t>(std::get<0>(GetParam()))),
        task_(rng_, std::get<1>(GetParam()), std::get<2>(GetParam()),
              std::get<3>(GetParam())),
        block_(rng_) {}
  Rng rng_;
  OwnedTask task_;
  OwnedBlock block_;
};

TEST_P(Scoring, AgreesWithTheFormulasInDoublePrecision) {
  const ObjectiveWeights weights = AllWeights();
  const TaskScorer scorer(task_.terms, weights, 0.25);
  BlockLogits logits;
  BlockScores scores;
  scorer.Logits(block_.view, logits);
  scorer.Scores(logits, kLanes, scores);
  const std::vector<double> posterior(task_.posterior.begin(),
                                      task_.posterior.end());
  const TaskTerms& task = task_.terms;
  for (int i = 0; i < kLanes; ++i) {
    double m = 0, v = static_cast<double>(task.difficulty_variance);
    for (const SkillWeight& w : task_.weights) {
      const double a = static_cast<double>(w.weight);
      m += a * static_cast<double>(block_.mean[w.skill * kLanes + i]);
      v += a * a * static_cast<double>(block_.variance[w.skill * kLanes + i]);
    }
    const double b = static_cast<double>(task.difficulty);
    const double accuracy = ExpectedAccuracy(m, v, b, task.classes);
    const double bits = posterior.empty()
                            ? InformationBits(accuracy, task.classes)
                            : InformationBits(accuracy, posterior);
    const double seconds =
        static_cast<double>(task.base_seconds * block_.time_factor[i]);
    const double price =
        static_cast<double>(block_.price_per_answer[i]) +
        static_cast<double>(block_.price_per_second[i]) * seconds;
    const double utility =
        static_cast<double>(task.value) * weights.quality * bits -
        (weights.cost + 0.25) * price - weights.time * seconds +
        weights.explore * SkillBits(m, v, b, task.classes) -
        weights.balance * static_cast<double>(block_.load[i]);
    EXPECT_NEAR(scores.accuracy[i], accuracy, 2e-6);
    EXPECT_NEAR(scores.bits[i], bits, 1e-5);
    EXPECT_NEAR(scores.utility[i], utility, 3e-5);
  }
}

TEST_P(Scoring, ScalarAndBlockPathsGiveTheSameBits) {
  const TaskScorer scorer(task_.terms, AllWeights());
  BlockLogits logits;
  BlockScores scores;
  scorer.Logits(block_.view, logits);
  scorer.Scores(logits, kLanes, scores);
  for (int i = 0; i < kLanes; ++i) {
    const PairScore pair = scorer.ScorePair(block_.view, i);
    EXPECT_TRUE(SameBits(pair.accuracy, scores.accuracy[i]));
    EXPECT_TRUE(SameBits(pair.bits, scores.bits[i]));
    EXPECT_TRUE(SameBits(pair.utility, scores.utility[i]));
  }
}

TEST_P(Scoring, EveryInstructionSetGivesTheSameBits) {
  const ScoringConstants constants = {1.0f / 3, 1 - 1.0f / 3, 2.0f,
                                      1.3f,     0.2f,         0.4f};
  const std::vector<PosteriorTerm> posterior = {{1.1f, 1.0f}, {-0.55f, 2.0f}};
  BlockLogits first = {};
  BlockScores first_scores;
  for (const ScoringKernel* kernel : ScoringKernels()) {
    BlockLogits logits = {};
    BlockScores scores;
    kernel->logits(task_.weights, block_.mean.data(), block_.variance.data(),
                   0.3f, 0.1f, logits.logit, logits.variance);
    kernel->scores(constants, posterior, kLanes, logits.logit, logits.variance,
                   logits.charge, scores.accuracy, scores.bits, scores.utility);
    uint8_t lanes[kLanes];
    const int count = kernel->select(logits.logit, logits.charge, 0.5f, lanes);
    int wanted = 0;
    for (uint8_t i = 0; i < kLanes; ++i) {
      if (logits.logit[i] < 0.5f) continue;
      ASSERT_LT(wanted, count);
      EXPECT_EQ(lanes[wanted++], i);
    }
    EXPECT_EQ(wanted, count);
    if (kernel == ScoringKernels().front()) {
      first = logits;
      first_scores = scores;
    }
    EXPECT_EQ(std::memcmp(&first, &logits, sizeof(logits)), 0) << kernel->name;
    EXPECT_EQ(std::memcmp(&first_scores, &scores, sizeof(scores)), 0)
        << kernel->name;
  }
}

BlockSkim SkimOf(const OwnedBlock& block) {
  return MakeBlockSkim(block.mean.data(), block.variance.data(),
                       static_cast<int>(block.mean.size()) / kLanes,
                       block.price_per_answer.data(),
                       block.price_per_second.data(), block.time_factor.data(),
                       ~uint64_t{0});
}

TEST_P(Scoring, TheSkimLeavesNobodyOutWhoExceedsTheBar) {
  const TaskScorer scorer(task_.terms, AllWeights());
  BlockLogits logits;
  BlockScores scores;
  scorer.Logits(block_.view, logits);
  scorer.Scores(logits, kLanes, scores);
  const BlockSkim skim = SkimOf(block_);
  int16_t sums[kLanes], largest[kSkimGroups];
  const BlockSkim* const blocks[] = {&skim};
  scorer.skim().Sums(blocks, sums, largest);
  int skipped = 0;
  for (int of = 0; of < kLanes; ++of) {
    const float bar = std::nextafter(scores.utility[of], -kInf);
    const TaskScorer::SkimBar made = scorer.MakeSkimBar(skim.bounds, bar);
    for (int i = 0; i < kLanes; ++i) {
      const bool passes = sums[i] >= made.least_sum &&
                          scorer.Ceiling(made, block_.view, i, sums[i]) >= bar;
      if (scores.utility[i] > bar) {
        EXPECT_TRUE(passes) << i;
      } else {
        skipped += passes ? 0 : 1;
      }
    }
  }
  EXPECT_GT(skipped, 0);
}

TEST_P(Scoring, LanesPickedOutHaveTheLogitsOfTheBlock) {
  const TaskScorer scorer(task_.terms, AllWeights());
  BlockLogits logits, picked;
  scorer.Logits(block_.view, logits);
  std::vector<LabelerLane> lanes;
  for (int i = kLanes - 1; i >= 0; --i) lanes.push_back({block_.view, i});
  for (const size_t count : {1, 3, 4, 6, kLanes}) {
    scorer.LogitsOf(std::span(lanes).first(count), picked);
    for (size_t i = 0; i < count; ++i) {
      const int lane = lanes[i].lane;
      EXPECT_TRUE(SameBits(picked.logit[i], logits.logit[lane]));
      EXPECT_TRUE(SameBits(picked.variance[i], logits.variance[lane]));
      EXPECT_TRUE(SameBits(picked.charge[i], logits.charge[lane]));
    }
  }
}

TEST_P(Scoring, SkimsOfSeveralTasksAreTheSkimsOfEach) {
  const BlockSkim skim = SkimOf(block_);
  std::vector<TaskScorer> scorers;
  for (int t = 0; t < kSkimTasks; ++t) {
    OwnedTask task(rng_, 2, std::get<2>(GetParam()), false);
    // Not all alike: one leaves out a skill, if it can.
    if (t == 1 && task.weights.size() > 1) task.weights.pop_back();
    task.terms.loading = task.weights;
    scorers.emplace_back(task.terms, AllWeights());
  }
  int16_t sums[kSkimTasks][kLanes], largest[kSkimTasks][kSkimGroups];
  const LoadingSkim* loadings[kSkimTasks];
  int16_t *to[kSkimTasks], *most[kSkimTasks];
  for (int t = 0; t < kSkimTasks; ++t) {
    loadings[t] = &scorers[t].skim();
    to[t] = sums[t];
    most[t] = largest[t];
  }
  const BlockSkim* const blocks[] = {&skim};
  LoadingSkim::Sums(loadings, blocks, to, most);
  for (int t = 0; t < kSkimTasks; ++t) {
    int16_t alone[kLanes], alone_largest[kSkimGroups];
    loadings[t]->Sums(blocks, alone, alone_largest);
    EXPECT_TRUE(std::equal(alone, alone + kLanes, sums[t]));
    EXPECT_TRUE(
        std::equal(alone_largest, alone_largest + kSkimGroups, largest[t]));
    for (int g = 0; g < kSkimGroups; ++g) {
      EXPECT_EQ(*std::max_element(alone + g * kSkimGroup,
                                  alone + (g + 1) * kSkimGroup),
                alone_largest[g]);
      const uint32_t mask = Reaching(alone + g * kSkimGroup, alone[g]);
      for (int i = 0; i < kSkimGroup; ++i) {
        EXPECT_EQ((mask >> i) & 1, alone[g * kSkimGroup + i] >= alone[g]);
      }
    }
  }
}

TEST(Skim, SaysNothingOfMeansThatDoNotFit) {
  Rng rng(1);
  OwnedBlock block(rng);
  block.mean[77] = 17;
  const OwnedTask task(rng, 2, 3, false);
  const TaskScorer scorer(task.terms, AllWeights());
  int16_t sums[kLanes], largest[kSkimGroups];
  const BlockSkim skim = SkimOf(block);
  const BlockSkim* const blocks[] = {&skim};
  scorer.skim().Sums(blocks, sums, largest);
  EXPECT_EQ(sums[0], kNoSkim);
  EXPECT_EQ(largest[3], kNoSkim);
  const TaskScorer::SkimBar bar = scorer.MakeSkimBar({}, 100);
  EXPECT_EQ(scorer.Ceiling(bar, block.view, 0, kNoSkim), kInf);
}

TEST_P(Scoring, PackedSurvivorsGiveTheSameBits) {
  const TaskScorer scorer(task_.terms, AllWeights());
  BlockLogits logits, packed;
  BlockScores all, few;
  scorer.Logits(block_.view, logits);
  scorer.Scores(logits, kLanes, all);
  std::vector<uint8_t> lanes;
  for (uint8_t i = 0; i < kLanes; ++i) {
    if (rng_.Bernoulli(0.4)) lanes.push_back(i);
  }
  PackLanes(logits, lanes.data(), static_cast<int>(lanes.size()), packed);
  scorer.Scores(packed, static_cast<int>(lanes.size()), few);
  for (size_t i = 0; i < lanes.size(); ++i) {
    EXPECT_TRUE(SameBits(few.accuracy[i], all.accuracy[lanes[i]]));
    EXPECT_TRUE(SameBits(few.bits[i], all.bits[lanes[i]]));
    EXPECT_TRUE(SameBits(few.utility[i], all.utility[lanes[i]]));
  }
}

TEST_P(Scoring, SurvivorsLeaveOutNobodyAboveTheBar) {
  for (double min_accuracy : {0.0, 0.7}) {
    ObjectiveWeights weights = AllWeights();
    weights.min_expected_accuracy = min_accuracy;
    const TaskScorer scorer(task_.terms, weights);
    BlockLogits logits;
    BlockScores scores;
    scorer.Logits(block_.view, logits);
    scorer.Scores(logits, kLanes, scores);
    std::vector<float> bars(scores.utility, scores.utility + kLanes);
    bars.insert(bars.end(), {-kInf, -1, 0, 0.5f, 1, 10, kInf});
    for (float bar : bars) {
      uint8_t lanes[kLanes];
      const int count = scorer.Survivors(logits, bar, lanes);
      int next = 0;
      for (int i = 0; i < kLanes; ++i) {
        if (next < count && lanes[next] == i) {
          ++next;
        } else {
          EXPECT_LE(scores.utility[i], bar) << "lane " << i;
        }
      }
      EXPECT_EQ(next, count);
    }
  }
}

TEST_P(Scoring, NobodyInTheBlockIsAboveItsCeiling) {
  const TaskScorer scorer(task_.terms, AllWeights());
  BlockLogits logits;
  BlockScores scores;
  scorer.Logits(block_.view, logits);
  scorer.Scores(logits, kLanes, scores);
  const float ceiling = scorer.UtilityCeiling(logits);
  for (float utility : scores.utility) EXPECT_LE(utility, ceiling);
}

INSTANTIATE_TEST_SUITE_P(Grid, Scoring,
                         testing::Combine(testing::Range(0, 2),
                                          testing::Values(2, 30),
                                          testing::Values(1, 8),
                                          testing::Bool()));

// ---- Laws and edges ----

TEST(ScoringLaws, UtilityOrdersByLogitWherePricesAreEqual) {
  Rng rng(1);
  OwnedTask task(rng, 3, 1, true);
  const TaskScorer scorer(task.terms, ObjectiveWeights{});
  BlockLogits logits = {};
  BlockScores scores;
  for (int i = 0; i < kLanes; ++i) {
    logits.logit[i] = -6 + 0.2f * static_cast<float>(i);
  }
  scorer.Scores(logits, kLanes, scores);
  for (int i = 1; i < kLanes; ++i) {
    EXPECT_GE(scores.utility[i], scores.utility[i - 1] - 1e-6f);
    EXPECT_GT(scores.accuracy[i], scores.accuracy[i - 1]);
  }
}

TEST(ScoringLaws, TheSurvivorsAreFewWhenTheBarIsHigh) {
  Rng rng(2);
  OwnedTask task(rng, 2, 2, false);
  OwnedBlock block(rng);
  const TaskScorer scorer(task.terms, ObjectiveWeights{});
  BlockLogits logits;
  scorer.Logits(block.view, logits);
  uint8_t lanes[kLanes];
  EXPECT_EQ(scorer.Survivors(logits, 5, lanes), 0);
  EXPECT_EQ(scorer.Survivors(logits, -kInf, lanes), kLanes);
  BlockScores scores;
  scorer.Scores(logits, kLanes, scores);
  std::vector<float> sorted(scores.utility, scores.utility + kLanes);
  std::sort(sorted.begin(), sorted.end());
  EXPECT_LT(scorer.Survivors(logits, sorted[kLanes - 8], lanes), 32);
}

TEST(ScoringEdges, AGuesserIsWorthNothingAndAnOracleTheWholeLabel) {
  const SkillWeight loading[] = {{0, 1.0f}};
  TaskTerms task;
  task.loading = loading;
  for (int classes : {2, 3, 8, 1000}) {
    task.classes = classes;
    const TaskScorer scorer(task, ObjectiveWeights{});
    BlockLogits logits = {};
    BlockScores scores;
    logits.logit[0] = -1e6f;
    logits.logit[1] = 1e6f;
    scorer.Scores(logits, 2, scores);
    EXPECT_EQ(scores.bits[0], 0.0f);
    EXPECT_FLOAT_EQ(scores.accuracy[0], 1.0f / static_cast<float>(classes));
    EXPECT_NEAR(scores.bits[1], std::log2(classes), 1e-6 * std::log2(classes));
    EXPECT_FLOAT_EQ(scores.accuracy[1], 1.0f);
  }
}

TEST(ScoringEdges, LanesWithoutALabelerAreWorthMinusInfinity) {
  Rng rng(3);
  OwnedTask task(rng, 2, 3, false);
  OwnedBlock block(rng);
  for (int live : {1, 7, 16, 63}) {
    block.view.lanes = live;
    const TaskScorer scorer(task.terms, AllWeights());
    BlockLogits logits;
    BlockScores scores;
    scorer.Logits(block.view, logits);
    scorer.Scores(logits, kLanes, scores);
    uint8_t lanes[kLanes];
    EXPECT_EQ(scorer.Survivors(logits, -kInf, lanes), live);
    for (int i = 0; i < kLanes; ++i) {
      EXPECT_EQ(scores.utility[i] == -kInf, i >= live) << i;
    }
    for (int i = 0; i < live; ++i) {
      EXPECT_TRUE(
          SameBits(scorer.ScorePair(block.view, i).utility, scores.utility[i]));
    }
  }
}

TEST(ScoringEdges, BelowTheLeastAccuracyAPairIsForbidden) {
  Rng rng(4);
  OwnedTask task(rng, 2, 3, false);
  OwnedBlock block(rng);
  ObjectiveWeights weights;
  weights.min_expected_accuracy = 0.8;
  const TaskScorer scorer(task.terms, weights);
  BlockLogits logits;
  BlockScores scores;
  scorer.Logits(block.view, logits);
  scorer.Scores(logits, kLanes, scores);
  for (int i = 0; i < kLanes; ++i) {
    EXPECT_EQ(scores.utility[i] == -kInf, scores.accuracy[i] < 0.8f);
  }
}

TEST(ScoringEdges, WithoutAnyValueOnlyTheChargesAreLeft) {
  Rng rng(5);
  OwnedTask task(rng, 2, 3, false);
  OwnedBlock block(rng);
  ObjectiveWeights weights;
  weights.quality = 0;
  const TaskScorer scorer(task.terms, weights);
  BlockLogits logits;
  scorer.Logits(block.view, logits);
  const PairScore pair = scorer.ScorePair(block.view, 5);
  EXPECT_EQ(pair.utility, -pair.price);
  uint8_t lanes[kLanes];
  EXPECT_EQ(scorer.Survivors(logits, 0, lanes), 0);
  EXPECT_EQ(scorer.Survivors(logits, -100, lanes), kLanes);
}

TEST(ScoringEdges, APosteriorThatIsCertainMakesEveryAnswerWorthless) {
  const SkillWeight loading[] = {{0, 1.0f}};
  const float posterior[] = {0, 1, 0};
  TaskTerms task;
  task.loading = loading;
  task.classes = 3;
  task.posterior = posterior;
  const TaskScorer scorer(task, ObjectiveWeights{});
  BlockLogits logits = {};
  BlockScores scores;
  for (int i = 0; i < kLanes; ++i) {
    logits.logit[i] = static_cast<float>(i) - 30;
  }
  scorer.Scores(logits, kLanes, scores);
  for (float bits : scores.bits) EXPECT_NEAR(bits, 0, 1e-6);
}

}  // namespace
}  // namespace allot
