// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/medoid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace allot {
namespace {

TEST(IntersectionOverUnion, MeasuresOverlap) {
  const Box unit = {0, 0, 1, 1};
  EXPECT_DOUBLE_EQ(IntersectionOverUnion(unit, unit), 1);
  EXPECT_DOUBLE_EQ(IntersectionOverUnion(unit, {0.5, 0, 1.5, 1}), 1.0 / 3);
  EXPECT_DOUBLE_EQ(IntersectionOverUnion(unit, {1.5, 1, 0.5, 0}), 1.0 / 3);
  EXPECT_DOUBLE_EQ(IntersectionOverUnion(unit, {2, 2, 3, 3}), 0);
  EXPECT_DOUBLE_EQ(IntersectionOverUnion({1, 1, 1, 1}, {1, 1, 1, 1}), 1);
  EXPECT_DOUBLE_EQ(IntersectionOverUnion({1, 1, 1, 1}, {2, 2, 2, 2}), 0);
}

TEST(WeightedMedoid, ChoosesTheBoxMostLikeTheOthers) {
  const std::vector<Box> boxes = {
      {0, 0, 10, 10}, {1, 0, 11, 10}, {2, 0, 12, 10}, {50, 50, 60, 60}};
  const auto medoid = WeightedMedoid(BoxSimilarity(boxes));
  ASSERT_TRUE(medoid.ok());
  EXPECT_EQ(medoid->chosen, 1);
  EXPECT_NEAR(medoid->confidence, 2 * (9.0 / 11) / 3, 1e-6);
  EXPECT_LT(medoid->agreement, 0.5);
}

TEST(WeightedMedoid, ATrustedAnswerOutweighsTwoOthers) {
  MatrixF similarity(3, 3);
  similarity << 1, 0.1f, 0.1f, 0.1f, 1, 0.9f, 0.1f, 0.9f, 1;
  const std::vector<double> trust = {5, 1, 1};
  EXPECT_EQ(WeightedMedoid(similarity)->chosen, 1);
  EXPECT_EQ(WeightedMedoid(similarity, trust)->chosen, 0);
}

TEST(WeightedMedoid, ALoneAnswerIsChosenWithoutSupport) {
  const auto medoid = WeightedMedoid(MatrixF::Ones(1, 1));
  ASSERT_TRUE(medoid.ok());
  EXPECT_EQ(medoid->chosen, 0);
  EXPECT_EQ(medoid->confidence, 0);
}

TEST(WeightedMedoid, WeightsOfZeroMeanEqual) {
  const std::vector<double> none = {0, 0};
  const auto medoid = WeightedMedoid(MatrixF::Ones(2, 2), none);
  ASSERT_TRUE(medoid.ok());
  EXPECT_EQ(medoid->confidence, 1);
}

TEST(WeightedMedoid, WrongInputIsNamed) {
  EXPECT_FALSE(WeightedMedoid(MatrixF(0, 0)).ok());
  EXPECT_FALSE(WeightedMedoid(MatrixF::Constant(2, 2, 1.5f)).ok());
  const std::vector<double> one = {1}, nan = {1, std::nan("")};
  EXPECT_FALSE(WeightedMedoid(MatrixF::Ones(2, 2), one).ok());
  EXPECT_FALSE(WeightedMedoid(MatrixF::Ones(2, 2), nan).ok());
}

}  // namespace
}  // namespace allot
