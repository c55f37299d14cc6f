// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/answer_channel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lib/base/rng.h"

namespace allot {
namespace {

AnswerChannels One(int32_t classes, std::vector<float> rows) {
  return AnswerChannels(classes, std::move(rows));
}

TEST(AnswerChannelTest, WhoAlwaysSaysTheSameTellsNothing) {
  const AnswerChannels channels = One(2, {1, 0, 1, 0});
  const std::vector<float> even = {0.5F, 0.5F};
  EXPECT_NEAR(channels.Bits(0, even), 0, 1e-9);
}

TEST(AnswerChannelTest, WhoKnowsTellsAllThatIsInDoubt) {
  const AnswerChannels channels = One(2, {1, 0, 0, 1});
  EXPECT_NEAR(channels.Bits(0, std::vector<float>{0.5F, 0.5F}), 1, 1e-9);
  EXPECT_NEAR(channels.Bits(0, std::vector<float>{0.9F, 0.1F}),
              -0.9 * std::log2(0.9) - 0.1 * std::log2(0.1), 1e-6);
}

TEST(AnswerChannelTest, WhoIsAlwaysWrongTellsAsMuch) {
  const AnswerChannels channels = One(2, {0, 1, 1, 0});
  EXPECT_NEAR(channels.Bits(0, std::vector<float>{0.5F, 0.5F}), 1, 1e-9);
}

TEST(AnswerChannelTest, BitsLieBetweenNothingAndTheBoundForAnyPosterior) {
  Rng rng(7);
  for (int trial = 0; trial < 300; ++trial) {
    const auto k = static_cast<int32_t>(2 + rng.Below(5));
    const auto draw = [&] {
      std::vector<float> row;
      double sum = 0;
      for (int32_t c = 0; c < k; ++c) {
        row.push_back(static_cast<float>(rng.Gamma(0.4) + 1e-9));
        sum += row.back();
      }
      for (float& x : row) x = static_cast<float>(x / sum);
      return row;
    };
    std::vector<float> rows;
    for (int32_t c = 0; c < k; ++c) {
      const std::vector<float> row = draw();
      rows.insert(rows.end(), row.begin(), row.end());
    }
    const AnswerChannels channels = One(k, rows);
    const std::vector<float> posterior = draw();
    double entropy = 0, direct = 0;
    for (int32_t c = 0; c < k; ++c) {
      entropy -= posterior[c] * std::log2(std::max(posterior[c], 1e-30F));
      for (int32_t l = 0; l < k; ++l) {
        double answered = 0;
        for (int32_t d = 0; d < k; ++d)
          answered += posterior[d] * rows[d * k + l];
        const double p = rows[c * k + l];
        if (p > 0) direct += posterior[c] * p * std::log2(p / answered);
      }
    }
    const double bits = channels.Bits(0, posterior);
    EXPECT_GE(bits, 0);
    EXPECT_LE(bits, channels.bound(0));
    EXPECT_LE(bits, entropy + 1e-5);
    EXPECT_NEAR(bits, std::max(0.0, direct), 1e-5);
  }
}

}  // namespace
}  // namespace allot
