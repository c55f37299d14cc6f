// SPDX-License-Identifier: Apache-2.0
#include "cli/aggregate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/scratch_folder.h"

namespace allot {
namespace {

using testing::HasSubstr;

class Aggregate : public testing::Test {
 protected:
  Aggregate() {
    folder_.Write("answers.csv",
                  "task,labeler,answer\n"
                  "t1,ana,yes\nt1,bo,yes\nt1,cy,no\n"
                  "\"t,2\",ana,no\n\"t,2\",bo,no\n\"t,2\",cy,yes\n");
    folder_.Write("truth.csv", "task,truth\nt1,yes\n");
    options_.answers_path = folder_.path();
    options_.method = "majority";
  }
  int Run() { return RunAggregate(options_, out_, err_); }

  ScratchFolder folder_;
  AggregateOptions options_;
  std::ostringstream out_, err_;
};

TEST_F(Aggregate, PrintsALabelATaskAsCsv) {
  options_.output = OutputFormat::kCsv;
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_EQ(out_.str(),
            "task,label,confidence\n"
            "t1,yes,0.666667\n"
            "\"t,2\",no,0.666667\n");
}

TEST_F(Aggregate, PrintsEverythingAsJson) {
  options_.output = OutputFormat::kJson;
  ASSERT_EQ(Run(), 0) << err_.str();
  const auto root = nlohmann::json::parse(out_.str());
  EXPECT_EQ(root["tasks"][1]["task"], "t,2");
  EXPECT_NEAR(root["tasks"][1]["posterior"]["no"], 2.0 / 3, 1e-6);
  EXPECT_EQ(root["labelers"][2]["labeler"], "cy");
  EXPECT_EQ(root["labelers"][2]["accuracy"], 0);
  EXPECT_EQ(root["truth"]["accuracy"], 1);
}

TEST_F(Aggregate, PrintsASummaryAsATable) {
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("tasks       2\n"));
  EXPECT_THAT(out_.str(), HasSubstr("accuracy    1.0000 over 1 tasks"));
}

TEST_F(Aggregate, EveryMethodRuns) {
  for (const absl::string_view method : AggregationMethods()) {
    options_.method = std::string(method);
    EXPECT_EQ(Run(), 0) << err_.str();
  }
}

TEST_F(Aggregate, GoldIsEvidence) {
  options_.output = OutputFormat::kCsv;
  options_.gold_path = folder_.Write("gold.csv", "task,truth\nt1,no\n");
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("t1,no,1\n"));
}

TEST_F(Aggregate, AnUnknownMethodNamesTheKnownOnes) {
  options_.method = "oracle";
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_.str(),
              HasSubstr("method: must be one of allot, majority, wawa"));
  EXPECT_THAT(err_.str(), HasSubstr("got \"oracle\"\n"));
}

TEST(CompareWithTruth, MeasuresAccuracyAndCalibration) {
  MatrixF posterior(3, 2);
  posterior << 0.75f, 0.25f, 0.75f, 0.25f, 0.25f, 0.75f;
  const std::vector<GoldLabel> truth = {{0, 0}, {1, 1}, {2, 1}};
  const TruthComparison c = CompareWithTruth(posterior, truth);
  EXPECT_NEAR(c.accuracy, 2.0 / 3, 1e-9);
  EXPECT_NEAR(c.ece, 0.75 - 2.0 / 3, 1e-9);
  EXPECT_NEAR(c.brier, (2 * 0.125 + 1.125) / 3, 1e-9);
  EXPECT_NEAR(c.log_loss, -(2 * std::log(0.75) + std::log(0.25)) / 3, 1e-9);
}

}  // namespace
}  // namespace allot
