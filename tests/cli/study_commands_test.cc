// SPDX-License-Identifier: Apache-2.0
// simulate, replay-data and calibrate as their user meets them: what is
// printed, what is written, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "lib/base/rng.h"
#include "tests/cli/scratch_folder.h"

namespace allot {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kScenario[] = R"(
name: "office"
hours: 4
backlog: 30
tasks_per_hour: 5
groups { name: "regulars" count: 6 shift_hours: 24 }
groups { name: "guessers" count: 2 shift_hours: 24 conduct: GUESSER }
policies: "majority"
policies: "allot"
seeds: 2
)";

class StudyCommands : public testing::Test {
 protected:
  struct Outcome {
    int code = 0;
    std::string out;
    std::string error;

    std::vector<json> lines() const {
      std::vector<json> parsed;
      for (const auto line : absl::StrSplit(out, '\n', absl::SkipEmpty())) {
        parsed.push_back(json::parse(line));
      }
      return parsed;
    }
  };

  // What main() does with these arguments.
  static Outcome Run(std::vector<std::string> arguments, bool as_json = false) {
    CLI::App app;
    Invocation invocation;
    invocation.json = as_json;
    AddStudyCommands(app, invocation);
    Outcome outcome;
    std::reverse(arguments.begin(), arguments.end());
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError& error) {
      return {.code = kExitBadInput, .error = error.what()};
    }
    testing::internal::CaptureStdout();
    const absl::Status status = invocation.run();
    return {.code = ExitCodeOf(status),
            .out = testing::internal::GetCapturedStdout(),
            .error = std::string(status.message())};
  }

  // A folder of 40 tasks and 10 labelers: most are right four times in five,
  // the last one guesses.
  std::string DataFolder(bool with_truth = true) {
    Rng rng(7);
    std::string answers = "task,labeler,answer,duration_s\n";
    std::string truth = "task,truth\n";
    for (int t = 0; t < 40; ++t) {
      const auto label = static_cast<int>(rng.Below(2));
      absl::StrAppend(&truth, "t", t, ",", label, "\n");
      for (int l = 0; l < 10; ++l) {
        const bool right = rng.Bernoulli(l == 9 ? 0.5 : 0.8);
        absl::StrAppend(&answers, "t", t, ",l", l, ",",
                        right ? label : 1 - label, ",", 10 + l, "\n");
      }
    }
    folder_.Write("answers.csv", answers);
    if (with_truth) folder_.Write("truth.csv", truth);
    return folder_.path();
  }
  std::string ScenarioFile(const std::string& text = kScenario) {
    return folder_.Write("office.textproto", text);
  }
  std::string PagePath() const { return folder_.path() + "/page.html"; }
  std::string PageText() const {
    std::ifstream file(PagePath());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  ScratchFolder folder_;
};

std::vector<std::string> FirstWords(const std::string& text) {
  std::vector<std::string> words;
  for (const auto line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    words.push_back(parts[0]);
  }
  return words;
}

// ---- simulate ----

TEST_F(StudyCommands, SimulateTellsEachPolicyAtEachEffort) {
  const Outcome ran = Run({"simulate", ScenarioFile()});
  EXPECT_EQ(ran.code, kExitOk) << ran.error;
  EXPECT_THAT(ran.out, StartsWith("POLICY    EFFORT"));
  // Five numbers of votes, four targets, and who they were.
  EXPECT_THAT(
      FirstWords(ran.out),
      ElementsAre("POLICY", "majority", "majority", "majority", "majority",
                  "majority", "allot", "allot", "allot", "allot", "office:"));
  EXPECT_THAT(ran.out, HasSubstr("mean (standard error) over 2 seeds"));
}

TEST_F(StudyCommands, SimulateAsJsonIsALineForEachEffort) {
  const std::vector<json> lines =
      Run({"simulate", ScenarioFile(), "--policies", "overlap"}, true).lines();
  ASSERT_THAT(lines, SizeIs(4));
  for (const json& line : lines) {
    EXPECT_EQ(line["policy"], "overlap");
    EXPECT_EQ(line["data"], "office");
    EXPECT_THAT(line["effort"].get<std::string>(), StartsWith("target="));
    EXPECT_EQ(line["seeds"], 2);
    EXPECT_GT(line["answers"], 0);
    for (const char* share :
         {"accuracy", "accepted", "accepted_accuracy", "gini"}) {
      EXPECT_GE(line[share], 0) << share;
      EXPECT_LE(line[share], 1) << share;
    }
    for (const char* amount :
         {"labels_per_task", "standard_error", "cost", "cost_per_right_label",
          "cost_per_right_label_error", "waiting_p50_hours", "starved",
          "starved_able_share"}) {
      EXPECT_TRUE(line[amount].is_number()) << amount;
    }
    EXPECT_LE(line["waiting_p50_hours"], line["waiting_p99_hours"]);
  }
}

TEST_F(StudyCommands, SimulateMeetsTheSameCrowdOnAnyNumberOfThreads) {
  const auto run = [&](const char* threads) {
    return Run({"simulate", ScenarioFile(), "--threads", threads, "--html",
                PagePath()},
               true);
  };
  const Outcome one = run("1");
  const std::string page = PageText();
  EXPECT_EQ(run("2").out, one.out);
  EXPECT_EQ(PageText(), page);
  EXPECT_NE(Run({"simulate", ScenarioFile(), "--seeds", "3"}, true).out,
            one.out);
}

TEST_F(StudyCommands, AShippedScenarioGoesByItsName) {
  const Outcome ran = Run(
      {"simulate", "small-team", "--policies", "random", "--seeds", "1"}, true);
  EXPECT_EQ(ran.code, kExitOk) << ran.error;
  EXPECT_EQ(ran.lines()[0]["data"], "small-team");
  const Outcome none = Run({"simulate", "large-team"});
  EXPECT_EQ(none.code, kExitFailed);
  EXPECT_THAT(none.error, AllOf(HasSubstr("\"large-team\""),
                                HasSubstr("crowd, drifting-skills")));
}

TEST_F(StudyCommands, SimulateRefusesWhatTheScenarioGetsWrongByItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"groups {\n  coont: 3\n}", "office.textproto:2:8: "},
      {"hours: -3 groups {}", "office.textproto: hours: must be in"},
      {"groups {} groups { count: 0 }",
       "office.textproto: groups[1].count: must be in [1"},
      {"groups {} seeds: 0", "office.textproto: seeds: must be in [1"},
      {"groups {} policies: 'allot' policies: 'alot'",
       "office.textproto: policies[1]: must be one of random"},
      {"", "office.textproto: groups: must be in [1"}};
  for (const auto& [text, message] : cases) {
    const Outcome ran = Run({"simulate", ScenarioFile(text)});
    EXPECT_EQ(ran.code, kExitBadInput) << text;
    EXPECT_THAT(ran.error, HasSubstr(message));
    EXPECT_THAT(ran.out, IsEmpty());
  }
  const Outcome folder = Run({"simulate", folder_.path()});
  EXPECT_EQ(folder.code, kExitFailed);
  EXPECT_THAT(folder.error, HasSubstr("is a folder"));
}

TEST_F(StudyCommands, OptionsOutOfRangeAreNamed) {
  const std::string scenario = ScenarioFile();
  const std::string data = DataFolder();
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"simulate", scenario, "--seeds", "0"}, "--seeds: "},
      {{"simulate", scenario, "--threads", "0"}, "--threads: "},
      {{"simulate", scenario, "--policies", "allot,alot"}, "--policies: alot"},
      // The oracle needs the answers on file.
      {{"simulate", scenario, "--policies", "oracle"}, "--policies: oracle"},
      {{"simulate"}, "scenario is required"},
      {{"replay-data", data, "--seeds", "-1"}, "--seeds: "},
      {{"replay-data", data, "--labels", "3,0"}, "--labels: "},
      {{"replay-data", data, "--free", "0"}, "--free: "},
      {{"replay-data", data, "--per-arrival", "0"}, "--per-arrival: "},
      {{"replay-data", data, "--gold-share", "0.95"}, "--gold-share: "},
      {{"replay-data", data, "--policies", "alot"}, "--policies: alot"},
      {{"replay-data"}, "folder is required"},
      {{"calibrate"}, "answers is required"}};
  for (const auto& [arguments, message] : cases) {
    const Outcome ran = Run(arguments);
    EXPECT_EQ(ran.code, kExitBadInput) << message;
    EXPECT_THAT(ran.error, HasSubstr(message));
  }
}

// ---- replay-data ----

TEST_F(StudyCommands, ReplayTellsAccuracyAtEachNumberOfLabels) {
  const Outcome ran = Run({"replay-data", DataFolder(), "--seeds", "2",
                           "--labels", "4,2", "--policies", "random,oracle"});
  EXPECT_EQ(ran.code, kExitOk) << ran.error;
  const std::vector<std::string> lines = absl::StrSplit(ran.out, '\n');
  EXPECT_THAT(lines[0], AllOf(StartsWith("POLICY"), HasSubstr("2 LABELS")));
  EXPECT_LT(lines[0].find("2 LABELS"), lines[0].find("4 LABELS"));
  EXPECT_THAT(lines[1], StartsWith("random"));
  EXPECT_THAT(lines[2], StartsWith("oracle"));
  EXPECT_THAT(ran.out, HasSubstr("\n40 tasks, 10 labelers, 2 classes; accuracy "
                                 "(standard error) over 2 seeds\n"));
}

TEST_F(StudyCommands, ReplayAsJsonIsALineForEachPolicyAndNumberOfLabels) {
  const std::string data = DataFolder();
  const std::vector<json> lines =
      Run({"replay-data", data, "--seeds", "2", "--labels", "2,8", "--policies",
           "majority,least"},
          true)
          .lines();
  ASSERT_THAT(lines, SizeIs(4));
  for (size_t i = 0; i < lines.size(); ++i) {
    const json& line = lines[i];
    EXPECT_EQ(line["policy"], i < 2 ? "majority" : "least");
    EXPECT_EQ(line["data"], data);
    EXPECT_EQ(line["labels_per_task"], i % 2 == 0 ? 2 : 8);
    EXPECT_EQ(line["cost"], i % 2 == 0 ? 80 : 320);
    EXPECT_EQ(line["seeds"], 2);
    EXPECT_GT(line["accuracy"], 0.5);
    EXPECT_GE(line["confidence"], 0.5);
    EXPECT_TRUE(line["standard_error"].is_number());
    EXPECT_TRUE(line["gini"].is_number());
  }
  EXPECT_GT(lines[1]["accuracy"], lines[0]["accuracy"]);
}

TEST_F(StudyCommands, ReplayAsksTheSameOnAnyNumberOfThreads) {
  const std::string data = DataFolder();
  const auto run = [&](const char* threads) {
    return Run({"replay-data", data, "--seeds", "3", "--policies",
                "random,thompson,allot", "--threads", threads, "--html",
                PagePath()},
               true)
        .out;
  };
  const std::string one = run("1");
  const std::string page = PageText();
  EXPECT_THAT(one, Not(IsEmpty()));
  EXPECT_EQ(run("2"), one);
  EXPECT_EQ(PageText(), page);
}

// ---- calibrate ----

TEST_F(StudyCommands, CalibratePrintsAScenarioThatSimulateReads) {
  const Outcome fitted = Run({"calibrate", DataFolder()});
  EXPECT_EQ(fitted.code, kExitOk) << fitted.error;
  EXPECT_THAT(fitted.out,
              AllOf(HasSubstr("backlog: 40\n"), HasSubstr("count: 10\n"),
                    HasSubstr("classes: 2\n")));
  const Outcome ran = Run({"simulate", ScenarioFile(fitted.out), "--policies",
                           "majority", "--seeds", "1"});
  EXPECT_EQ(ran.code, kExitOk) << ran.error;
}

TEST_F(StudyCommands, CalibrateWithoutTruthSaysWhatStandsInForIt) {
  const Outcome fitted = Run({"calibrate", DataFolder(false)});
  EXPECT_EQ(fitted.code, kExitOk) << fitted.error;
  EXPECT_THAT(fitted.out, StartsWith("# no truth on file"));
}

TEST_F(StudyCommands, CalibrateAsJsonIsOneLineOfNumbers) {
  const std::vector<json> lines =
      Run({"calibrate", DataFolder()}, true).lines();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_NEAR(lines[0]["accuracy"], 0.77, 0.05);
  EXPECT_NEAR(lines[0]["answers_of_labeler_median"], 40, 1e-9);
  EXPECT_NEAR(lines[0]["seconds_median"], 14.5, 1);
  for (const char* key :
       {"skill_mean", "skill_sd", "difficulty_sd", "answers_of_labeler_log_sd",
        "seconds_log_sd", "speed_log_sd", "labelers_distance",
        "tasks_distance"}) {
    EXPECT_TRUE(lines[0][key].is_number()) << key;
  }
}

// ---- what replay-data and calibrate read ----

TEST_F(StudyCommands, DataThatCannotBeStudiedIsRefusedByFileAndLine) {
  struct Case {
    const char* answers;
    const char* truth;
    const char* message;
  };
  const Case cases[] = {
      {"task,labeler\na,x\n", nullptr, "answers.csv:1: no column \"answer\""},
      {"task,labeler,answer\n", "task,truth\n", "at least 2 classes, got 0"},
      {"task,labeler,answer\na,x,1\n", "task,truth\na,1\n",
       "at least 2 classes, got 1"},
      {"task,labeler,answer\na,x,0.5\na,y,1.25\n", "task,truth\na,0.5\n",
       "its answers are measurements"}};
  for (const Case& one : cases) {
    ScratchFolder folder;
    folder.Write("answers.csv", one.answers);
    if (one.truth != nullptr) folder.Write("truth.csv", one.truth);
    for (const char* command : {"replay-data", "calibrate"}) {
      const Outcome ran = Run({command, folder.path()});
      EXPECT_EQ(ran.code, kExitBadData) << command << ": " << ran.error;
      EXPECT_THAT(ran.error,
                  AllOf(StartsWith(folder.path()), HasSubstr(one.message)));
    }
  }
  const Outcome untrue = Run({"replay-data", DataFolder(false)});
  EXPECT_EQ(untrue.code, kExitBadData);
  EXPECT_THAT(untrue.error, HasSubstr("no task with a known truth"));
}

TEST_F(StudyCommands, AFileThatIsNotThereIsNoBadData) {
  for (const char* command : {"replay-data", "calibrate"}) {
    const Outcome ran = Run({command, folder_.path() + "/missing"});
    EXPECT_EQ(ran.code, kExitFailed);
    EXPECT_THAT(ran.error, HasSubstr("missing: no such file"));
  }
}

// ---- pages ----

TEST_F(StudyCommands, EachWritesItsPage) {
  const std::string data = DataFolder();
  const std::pair<std::vector<std::string>, std::vector<const char*>> cases[] =
      {{{"simulate", ScenarioFile(), "--seeds", "1"},
        {"Simulation: office", "8 labelers in 2 groups",
         "Accuracy against cost", "Cost for equal accuracy", "Lorenz",
         "Waiting times", "Calibration", "Numbers (standard error)"}},
       {{"replay-data", data, "--seeds", "1", "--policies", "random,oracle"},
        {"Replay of ", "40 tasks, 10 labelers", "Accuracy against cost",
         "Labels for equal accuracy", "Lorenz", "Confidence against accuracy",
         "Accuracy (standard error)", "\"oracle\""}},
       {{"calibrate", data},
        {"Population of ", "Labelers (distance", "Tasks (distance",
         "observed accuracy"}}};
  for (auto [arguments, texts] : cases) {
    arguments.insert(arguments.end(), {"--html", PagePath()});
    const Outcome ran = Run(arguments);
    EXPECT_EQ(ran.code, kExitOk) << ran.error;
    const std::string page = PageText();
    for (const char* text : texts) EXPECT_THAT(page, HasSubstr(text));

    arguments.back() = folder_.path() + "/missing/page.html";
    const Outcome lost = Run(arguments);
    EXPECT_EQ(lost.code, kExitFailed);
    EXPECT_THAT(lost.error, HasSubstr("missing/page.html: cannot write"));
  }
}

}  // namespace
}  // namespace allot
