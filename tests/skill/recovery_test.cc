// SPDX-License-Identifier: Apache-2.0
// Simulated labelers with known skills: does learning find them, and does it
// know how sure it is?
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "lib/base/rng.h"
#include "lib/skill/response.h"
#include "lib/skill/update.h"
#include "tests/skill/quadrature.h"

namespace allot {
namespace {

constexpr double kNinetyPercent = 1.6448536269514722;

// Spearman's rank correlation.
double RankCorrelation(const std::vector<double>& a,
                       const std::vector<double>& b) {
  const auto ranks = [](const std::vector<double>& x) {
    std::vector<int> order(x.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&x](int i, int j) { return x[i] < x[j]; });
    std::vector<double> rank(x.size());
    for (size_t r = 0; r < order.size(); ++r) {
      rank[order[r]] = static_cast<double>(r);
    }
    return rank;
  };
  const std::vector<double> r = ranks(a), s = ranks(b);
  const double n = static_cast<double>(a.size());
  double squares = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    squares += (r[i] - s[i]) * (r[i] - s[i]);
  }
  return 1 - 6 * squares / (n * (n * n - 1));
}

// What learning made of many labelers.
struct Outcome {
  std::vector<double> truth, mean;
  int covered = 0;

  void Add(double skill, const SkillBelief& belief) {
    truth.push_back(skill);
    mean.push_back(belief.mean);
    covered += std::abs(skill - belief.mean) <=
               kNinetyPercent * std::sqrt(belief.variance);
  }
  double Coverage() const {
    return covered / static_cast<double>(truth.size());
  }
};

double DrawSkill(const SkillBelief& prior, Rng& rng) {
  return prior.mean + std::sqrt(prior.variance) * rng.Normal();
}

// ---- Gold ----

// By answers per labeler and number of classes.
class GoldRecovery : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(GoldRecovery, RanksLabelersAndCoversTheirSkillsNineTimesInTen) {
  const auto [answers, classes] = GetParam();
  const SkillBelief prior = {1, 1};
  const SkillWeight loading[] = {{0, 1.0f}};
  const double guess = 1.0 / classes;
  Rng rng(100);
  Outcome outcome;
  for (int i = 0; i < 4000; ++i) {
    const double skill = DrawSkill(prior, rng);
    std::vector<SkillBelief> belief = {prior};
    for (int j = 0; j < answers; ++j) {
      AnswerEvidence answer;
      answer.loading = loading;
      answer.classes = classes;
      answer.difficulty = 0.7 * rng.Normal();
      const double p =
          guess + (1 - guess) * Logistic(skill - answer.difficulty);
      answer.belief = rng.Bernoulli(p) ? 1 : 0;
      std::vector<SiteTerm> site(1);
      ReviseAnswer(answer, {}, belief, site);
    }
    outcome.Add(skill, belief[0]);
  }
  EXPECT_GE(outcome.Coverage(), 0.88);
  EXPECT_LE(outcome.Coverage(), 0.92);
  EXPECT_GT(RankCorrelation(outcome.truth, outcome.mean), answers >= 150 ? 0.9
                                                          : answers >= 50
                                                              ? 0.75
                                                              : 0.4);
  RecordProperty("coverage", std::to_string(outcome.Coverage()));
}

INSTANTIATE_TEST_SUITE_P(Grid, GoldRecovery,
                         testing::Combine(testing::Values(10, 50, 150),
                                          testing::Values(2, 4)));

TEST(GoldRecoveryOfSeveralSkills, CoversEachOfThem) {
  const int skills = 4;
  const SkillBelief prior = {1, 1};
  Rng rng(101);
  std::vector<Outcome> outcomes(skills);
  for (int i = 0; i < 2000; ++i) {
    std::vector<double> truth;
    std::vector<SkillBelief> beliefs(skills, prior);
    for (int d = 0; d < skills; ++d) truth.push_back(DrawSkill(prior, rng));
    for (int j = 0; j < 200; ++j) {
      // Two skills per task, in changing proportion.
      const int first = static_cast<int>(rng.Below(skills));
      const int second =
          static_cast<int>((first + 1 + rng.Below(skills - 1)) % skills);
      const float share = 0.5f + 0.5f * static_cast<float>(rng.Uniform());
      const SkillWeight loading[] = {{first, share}, {second, 1 - share}};
      const double a = static_cast<double>(share);
      const double x = a * truth[first] + (1 - a) * truth[second];
      AnswerEvidence answer;
      answer.loading = loading;
      answer.classes = 3;
      answer.belief = rng.Bernoulli(1.0 / 3 + 2.0 / 3 * Logistic(x)) ? 1 : 0;
      std::vector<SkillBelief> loaded = {beliefs[first], beliefs[second]};
      std::vector<SiteTerm> site(2);
      ReviseAnswer(answer, {}, loaded, site);
      beliefs[first] = loaded[0];
      beliefs[second] = loaded[1];
    }
    for (int d = 0; d < skills; ++d) outcomes[d].Add(truth[d], beliefs[d]);
  }
  for (const Outcome& outcome : outcomes) {
    EXPECT_GE(outcome.Coverage(), 0.86);
    EXPECT_LE(outcome.Coverage(), 0.92);
    EXPECT_GT(RankCorrelation(outcome.truth, outcome.mean), 0.7);
  }
}

// ---- Answers of which no truth is ever told ----

// A crowd that answers tasks of K classes; the truth is only ever believed.
class Crowd {
 public:
  Crowd(int labelers, int tasks, int redundancy, int classes, uint64_t seed)
      : classes_(classes), prior_{1, 1}, beliefs_(labelers, prior_) {
    Rng rng(seed);
    const double guess = 1.0 / classes;
    for (int i = 0; i < labelers; ++i) skill_.push_back(DrawSkill(prior_, rng));
    answers_.resize(tasks);
    for (auto& answers : answers_) {
      const int truth = static_cast<int>(rng.Below(classes));
      while (static_cast<int>(answers.size()) < redundancy) {
        const int labeler = static_cast<int>(rng.Below(labelers));
        const auto by_same = [labeler](const Answer& a) {
          return a.labeler == labeler;
        };
        if (std::any_of(answers.begin(), answers.end(), by_same)) continue;
        const double p = guess + (1 - guess) * Logistic(skill_[labeler]);
        int label = truth;
        if (!rng.Bernoulli(p)) {
          const int offset = 1 + static_cast<int>(rng.Below(classes - 1));
          label = (truth + offset) % classes;
        }
        answers.push_back({labeler, label, {}});
      }
    }
  }

  // Revises every answer of every task once, each against what the others on
  // the task say. Returns how far the furthest mean moved.
  double Sweep() {
    const std::vector<SkillBelief> before = beliefs_;
    for (auto& answers : answers_) {
      for (Answer& answer : answers) {
        AnswerEvidence evidence;
        evidence.loading = kLoading;
        evidence.classes = classes_;
        evidence.belief = LeaveOneOutBelief(answers, answer);
        ReviseAnswer(evidence, {}, std::span(&beliefs_[answer.labeler], 1),
                     std::span(&answer.site, 1));
      }
    }
    double moved = 0;
    for (size_t i = 0; i < beliefs_.size(); ++i) {
      moved = std::max(moved, std::abs(beliefs_[i].mean - before[i].mean));
    }
    return moved;
  }

  const std::vector<double>& skill() const { return skill_; }
  const std::vector<SkillBelief>& beliefs() const { return beliefs_; }

 private:
  struct Answer {
    int labeler;
    int label;
    SiteTerm site;
  };
  static constexpr SkillWeight kLoading[] = {{0, 1.0f}};

  // P(the label of `left_out` is the truth | the task's other answers), each
  // of those weighed by what is known of its labeler without it.
  double LeaveOneOutBelief(const std::vector<Answer>& answers,
                           const Answer& left_out) const {
    std::vector<double> posterior(classes_, 1.0);
    for (const Answer& other : answers) {
      if (&other == &left_out) continue;
      std::vector<SkillBelief> cavity = {beliefs_[other.labeler]};
      RemoveSite(std::span(&other.site, 1), {}, cavity);
      const double p =
          MatchMoments(cavity[0].mean, cavity[0].variance, 0, classes_, 1)
              .probability;
      for (int k = 0; k < classes_; ++k) {
        posterior[k] *= k == other.label ? p : (1 - p) / (classes_ - 1);
      }
    }
    return posterior[left_out.label] /
           std::accumulate(posterior.begin(), posterior.end(), 0.0);
  }

  int classes_;
  SkillBelief prior_;
  std::vector<double> skill_;
  std::vector<SkillBelief> beliefs_;
  std::vector<std::vector<Answer>> answers_;
};

// By number of classes and redundancy.
class CrowdRecovery : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(CrowdRecovery, RanksLabelersAndCoversTheirSkillsWithoutAnyGold) {
  const auto [classes, redundancy] = GetParam();
  Outcome outcome;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    // 36 answers per labeler, whatever the redundancy.
    Crowd crowd(100, 3600 / redundancy, redundancy, classes, seed);
    for (int sweep = 0; sweep < 3; ++sweep) crowd.Sweep();
    for (size_t i = 0; i < crowd.skill().size(); ++i) {
      outcome.Add(crowd.skill()[i], crowd.beliefs()[i]);
    }
  }
  RecordProperty("coverage", std::to_string(outcome.Coverage()));
  EXPECT_GE(outcome.Coverage(), 0.88);
  EXPECT_LE(outcome.Coverage(), 0.92);
  EXPECT_GT(RankCorrelation(outcome.truth, outcome.mean), 0.7);
}

INSTANTIATE_TEST_SUITE_P(Grid, CrowdRecovery,
                         testing::Combine(testing::Values(2, 4),
                                          testing::Values(3, 5)));

TEST(CrowdConvergence, SweepsSettleAndDoNotRunAway) {
  Crowd crowd(30, 300, 5, 3, 7);
  double moved = 0;
  for (int sweep = 0; sweep < 40; ++sweep) moved = crowd.Sweep();
  EXPECT_LT(moved, 1e-4);
  for (const SkillBelief& belief : crowd.beliefs()) {
    EXPECT_LT(std::abs(belief.mean), 6);
    EXPECT_GT(belief.variance, 0.01);
  }
}

}  // namespace
}  // namespace allot
