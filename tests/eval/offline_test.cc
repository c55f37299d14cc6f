// SPDX-License-Identifier: Apache-2.0
#include "tests/eval/offline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/rng.h"
#include "tests/cli/scratch_folder.h"
#include "tests/eval/numeric_baselines.h"

namespace allot {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Offline : public testing::Test {
 protected:
  Offline() {
    options_.methods = {"allot", "majority"};
    options_.gold_seeds = 2;
    options_.replay_seeds = 2;
  }

  void Evaluate() {
    const auto data = ReadDataFolder(folder_.path());
    ASSERT_TRUE(data.ok()) << data.status();
    const absl::Status status = EvaluateOffline(
        *data, ReadTraits(folder_.path(), *data), options_, findings_);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::optional<double> Value(const std::string& method,
                              const std::string& metric) const {
    for (const Measurement& m : findings_.measurements) {
      if (m.method == method && m.metric == metric) return m.value;
    }
    return std::nullopt;
  }
  // 200 tasks of `classes` classes, 9 labelers right four times in five.
  void WriteLabels(int classes) {
    Rng rng(5);
    std::string answers = "task,labeler,answer\n", truth = "task,truth\n";
    for (int t = 0; t < 200; ++t) {
      const auto z = static_cast<int>(rng.Below(classes));
      absl::StrAppend(&truth, "t", t, ",", z, "\n");
      for (int l = 0; l < 9; ++l) {
        const int said =
            rng.Bernoulli(0.8) ? z : static_cast<int>(rng.Below(classes));
        absl::StrAppend(&answers, "t", t, ",w", l, ",", said, "\n");
      }
    }
    folder_.WriteGzip("answers.csv.gz", answers);
    folder_.WriteGzip("truth.csv.gz", truth);
  }

  ScratchFolder folder_;
  OfflineOptions options_;
  Findings findings_;
};

TEST_F(Offline, LabelsAreJudgedWithAndWithoutGoldAndReplayed) {
  WriteLabels(2);
  Evaluate();
  EXPECT_GT(Value("allot", "accuracy").value(), 0.97);
  EXPECT_GT(Value("majority", "accuracy").value(), 0.97);
  EXPECT_LT(Value("allot", "brier").value(), 0.1);
  EXPECT_GT(Value("allot", "accuracy_gold5").value(), 0.97);
  // Agreeing answers settle most tasks early.
  EXPECT_GT(Value("allot", "replay_answers_saved_95").value(), 0.2);
  EXPECT_GT(Value("allot", "replay_accuracy_95").value(), 0.9);
  EXPECT_GT(Value("allot", "replay_accepted_accuracy_95").value(), 0.94);
  EXPECT_FALSE(Value("allot", "mae").has_value());
}

TEST_F(Offline, GoldIsNotJudged) {
  // One task in twenty has gold, and its answers are all wrong; were it
  // judged, it would count as right.
  std::string answers = "task,labeler,answer\n", truth = "task,truth\n";
  for (int t = 0; t < 40; ++t) {
    absl::StrAppend(&truth, "t", t, ",yes\n");
    for (int l = 0; l < 3; ++l) {
      absl::StrAppend(&answers, "t", t, ",w", l, t < 39 ? ",no\n" : ",yes\n");
    }
  }
  folder_.Write("answers.csv", answers);
  folder_.Write("truth.csv", truth);
  Evaluate();
  EXPECT_LE(Value("majority", "accuracy_gold5").value(), 1.0 / 38 + 1e-9);
}

TEST_F(Offline, NumberedClassesAreAScaleUnlessTheFolderSaysOtherwise) {
  WriteLabels(3);
  Evaluate();
  EXPECT_LT(Value("allot", "mae").value(), 0.1);
  EXPECT_TRUE(Value("median", "mae").has_value());
  folder_.Write("META.md", "# x\n- kind: multi-class\n");
  findings_ = {};
  Evaluate();
  EXPECT_FALSE(Value("allot", "mae").has_value());
}

TEST_F(Offline, NumbersGetErrorsAndCoverage) {
  Rng rng(3);
  std::string answers = "task,labeler,answer\n", truth = "task,truth\n";
  for (int t = 0; t < 60; ++t) {
    const double z = 10 * rng.Normal();
    absl::StrAppend(&truth, "t", t, ",", z, "\n");
    for (int l = 0; l < 8; ++l) {
      absl::StrAppend(&answers, "t", t, ",w", l, ",",
                      z + (l < 4 ? 0.1 : 3) * rng.Normal(), "\n");
    }
  }
  folder_.Write("answers.csv", answers);
  folder_.Write("truth.csv", truth);
  Evaluate();
  EXPECT_LT(Value("precision-weighted", "rmse").value(), 0.2);
  EXPECT_GT(Value("mean", "rmse").value(), 0.5);
  EXPECT_GT(Value("allot", "coverage_90").value(), 0.8);
  EXPECT_GT(Value("allot", "spearman").value(), 0.99);
  folder_.Write("META.md", "- kind: numeric (truth on another scale)\n");
  findings_ = {};
  Evaluate();
  EXPECT_FALSE(Value("allot", "rmse").has_value());
  EXPECT_THAT(findings_.notes, Contains(HasSubstr("on another scale")));
}

TEST_F(Offline, ProbabilitiesOfAYesNoTruthAreAnswers) {
  folder_.Write("answers.csv",
                "task,labeler,answer\na,x,0.9\na,y,0.7\nb,x,0.2\nb,y,0.45\n");
  folder_.Write("truth.csv", "task,truth\na,1\nb,0\n");
  Evaluate();
  EXPECT_EQ(Value("allot", "accuracy").value(), 1);
  EXPECT_LT(Value("allot", "log_loss").value(),
            Value("mean", "log_loss").value());
}

TEST_F(Offline, PreferencesAreHeldOut) {
  std::string answers = "task,labeler,answer\n";
  std::string pairs = "task,left,right\n";
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < i; ++j) {
      absl::StrAppend(&pairs, "p", i, j, ",", i, ",", j, "\n");
      for (int l = 0; l < 5; ++l) {
        absl::StrAppend(&answers, "p", i, j, ",w", l, ",left\n");
      }
    }
  }
  folder_.Write("answers.csv", answers);
  folder_.Write("pairs.csv", pairs);
  Evaluate();
  EXPECT_LT(Value("allot", "heldout_log_loss").value(), 0.3);
  EXPECT_EQ(Value("allot", "heldout_accuracy").value(), 1);
  EXPECT_THAT(findings_.notes, Contains(HasSubstr("no task has a known")));
}

TEST(PrecisionWeighted, TakesOffsetsOffTheirLabelers) {
  std::vector<NumericAnswer> rows;
  Rng rng(1);
  for (int32_t t = 0; t < 30; ++t) {
    // Labelers 0 and 1 are off by +2 and -2; who answers alternates.
    rows.push_back({t, t % 2, t + (t % 2 == 0 ? 2.0 : -2.0)});
    rows.push_back({t, 2, t + 0.01 * rng.Normal()});
  }
  const auto answers = NumericAnswerSet::Build(30, 3, rows);
  ASSERT_TRUE(answers.ok());
  const VectorD corrected = PrecisionWeighted(*answers, true);
  for (int t = 0; t < 30; ++t) {
    EXPECT_NEAR(corrected[t], t, 0.5) << t;  // the mean is off by 1
  }
}

}  // namespace
}  // namespace allot
