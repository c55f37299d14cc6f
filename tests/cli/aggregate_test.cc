// SPDX-License-Identifier: Apache-2.0
#include "cli/aggregate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "cli/exit_code.h"
#include "lib/base/rng.h"
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

TEST_F(Aggregate, AnUnknownMethodOrTypeNamesTheKnownOnes) {
  options_.method = "oracle";
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_THAT(err_.str(),
              HasSubstr("method: for binary answers must be one of allot, "
                        "majority, wawa"));
  EXPECT_THAT(err_.str(), HasSubstr("got \"oracle\"\n"));
  options_.type = "guess";
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("--type: must be one of auto, binary"));
}

TEST_F(Aggregate, UsageContentsAndFilesFailEachInTheirOwnWay) {
  options_.answers_path = folder_.Write("short.csv", "task,labeler\na,b\n");
  EXPECT_EQ(Run(), kExitBadData);
  EXPECT_THAT(err_.str(), HasSubstr("short.csv:1: no column \"answer\""));
  options_.answers_path = folder_.path() + "/none.csv";
  EXPECT_EQ(Run(), kExitFailed);
  options_.answers_path = folder_.Write("empty.csv", "task,labeler,answer\n");
  EXPECT_EQ(Run(), kExitBadData);
  EXPECT_THAT(err_.str(), HasSubstr("holds no answers"));
}

TEST_F(Aggregate, SaysWhatItTookTheAnswersFor) {
  ASSERT_EQ(Run(), 0);
  EXPECT_THAT(err_.str(), HasSubstr("taking the answers for binary"));
  err_.str("");
  options_.type = "binary";
  ASSERT_EQ(Run(), 0);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(Aggregate, JsonSaysHowLabelersAgreeAndWhoStandsOut) {
  options_.output = OutputFormat::kJson;
  ASSERT_EQ(Run(), 0) << err_.str();
  const auto root = nlohmann::json::parse(out_.str());
  // The third contradicts the other two both times.
  EXPECT_LT(root["krippendorff_alpha"]["alpha"], 0.1);
  EXPECT_TRUE(root.contains("fleiss_kappa"));
  EXPECT_EQ(root["labelers"][0]["answers"], 2);
  EXPECT_TRUE(root["labelers"][0].contains("spammer_score"));
  EXPECT_LE(root["labelers"][0]["accuracy_low"],
            root["labelers"][0]["accuracy_high"]);
  EXPECT_TRUE(root["suspected_copies"].empty());
}

TEST_F(Aggregate, WritesTheLabelersAndNamesCopiers) {
  std::string answers = "task,labeler,answer\n";
  Rng rng(3);
  for (int t = 0; t < 200; ++t) {
    const uint64_t copied = rng.Below(2);
    for (int l = 0; l < 6; ++l) {
      const uint64_t said = l < 2 ? copied : rng.Bernoulli(0.7) ? 1 : 0;
      absl::StrAppend(&answers, "t", t, ",w", l, ",", said, "\n");
    }
  }
  options_.answers_path = folder_.Write("copies.csv", answers);
  options_.truth_path.reset();
  options_.labelers_path = folder_.path() + "/labelers.csv";
  options_.output = OutputFormat::kCsv;
  ASSERT_EQ(Run(), 0) << err_.str();
  std::ifstream file(*options_.labelers_path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(),
              HasSubstr("labeler,answers,accuracy,accuracy_low,accuracy_high,"
                        "agreement,spammer_score,median_seconds,pace_z,copies"
                        "\nw0,200,"));
  EXPECT_THAT(text.str(), HasSubstr(",w1\nw1,"));
  EXPECT_THAT(text.str(), HasSubstr(",w0\nw2,"));
  options_.labelers_path = folder_.path() + "/none/labelers.csv";
  EXPECT_EQ(Run(), kExitFailed);
}

TEST_F(Aggregate, NumbersGetAValueWithAnInterval) {
  options_.answers_path = folder_.Write(
      "numbers.csv",
      "task,labeler,answer\nt1,a,1.5\nt1,b,2.5\nt2,a,10\nt2,b,11\n");
  options_.truth_path =
      folder_.Write("numbers_truth.csv", "task,truth\nt1,2\n");
  options_.method = "allot";
  options_.output = OutputFormat::kCsv;
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("task,value,low,high\nt1,"));
  options_.method = "mean";
  out_.str("");
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_EQ(out_.str(), "task,value\nt1,2\nt2,10.5\n");
  options_.output = OutputFormat::kJson;
  out_.str("");
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_EQ(nlohmann::json::parse(out_.str())["truth"]["rmse"], 0);
  options_.method = "wawa";
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("for numeric answers must be one of"));
}

TEST_F(Aggregate, ProbabilitiesAreToldByTheirTruth) {
  options_.answers_path = folder_.Write(
      "chances.csv", "task,labeler,answer\nt1,a,0.9\nt1,b,0.8\nt2,a,0.25\n");
  options_.truth_path =
      folder_.Write("chances_truth.csv", "task,truth\nt1,1\nt2,0\n");
  options_.method = "allot";
  options_.output = OutputFormat::kCsv;
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(err_.str(), HasSubstr("taking the answers for probability"));
  EXPECT_THAT(out_.str(), HasSubstr("task,probability\nt1,0.9"));
}

TEST_F(Aggregate, AScaleGetsItsMedian) {
  options_.answers_path = folder_.Write(
      "scale.csv", "task,labeler,answer\nt1,a,low\nt1,b,high\nt1,c,mid\n");
  options_.truth_path.reset();
  options_.classes = {"low", "mid", "high"};
  options_.method = "allot";
  options_.type = "ordinal";
  options_.output = OutputFormat::kCsv;
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("task,label,confidence,value\nt1,mid,0."));
  EXPECT_THAT(out_.str(), HasSubstr(",1\n"));
}

TEST_F(Aggregate, ComparisonsGetARanking) {
  options_.type = "pairwise";
  options_.method = "allot";
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("want a folder with pairs.csv"));
  folder_.Write("answers.csv",
                "task,labeler,answer\np1,a,right\np1,b,right\np2,a,left\n");
  folder_.Write("truth.csv", "task,truth\n");
  folder_.Write("pairs.csv", "task,left,right\np1,x,y\np2,y,z\n");
  options_.output = OutputFormat::kCsv;
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("item,score,error\ny,"));
}

TEST_F(Aggregate, SetsOfLabelsAreVotedOnLabelByLabel) {
  options_.answers_path = folder_.Write(
      "sets.csv",
      "task,labeler,answer\nt1,a,sea|sun\nt1,b,sun\nt1,c,sea|sun|dog\n"
      "t2,a,dog\nt2,b,dog\nt2,c,sun\n");
  options_.truth_path =
      folder_.Write("sets_truth.csv", "task,truth\nt1,sun|sea\nt2,sun\n");
  options_.output = OutputFormat::kJson;
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(err_.str(), HasSubstr("taking the answers for multi-label"));
  const auto root = nlohmann::json::parse(out_.str());
  EXPECT_EQ(root["tasks"][0]["labels"], "sea|sun");
  EXPECT_EQ(root["tasks"][1]["labels"], "dog");
  EXPECT_NEAR(root["tasks"][0]["probability"]["dog"], 1.0 / 3, 1e-6);
  EXPECT_EQ(root["truth"]["exact_match"], 0.5);
}

TEST_F(Aggregate, BoxesAndTextsGetTheAnswerMostLikeTheOthers) {
  options_.answers_path = folder_.Write("boxes.csv",
                                        "task,labeler,answer\nt1,a,0 0 10 10\n"
                                        "t1,b,1 1 10 10\nt1,c,50 50 60 60\n");
  options_.truth_path.reset();
  options_.method = "allot";
  options_.type = "boxes";
  options_.output = OutputFormat::kCsv;
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("t1,0 0 10 10,a,0."));
  options_.type = "text";
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("wants --similarity FILE"));
  options_.similarity_path = folder_.Write(
      "similarity.csv",
      "task,first,second,similarity\nt1,a,b,0.1\nt1,c,b,0.9\nt1,c,a,0.5\n");
  out_.str("");
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("t1,50 50 60 60,c,0."));
  folder_.Write("similarity.csv", "task,first,second,similarity\nt1,a,b,0.1\n");
  EXPECT_EQ(Run(), kExitBadData);
  EXPECT_THAT(err_.str(), HasSubstr("task \"t1\": none of c and a"));
}

}  // namespace
}  // namespace allot
