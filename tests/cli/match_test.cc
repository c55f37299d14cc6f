// SPDX-License-Identifier: Apache-2.0
#include "cli/match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/scratch_folder.h"

namespace allot {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class MatchCommand : public testing::Test {
 protected:
  absl::Status Run() { return RunMatch(options_, clock_, out_, err_); }
  void Edges(const std::string& text) {
    options_.files.edges = folder_.Write("edges.csv", text);
  }
  void Tasks(const std::string& text) {
    options_.files.tasks = folder_.Write("tasks.csv", text);
  }
  void Labelers(const std::string& text) {
    options_.files.labelers = folder_.Write("labelers.csv", text);
  }
  std::string Error() {
    const absl::Status status = Run();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    return std::string(status.message());
  }

  ScratchFolder folder_;
  ManualClock clock_;
  MatchCommandOptions options_;
  std::ostringstream out_, err_;
};

TEST_F(MatchCommand, PrintsThePlanAndApartFromItTheProof) {
  Edges(
      "task,labeler,utility\n"
      "t1,ana,3\nt1,bo,2\nt2,ana,2.5\n");
  options_.solver = Solver::kHungarian;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(out_.str(), "task,labeler,utility\nt1,bo,2\nt2,ana,2.5\n");
  EXPECT_THAT(err_.str(), StartsWith("tasks        2\n"
                                     "labelers     2\n"
                                     "edges        3\n"
                                     "slots        2 filled of 2\n"
                                     "objective    4.5\n"
                                     "upper bound  4.5\n"
                                     "gap          0\n"
                                     "empty slots  none\n"
                                     "exact        yes, utilities in "));
  EXPECT_THAT(err_.str(),
              EndsWith("solver       hungarian\n"
                       "time         read 0.000 s, build 0.000 s, solve 0.000 "
                       "s\n"));
}

TEST_F(MatchCommand, WantsOneLabelerATaskAndOneTaskALabelerUnlessFilesSayMore) {
  Edges("task,labeler,utility\nt1,ana,3\nt1,bo,2\nt2,ana,2\nt3,ana,1\n");
  Tasks("task,redundancy\nt1,2\nt2,\n");
  Labelers("labeler,capacity\nana,2\n");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(out_.str(), "task,labeler,utility\nt1,ana,3\nt1,bo,2\nt2,ana,2\n");
}

TEST_F(MatchCommand, FillsSlotsAtALossWhereAnEmptyOneCostsMore) {
  Edges("task,labeler,utility\nt1,ana,-3\nt2,bo,-3\n");
  Tasks("task,unfilled_penalty\nt1,5\nt2,1\n");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(out_.str(), "task,labeler,utility\nt1,ana,-3\n");
  EXPECT_THAT(err_.str(), HasSubstr("objective    -4\n"));
}

TEST_F(MatchCommand, WritesThePlanToAFileAndTheSummaryToStandardOutput) {
  Edges("utility,labeler,task\n0.1,\"bo, jr\",\"say \"\"t\"\"\"\n");
  options_.plan = folder_.path() + "/plan.csv";
  ASSERT_TRUE(Run().ok());
  std::ostringstream plan;
  plan << std::ifstream(options_.plan).rdbuf();
  EXPECT_EQ(plan.str(),
            "task,labeler,utility\n\"say \"\"t\"\"\",\"bo, jr\",0.1\n");
  EXPECT_THAT(out_.str(), StartsWith("tasks        1\n"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(MatchCommand, TellsEverythingAsJson) {
  Edges("task,labeler,utility\nt1,\"a\"\"b\",3\nt2,\"a\"\"b\",2.5\n");
  options_.json = true;
  options_.solver = Solver::kHungarian;
  ASSERT_TRUE(Run().ok());
  const auto root = nlohmann::json::parse(out_.str());
  EXPECT_EQ(root["objective"], 3);
  EXPECT_EQ(root["upper_bound"], 3);
  EXPECT_EQ(root["gap"], 0);
  EXPECT_EQ(root["exact"], true);
  EXPECT_EQ(root["solver"], "hungarian");
  EXPECT_EQ(root["plan"].size(), 1);
  EXPECT_EQ(root["plan"][0]["labeler"], "a\"b");
  EXPECT_GE(root["labeler_price"]["a\"b"], 2.5);
  for (const char* key : {"read_ms", "build_ms", "solve_ms", "quantum"}) {
    EXPECT_TRUE(root[key].is_number()) << key;
  }
}

TEST_F(MatchCommand, JsonOfAnEmptyPlanIsJson) {
  Edges("task,labeler,utility\n");
  options_.json = true;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(nlohmann::json::parse(out_.str())["plan"].size(), 0);
}

TEST_F(MatchCommand, SaysWhySlotsAreEmpty) {
  Edges("task,labeler,utility\nt1,ana,3\nt2,ana,2\nt3,bo,-1\n");
  Tasks("task,redundancy\nt1,2\n");
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(err_.str(), HasSubstr("empty slots  3: 1 no labeler, 1 not worth "
                                    "it, 1 taken by others\n"));
}

TEST_F(MatchCommand, AFurtherAnswerIsGivenWhereItTellsMost) {
  Edges(
      "task,labeler,utility\n"
      "t1,ana,0\nt1,bo,0\nt1,cy,0\nt2,ana,0\nt2,bo,0\nt2,cy,0\n");
  Tasks("task,redundancy,answer_values\nt1,2,5;1\nt2,2,4;3\n");
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(err_.str(), HasSubstr("slots        3 filled of 4\n"
                                    "objective    12\n"
                                    "upper bound  12\n"));
}

TEST_F(MatchCommand, LoadThatCostsMoreTaskByTaskIsSpread) {
  Edges("task,labeler,utility\nt1,ana,3\nt2,ana,3\nt1,bo,2\nt2,bo,2\n");
  Labelers("labeler,capacity,load_costs\nana,2,1:0;1:2\nbo,2,\n");
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(err_.str(), HasSubstr("objective    5\n"));
  Labelers("labeler,capacity,load_costs\nana,2,1:0;1:0.5\nbo,2,\n");
  err_.str("");
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(err_.str(), HasSubstr("objective    5.5\n"));
}

TEST_F(MatchCommand, NobodyTakesMoreThanTheirShare) {
  Edges("task,labeler,utility\nt1,ana,3\nt2,ana,3\nt1,bo,1\nt2,bo,1\n");
  Labelers("labeler,capacity\nana,2\nbo,2\n");
  options_.max_share = 0.5;
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(err_.str(), HasSubstr("objective    4\n"));
}

TEST_F(MatchCommand, ExplainsEveryPair) {
  Edges("task,labeler,utility\nt1,ana,3\nt1,bo,2\nt2,ana,2.5\nt2,cy,1\n");
  options_.explain = folder_.path() + "/why.csv";
  options_.solver = Solver::kHungarian;
  ASSERT_TRUE(Run().ok());
  std::ostringstream why;
  why << std::ifstream(options_.explain).rdbuf();
  // Ana's second slot would be worth 1: bo's task for hers.
  EXPECT_EQ(why.str(),
            "task,labeler,utility,planned,labeler_price,reduced_utility,"
            "runner_up,margin,raise_to_win\n"
            "t1,ana,3,0,1,2,,,0\n"
            "t1,bo,2,1,0,2,ana,0,\n"
            "t2,ana,2.5,1,1,1.5,cy,0.5,\n"
            "t2,cy,1,0,0,1,,,0.5\n");
}

TEST_F(MatchCommand, SaysWhatWouldWinATask) {
  Edges("task,labeler,utility\nt1,ana,3\nt1,bo,2\n");
  options_.win = "t1,bo";
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(err_.str(), HasSubstr("to win       bo wins t1 if the pair is "
                                    "worth more by 1\n"));
  options_.win = "t1,ana";
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(err_.str(), HasSubstr("to win       ana has t1\n"));
  options_.win = "t1,cy";
  EXPECT_EQ(Run().code(), absl::StatusCode::kInvalidArgument);
  options_.win = "t1";
  EXPECT_EQ(Run().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(MatchCommand, TracesWhatQualityEachCostCanBuy) {
  Edges(
      "task,labeler,utility,cost\nt1,ana,3,2\nt1,bo,2,0.5\nt2,ana,2.5,2\n"
      "t2,cy,1,\n");
  options_.frontier = folder_.path() + "/frontier.csv";
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(err_.str(), HasSubstr(", no other corner exists\n"));
  std::ostringstream points;
  points << std::ifstream(options_.frontier).rdbuf();
  // Nothing but the free pair; then bo for 0.5; then ana instead of cy.
  EXPECT_THAT(points.str(), HasSubstr(",1,0,1\n"));
  EXPECT_THAT(points.str(), HasSubstr(",3,0.5,2\n"));
  EXPECT_THAT(points.str(), EndsWith(",4.5,2.5,2\n"));
}

TEST_F(MatchCommand, RefusesOptionsThatDoNotGoTogether) {
  Edges("task,labeler,utility\nt1,ana,3\n");
  options_.frontier = folder_.path() + "/frontier.csv";
  const absl::Status no_cost = Run();
  EXPECT_EQ(no_cost.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(no_cost.message(), HasSubstr("no column \"cost\""));
  options_.max_share = 0.5;
  EXPECT_THAT(Run().message(), HasSubstr("not with answer_values"));
  options_.max_share = 2;
  EXPECT_THAT(Run().message(), HasSubstr("--max-share: want in (0, 1], got 2"));
}

TEST_F(MatchCommand, ReadsGzippedFiles) {
  options_.files.edges =
      folder_.WriteGzip("edges.csv.gz", "task,labeler,utility\nt1,ana,3\n");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(out_.str(), "task,labeler,utility\nt1,ana,3\n");
}

TEST_F(MatchCommand, EverySolverSolves) {
  Edges("task,labeler,utility\nt1,ana,3\nt1,bo,2\nt2,ana,1\nt2,bo,-1\n");
  for (const Solver solver :
       {Solver::kAuto, Solver::kHungarian, Solver::kAuction, Solver::kGreedy}) {
    options_.solver = solver;
    err_.str("");
    ASSERT_TRUE(Run().ok());
    EXPECT_THAT(err_.str(), HasSubstr("objective    3\n"));
    if (solver != Solver::kAuto) {
      EXPECT_THAT(err_.str(), HasSubstr(std::string("solver       ") +
                                        SolverName(solver) + "\n"));
    }
  }
}

TEST_F(MatchCommand, ATimeLimitSpentAdmitsIt) {
  std::string text = "task,labeler,utility\n";
  for (int i = 0; i < 400; ++i) {
    text += "t" + std::to_string(i / 20) + ",l" + std::to_string(i % 20) + "," +
            std::to_string((i / 20 + 1) * (i % 20 + 1)) + "\n";
  }
  Edges(text);
  options_.time_limit_nanos = 0;
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(err_.str(),
              HasSubstr("exact        no, the time limit came first\n"));
}

TEST_F(MatchCommand, NamesTheLineOfWhatItCannotUse) {
  Edges("task,labeler,utility\nt1,ana,3\nt1,bo,much\n");
  EXPECT_THAT(Error(), EndsWith("edges.csv:3: utility: want a number in "
                                "[-1e+100, 1e+100], got \"much\""));
  Edges("task,labeler,utility\nt1,ana,nan\n");
  EXPECT_THAT(Error(), HasSubstr("edges.csv:2: utility: want a number"));
  Edges("task,labeler,utility\nt1,ana,1e101\n");
  EXPECT_THAT(Error(), HasSubstr("edges.csv:2: utility: want a number"));
  Edges("task,labeler,utility\nt1,,1\n");
  EXPECT_THAT(Error(), EndsWith("edges.csv:2: labeler: want an id, got an "
                                "empty cell"));
  Edges("task,labeler\nt1,ana\n");
  EXPECT_THAT(Error(), HasSubstr("edges.csv:1: no column \"utility\""));
}

TEST_F(MatchCommand, NamesTheLineOfARepeatedPair) {
  Edges(
      "task,labeler,utility\nt1,ana,1\n\nt2,bo,1\nt2,ana,1\nt2,bo,2\nt1,ana,1"
      "\n");
  EXPECT_THAT(Error(), EndsWith("edges.csv:6: task \"t2\" and labeler \"bo\" "
                                "were paired before"));
}

TEST_F(MatchCommand, NamesTheLineOfAWrongTaskOrLabeler) {
  Edges("task,labeler,utility\nt1,ana,1\n");
  Tasks("task,redundancy\nt1,1\nt1,2\n");
  EXPECT_THAT(Error(), EndsWith("tasks.csv:3: task: \"t1\" is listed twice"));
  Tasks("task,redundancy\nt1,-1\n");
  EXPECT_THAT(Error(), EndsWith("tasks.csv:2: redundancy: want a whole number "
                                ">= 0, got \"-1\""));
  Tasks("task,unfilled_penalty\nt1,-1\n");
  EXPECT_THAT(Error(), EndsWith("tasks.csv:2: unfilled_penalty: want a number "
                                "in [0, 1e+100], got \"-1\""));
  Tasks("task\nt1\n");
  Labelers("labeler,capacity\nana,2\nana,2\n");
  EXPECT_THAT(Error(),
              EndsWith("labelers.csv:3: labeler: \"ana\" is listed twice"));
  Labelers("labeler,load_costs\nana,1:2;1:1\n");
  EXPECT_THAT(Error(), EndsWith("labelers.csv:2: load_costs: want tasks:cost;"
                                "tasks:cost with at least one task and costs "
                                "that do not fall, got \"1:2;1:1\""));
  Labelers("labeler\nana\n");
  Tasks("task,answer_values\nt1,1;2\n");
  EXPECT_THAT(Error(), EndsWith("tasks.csv:2: answer_values: want values that "
                                "do not rise, got \"1;2\""));
  Tasks("task\nt1\n");
  Edges("task,labeler,utility,cost\nt1,ana,1,-1\n");
  EXPECT_THAT(Error(), HasSubstr("edges.csv:2: cost: want a number in [0"));
  Edges("task,labeler,utility\nt1,ana,1\n");
  Labelers("labeler,capacity\nana,2.5\n");
  EXPECT_THAT(Error(), EndsWith("labelers.csv:2: capacity: want a whole number "
                                ">= 0, got \"2.5\""));
}

TEST_F(MatchCommand, AFileThatCannotBeReadOrWrittenIsNobodysBadRequest) {
  options_.files.edges = folder_.path() + "/none.csv";
  EXPECT_EQ(Run().code(), absl::StatusCode::kUnknown);
  Edges("task,labeler,utility\n");
  options_.plan = folder_.path() + "/none/plan.csv";
  EXPECT_EQ(Run().code(), absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace allot
