// SPDX-License-Identifier: Apache-2.0
// The documentation names every flag, every metric and every reason, and
// nothing that is not there.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "absl/flags/commandlineflag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

std::string ReadDocument(absl::string_view name) {
  const std::string path = absl::StrCat(ALLOT_SOURCE_DIR, "/docs/", name);
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// First cells, in backquotes, of the rows of Markdown tables.
std::set<std::string> FirstCells(const std::string& document,
                                 const std::string& pattern) {
  std::set<std::string> cells;
  const std::regex row("^\\| `(" + pattern + ")`");
  const std::vector<std::string> lines = absl::StrSplit(document, '\n');
  for (const std::string& line : lines) {
    std::smatch match;
    if (std::regex_search(line, match, row)) cells.insert(match[1].str());
  }
  return cells;
}

TEST(Docs, EveryFlagIsInOperations) {
  ASSERT_TRUE(OptionsFromFlags().ok()) << "the defaults are in range";
  std::set<std::string> flags;
  for (const absl::CommandLineFlag* flag : AllFlags()) {
    flags.insert(absl::StrCat("--", flag->Name()));
  }
  EXPECT_GE(flags.size(), 20u);
  EXPECT_EQ(FirstCells(ReadDocument("operations.md"), "--[a-z_]+"), flags);
}

TEST(Docs, EveryDefaultIsAsDocumented) {
  const std::string document = ReadDocument("operations.md");
  for (const absl::CommandLineFlag* flag : AllFlags()) {
    EXPECT_TRUE(
        absl::StrContains(document, absl::StrCat("| `--", flag->Name(), "` | `",
                                                 flag->DefaultValue(), "` |")))
        << flag->Name() << " = " << flag->DefaultValue();
  }
}

TEST(Docs, EveryMetricIsInOperations) {
  RunningServer running;
  running.AddPool();
  std::set<std::string> metrics;
  const std::vector<std::string> lines =
      absl::StrSplit(running.server().metrics().Scrape(), '\n');
  for (const std::string& line : lines) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() >= 3 && words[1] == "TYPE") metrics.insert(words[2]);
  }
  EXPECT_GE(metrics.size(), 30u);
  EXPECT_EQ(FirstCells(ReadDocument("operations.md"),
                       "(?:allot|grpc|process)_[a-z_]+"),
            metrics);
}

TEST(Docs, EveryReasonIsInApi) {
  // Reasons are upper-case strings in the server's own sources.
  std::set<std::string> reasons;
  const std::regex reason("\"([A-Z]+(?:_[A-Z]+)*)\"");
  for (const char* file :
       {"access.cc", "admission.cc", "allocation_service.cc",
        "confidence_service.cc", "convert_pool.cc", "decode.cc",
        "grpc_status.cc", "labeler_service.cc", "method.cc", "pool_service.cc",
        "reactors.cc", "violations.cc", "once.h"}) {
    std::ifstream in(absl::StrCat(ALLOT_SOURCE_DIR, "/server/", file));
    ASSERT_TRUE(in.good()) << file;
    std::ostringstream text;
    text << in.rdbuf();
    const std::string source = text.str();
    for (std::sregex_iterator it(source.begin(), source.end(), reason), end;
         it != end; ++it) {
      if ((*it)[1] != "OK") reasons.insert((*it)[1]);
    }
  }
  EXPECT_EQ(FirstCells(ReadDocument("api.md"), "[A-Z_]+"), reasons);
}

TEST(Docs, EveryMethodIsInApi) {
  const std::string document = ReadDocument("api.md");
  RunningServer running;
  for (const auto& rpc : running.server().metrics().rpcs()) {
    EXPECT_TRUE(
        absl::StrContains(document, absl::StrCat("`", rpc->method, "`")))
        << rpc->method;
  }
}

}  // namespace
}  // namespace allot
