// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/skim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "lib/base/rng.h"

namespace allot {
namespace {

std::vector<float> Means(Rng& rng, int skills, double largest) {
  std::vector<float> means;
  for (int i = 0; i < skills * kLanes; ++i) {
    means.push_back(static_cast<float>(largest * (2 * rng.Uniform() - 1)));
  }
  return means;
}

BlockSkim SkimOf(const std::vector<float>& means) {
  const std::vector<float> ones(means.size(), 1);
  return MakeBlockSkim(means.data(), ones.data(),
                       static_cast<int>(means.size()) / kLanes, ones.data(),
                       ones.data(), ones.data(), ~uint64_t{0});
}

// `terms` of the skills, of both signs, absolute values adding up to 1.
std::vector<SkillWeight> Loading(Rng& rng, int skills, int terms) {
  std::set<int32_t> of;
  while (static_cast<int>(of.size()) < std::min(terms, skills)) {
    of.insert(static_cast<int32_t>(rng.Below(static_cast<uint64_t>(skills))));
  }
  std::vector<SkillWeight> loading;
  double size = 0;
  for (const int32_t skill : of) {
    loading.push_back({skill, static_cast<float>(rng.Normal())});
    size += std::abs(loading.back().weight);
  }
  for (SkillWeight& term : loading) {
    term.weight = static_cast<float>(term.weight / size);
  }
  return loading;
}

class SkimOfMeans : public testing::TestWithParam<double> {};

TEST_P(SkimOfMeans, LiesWithinItsSlackOfTheExactSums) {
  const double largest = GetParam();
  for (const int skills : {1, 3, 4, 9, 70}) {
    for (const int terms : {1, 2, 70}) {
      Rng rng(static_cast<uint64_t>(skills * 100 + terms));
      const std::vector<float> means = Means(rng, skills, largest);
      const std::vector<SkillWeight> loading = Loading(rng, skills, terms);
      const BlockSkim block = SkimOf(means);
      const LoadingSkim skim(loading);
      const BlockSkim* const blocks[] = {&block};
      int16_t sums[kLanes], groups[kSkimGroups];
      skim.Sums(blocks, sums, groups);
      const double slack = skim.Slack(block.bounds.largest_mean);
      EXPECT_LT(slack, 0.05 * std::max(largest, 1.0));
      for (int i = 0; i < kLanes; ++i) {
        double exact = 0;
        for (const SkillWeight& term : loading) {
          exact += double{term.weight} * means[term.skill * kLanes + i];
        }
        EXPECT_LE(exact, sums[i] * skim.unit() + slack);
        EXPECT_GE(exact, sums[i] * skim.unit() - slack);
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(All, SkimOfMeans,
                         testing::Values(0.0, 0.3, 1.0, 4.0, 15.8));

// Blocks of small means have finer steps, but their sums count the same.
TEST(Skim, HasOneUnitForBlocksOfAllSteps) {
  Rng rng(3);
  const std::vector<SkillWeight> loading = Loading(rng, 8, 8);
  const LoadingSkim skim(loading);
  std::vector<float> means = Means(rng, 8, 0.9);
  const BlockSkim fine = SkimOf(means);
  means[5 * kLanes + 63] = 15;  // coarse, because of one
  const BlockSkim coarse = SkimOf(means);
  const BlockSkim* const blocks[] = {&fine, &coarse};
  int16_t sums[2 * kLanes], groups[2 * kSkimGroups];
  skim.Sums(blocks, sums, groups);
  for (int i = 0; i < kLanes - 1; ++i) {
    EXPECT_NEAR(sums[i] * skim.unit(), sums[kLanes + i] * skim.unit(),
                skim.Slack(15));
  }
}

TEST(Skim, GivesTheSameSumsOnEveryInstructionSet) {
  Rng rng(5);
  for (int round = 0; round < 50; ++round) {
    constexpr int kFours = 5;
    std::vector<uint8_t> mean(kFours * kLanes * kSkimFour);
    for (uint8_t& m : mean) m = static_cast<uint8_t>(1 + rng.Below(255));
    std::vector<std::vector<int32_t>> dense(kSkimTasks);
    std::vector<std::vector<SkimWeights>> sparse(kSkimTasks);
    std::vector<SkimScale> scales;
    for (int t = 0; t < kSkimTasks; ++t) {
      for (int f = 0; f < kFours; ++f) {
        int32_t weights = 0;
        for (int s = 0; s < kSkimFour; ++s) {
          const auto weight = static_cast<int8_t>(rng.Below(255));
          weights |= static_cast<int32_t>(
              uint32_t{static_cast<uint8_t>(std::max<int8_t>(weight, -127))}
              << (8 * s));
        }
        dense[t].push_back(weights);
        sparse[t].push_back({f, weights});
      }
      scales.push_back({.bias = static_cast<int32_t>(rng.Below(1000)) - 500,
                        .shift = 5 + t});
    }
    // By the definition, for the first kernel.
    int16_t first[kSkimTasks][kLanes];
    for (int t = 0; t < kSkimTasks; ++t) {
      for (int i = 0; i < kLanes; ++i) {
        int32_t sum = scales[t].bias;
        for (int d = 0; d < kFours * kSkimFour; ++d) {
          const auto weight = static_cast<int8_t>(
              dense[t][d / kSkimFour] >> (8 * (d % kSkimFour)) & 0xff);
          sum += weight *
                 mean[(d / kSkimFour * kLanes + SkimPlace(i)) * kSkimFour +
                      d % kSkimFour];
        }
        first[t][i] = static_cast<int16_t>(sum >> scales[t].shift);
      }
    }
    const auto check = [&](int t, const int16_t* sums, const int16_t* largest,
                           const std::string& name) {
      EXPECT_TRUE(std::equal(sums, sums + kLanes, first[t])) << name;
      for (int g = 0; g < kSkimGroups; ++g) {
        EXPECT_EQ(largest[g],
                  *std::max_element(first[t] + g * kSkimGroup,
                                    first[t] + (g + 1) * kSkimGroup))
            << name;
      }
    };
    for (const SkimKernel& kernel : SkimKernels()) {
      int16_t sums[kSkimTasks][kLanes], largest[kSkimTasks][kSkimGroups];
      const int32_t* weights[kSkimTasks];
      int16_t *to[kSkimTasks], *most[kSkimTasks];
      for (int t = 0; t < kSkimTasks; ++t) {
        kernel.one(mean.data(), sparse[t], scales[t], sums[t], largest[t]);
        check(t, sums[t], largest[t], kernel.name);
        weights[t] = dense[t].data();
        to[t] = sums[t];
        most[t] = largest[t];
      }
      if (kernel.together == nullptr) continue;
      std::fill_n(&sums[0][0], kSkimTasks * kLanes, int16_t{0});
      std::fill_n(&largest[0][0], kSkimTasks * kSkimGroups, int16_t{0});
      kernel.together(mean.data(), weights, kFours, scales.data(), to, most);
      for (int t = 0; t < kSkimTasks; ++t) {
        check(t, sums[t], largest[t], kernel.name);
      }
    }
  }
}

TEST(Skim, KeepsTheLargerOfEachPair) {
  int16_t most[kSkimGroup], other[kSkimGroup];
  for (int16_t i = 0; i < kSkimGroup; ++i) {
    most[i] = static_cast<int16_t>(i % 2 == 0 ? -100 : 100);
    other[i] = i;
  }
  KeepLarger(other, most);
  for (int16_t i = 0; i < kSkimGroup; ++i) {
    EXPECT_EQ(most[i], i % 2 == 0 ? i : 100);
  }
}

}  // namespace
}  // namespace allot
