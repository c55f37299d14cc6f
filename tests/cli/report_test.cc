// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "lib/base/rng.h"
#include "tests/cli/scratch_folder.h"

namespace allot {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

// 60 tasks, 8 labelers of whom l7 always says "cat".
struct Files {
  std::string answers = "task,labeler,answer,duration_s\n";
  std::string truth = "task,truth\n";
};
Files MakeFiles() {
  Rng rng(4);
  Files files;
  const char* names[] = {"cat", "dog", "owl"};
  for (int t = 0; t < 60; ++t) {
    const auto truth = static_cast<int>(rng.Below(3));
    absl::StrAppend(&files.truth, "t", t, ",", names[truth], "\n");
    for (int l = 0; l < 8; ++l) {
      const bool right = rng.Bernoulli(0.8);
      const int label = l == 7  ? 0
                        : right ? truth
                                : static_cast<int>(rng.Below(3));
      absl::StrAppend(&files.answers, "t", t, ",l", l, ",", names[label], ",",
                      l + 1, "\n");
    }
  }
  return files;
}

class Report : public testing::Test {
 protected:
  Report() {
    const Files files = MakeFiles();
    folder_.Write("answers.csv", files.answers);
    truth_ = files.truth;
    options_.answers_path = folder_.path();
    options_.page_path = folder_.path() + "/page.html";
    options_.draws = 2;
  }
  Page Make() {
    auto data = ReadDataFolder(folder_.path());
    EXPECT_TRUE(data.ok()) << data.status();
    auto page = MakeReport(options_, *data);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? *std::move(page) : Page();
  }
  static std::vector<std::string> Headings(const Page& page) {
    std::vector<std::string> headings;
    for (const Element& element : page.element) {
      headings.push_back(
          std::visit([](const auto& one) { return one.heading; }, element));
    }
    return headings;
  }
  template <typename Kind>
  static Kind Find(const Page& page, const std::string& heading) {
    for (const Element& element : page.element) {
      const Kind* one = std::get_if<Kind>(&element);
      if (one != nullptr && one->heading == heading) return *one;
    }
    ADD_FAILURE() << "no " << heading;
    return {};
  }

  ScratchFolder folder_;
  std::string truth_;
  ReportOptions options_;
};

TEST_F(Report, WithTruthJudgesTheMethodsAndTheirConfidence) {
  folder_.Write("truth.csv", truth_);
  const Page page = Make();
  EXPECT_THAT(page.summary, HasSubstr("480 answers of 8 labelers to 60 tasks"));
  EXPECT_THAT(page.summary, HasSubstr("The truth is known of 60 tasks (100%)"));
  const Table methods = Find<Table>(page, "Methods");
  ASSERT_EQ(methods.row.size(), 3);
  EXPECT_EQ(methods.row[2][0].text, "allot");
  EXPECT_GT(std::stod(methods.row[2][1].text), 0.9);
  const auto chart = Find<LineChart>(page, "Can confidence be believed?");
  ASSERT_EQ(chart.series.size(), 4);
  const Series& own = chart.series[2];
  EXPECT_EQ(own.name, "allot");
  EXPECT_NEAR(own.y.back(), 1, 0.1);
  EXPECT_LE(own.low.back(), own.y.back());
  EXPECT_GE(own.high.back(), own.y.back() - 1e-9);
}

TEST_F(Report, WithoutTruthSaysSoAndShowsWhatItCan) {
  const Page page = Make();
  EXPECT_THAT(page.summary, HasSubstr("truth of no task is known"));
  EXPECT_THAT(Headings(page), Not(Contains("Methods")));
  EXPECT_THAT(Headings(page), Not(Contains("Can confidence be believed?")));
  EXPECT_THAT(Headings(page),
              IsSupersetOf({"How sure are we?", "What does accuracy cost?",
                            "How good are the labelers?", "Labelers"}));
  const auto curve = Find<LineChart>(page, "What is one more answer worth?");
  EXPECT_EQ(curve.y.title, "share as with all answers");
  // With all answers allot says what it says.
  EXPECT_EQ(curve.series[2].y.back(), 1);
}

TEST_F(Report, MoreAnswersAreWorthMoreAndCostTheirPrice) {
  folder_.Write("truth.csv", truth_);
  const auto cheap = Find<LineChart>(Make(), "What does accuracy cost?");
  ASSERT_EQ(cheap.series.size(), 3);
  for (const Series& series : cheap.series) {
    EXPECT_GE(series.y.back(), series.y.front()) << series.name;
    EXPECT_LE(series.x.back(), 8) << series.name;
  }
  EXPECT_EQ(cheap.series[0].x.front(), 1);
  // Stopping when sure buys less for as much.
  EXPECT_THAT(cheap.note, HasSubstr("fewer."));
  options_.price = 0.25;
  const auto priced = Find<LineChart>(Make(), "What does accuracy cost?");
  EXPECT_EQ(priced.series[0].x.front(), 0.25);
  EXPECT_EQ(priced.series[2].y, cheap.series[2].y);
}

TEST_F(Report, ShowsWhoAnswersWhateverTheTruthIs) {
  const Page page = Make();
  const Table table = Find<Table>(page, "Labelers");
  EXPECT_EQ(table.column.back(), "pace");
  ASSERT_EQ(table.row.size(), 8);
  for (const std::vector<Cell>& row : table.row) {
    EXPECT_EQ(row[4].shade > 0, row[0].text == "l7") << row[0].text;
    ASSERT_EQ(row.size(), table.column.size());
  }
  const auto skills = Find<BarChart>(page, "How good are the labelers?");
  EXPECT_EQ(skills.category.back(), "l7");
  const Table all = Find<Table>(page, "What is taken for what, by everybody");
  EXPECT_THAT(all.column, UnorderedElementsAre("class", "cat", "dog", "owl"));
  for (size_t k = 0; k < 3; ++k) EXPECT_GT(all.row[k][k + 1].shade, 0.5);
}

TEST_F(Report, TheSameSeedGivesTheSameBytesOnAnyNumberOfThreads) {
  folder_.Write("truth.csv", truth_);
  options_.threads = 1;
  const std::string one = ToHtml(Make());
  options_.threads = 2;
  EXPECT_EQ(ToHtml(Make()), one);
  options_.seed = 2;
  EXPECT_NE(ToHtml(Make()), one);
}

TEST_F(Report, WritesThePageAndSaysWhere) {
  std::ostringstream notes;
  ASSERT_TRUE(WriteReport(options_, notes).ok());
  EXPECT_THAT(notes.str(), StartsWith("wrote " + options_.page_path));
  std::ifstream file(options_.page_path);
  std::string first;
  std::getline(file, first);
  EXPECT_EQ(first, "<!doctype html>");
}

TEST_F(Report, RefusesWhatIsNoSetOfClassesNamingTheRemedy) {
  std::ostringstream notes;
  folder_.Write("answers.csv", "task,labeler,answer\nt,l,0.5\nt,m,1.25\n");
  const absl::Status numbers = WriteReport(options_, notes);
  EXPECT_EQ(numbers.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(numbers.message(), HasSubstr("allot aggregate"));
  folder_.Write("answers.csv", "task,labeler\nt,l\n");
  EXPECT_EQ(WriteReport(options_, notes).code(), absl::StatusCode::kDataLoss);
  options_.price = 0;
  const absl::Status price = WriteReport(options_, notes);
  EXPECT_EQ(price.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(price.message(), HasSubstr("--price"));
}

TEST_F(Report, RefusesAnswersThatTellNothingApart) {
  std::ostringstream notes;
  const std::pair<const char*, const char*> cases[] = {
      {"task,labeler,answer\n", "answers.csv: holds no answers"},
      {"task,labeler,answer\nt,l,cat\nu,l,cat\n", "all answers are \"cat\""}};
  for (const auto& [answers, message] : cases) {
    options_.answers_path = folder_.Write("answers.csv", answers);
    const absl::Status status = WriteReport(options_, notes);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(status.message(), HasSubstr(message));
  }
}

TEST_F(Report, SaysWhenThePageCannotBeWritten) {
  std::ostringstream notes;
  options_.page_path = folder_.path() + "/missing/page.html";
  const absl::Status status = WriteReport(options_, notes);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(status.message(), HasSubstr("missing/page.html"));
}

}  // namespace
}  // namespace allot
