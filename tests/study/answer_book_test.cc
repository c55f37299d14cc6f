// SPDX-License-Identifier: Apache-2.0
#include "lib/study/answer_book.h"

#include <gtest/gtest.h>

namespace allot {
namespace {

TEST(AnswerBookTest, RevealsWhatIsOnFileAndNothingElse) {
  const std::vector<LabelAnswer> answers = {{0, 2, 1}, {0, 0, 0}, {1, 1, 1}};
  const std::vector<GoldLabel> truth = {{0, 1}, {1, 1}};
  const auto book = AnswerBook::Build(2, 3, 2, answers, truth);
  ASSERT_TRUE(book.ok()) << book.status();
  EXPECT_EQ(book->Find(0, 2), 1);
  EXPECT_EQ(book->Find(0, 0), 0);
  EXPECT_EQ(book->Find(0, 1), std::nullopt);
  EXPECT_EQ(book->num_answers(), 3);
  EXPECT_EQ(book->answers_of_labeler(), (std::vector<int32_t>{1, 1, 1}));
}

TEST(AnswerBookTest, LeavesOutTasksWithoutTruthAndRenumbersTheOthers) {
  const std::vector<LabelAnswer> answers = {{0, 0, 0}, {2, 0, 1}};
  const auto book =
      AnswerBook::Build(3, 1, 2, answers, std::vector<GoldLabel>{{2, 1}});
  ASSERT_TRUE(book.ok()) << book.status();
  EXPECT_EQ(book->num_tasks(), 1);
  EXPECT_EQ(book->truth(0), 1);
  EXPECT_EQ(book->Find(0, 0), 1);
}

TEST(AnswerBookTest, CountsTheFirstOfTwoAnswersOfOneLabeler) {
  const std::vector<LabelAnswer> answers = {{0, 0, 1}, {0, 0, 0}};
  const auto book =
      AnswerBook::Build(1, 1, 2, answers, std::vector<GoldLabel>{{0, 1}});
  ASSERT_TRUE(book.ok()) << book.status();
  EXPECT_EQ(book->Find(0, 0), 1);
  EXPECT_EQ(book->num_answers(), 1);
}

TEST(AnswerBookTest, RefusesABookOfWhichNothingIsKnown) {
  const std::vector<LabelAnswer> answers = {{0, 0, 1}};
  EXPECT_EQ(AnswerBook::Build(1, 1, 2, answers, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AnswerBook::Build(1, 1, 2, answers, std::vector<GoldLabel>{{0, 2}})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace allot
