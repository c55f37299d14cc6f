// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <string>
#include <vector>

#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/json_file.h"
#include "tests/server/test_certificates.h"

namespace allot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(JsonFile, EveryValueKnowsItsLine) {
  const auto json = ParseJson("f", R"({ // a comment
  "text": "x",
  "number":
    12
  ,
  "list": [1,
    true, /* and
    another */ null],
  "object": {"in": -1.5e3}
})");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->line, 1);
  EXPECT_EQ(json->Find("text")->line, 2);
  EXPECT_EQ(json->Find("number")->line, 4) << "though the line ends behind it";
  EXPECT_EQ(json->Find("number")->text, "12");
  EXPECT_EQ(json->Find("list")->items[0].line, 6);
  EXPECT_EQ(json->Find("list")->items[1].line, 7);
  EXPECT_EQ(json->Find("list")->items[2].line, 8);
  EXPECT_EQ(json->Find("object")->Find("in")->number, -1500);
  EXPECT_EQ(json->Find("nothing"), nullptr);
}

TEST(JsonFile, MistakesAreShownWhereTheyAre) {
  const auto error = [](const std::string& text) {
    return std::string(ParseJson("f.json", text).status().message());
  };
  EXPECT_THAT(error("{\n\"a\": 1,\n\"b\" 2}"), HasSubstr("f.json:3: not JSON"));
  EXPECT_THAT(error("{\"a\": 1,\n\"a\": 2}"),
              HasSubstr("f.json:2: \"a\" is given twice"));
  EXPECT_THAT(error("{\"a\": 1"), HasSubstr("f.json:1: not JSON"));
  EXPECT_THAT(error(""), HasSubstr("f.json:1: not JSON"));
  EXPECT_THAT(error("{} {}"), HasSubstr("not JSON"));
  EXPECT_THAT(error(std::string(100'000, '[')), HasSubstr("nested too deeply"));
}

class ConfigTest : public ::testing::Test {
 protected:
  // As the program is started.
  static absl::StatusOr<Config> Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "allotd");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    return Config::FromCommandLine(static_cast<int>(argv.size()), argv.data());
  }
  static std::string ErrorOf(const absl::StatusOr<Config>& config) {
    if (!config.ok()) return std::string(config.status().message());
    return std::string(config->Options().status().message());
  }
  std::string Write(const std::string& text) {
    return folder_.Write("allot.json", text);
  }

  TestFolder folder_;
  absl::FlagSaver saver_;
};

TEST_F(ConfigTest, TheCommandLineWinsOverTheFile) {
  const std::string path = Write(
      "{\"workers\": 3, \"queue\": 7, \"drain\": \"2s\",\n"
      "\"quotas\": [{\"pool\": \"*\", \"in_flight\": 5}]}");
  const auto config = Start({"--queue=9", "--config=" + path});
  ASSERT_TRUE(config.ok()) << config.status();
  const auto options = config->Options();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->workers, 3);
  EXPECT_EQ(options->queue, 9);
  EXPECT_EQ(options->drain, absl::Seconds(2));
  ASSERT_EQ(options->quotas.size(), 1u);
  EXPECT_EQ(options->quotas[0].in_flight, 5);
  for (const Setting& setting : options->settings) {
    if (setting.name == "workers") {
      EXPECT_EQ(setting.source, path);
    }
    if (setting.name == "queue") {
      EXPECT_EQ(setting.source, "command line");
    }
    if (setting.name == "store") {
      EXPECT_EQ(setting.source, "default");
    }
  }
}

TEST_F(ConfigTest, TheLineAtFaultIsNamed) {
  const auto error = [&](const std::string& text) {
    return ErrorOf(Start({"--config=" + Write(text)}));
  };
  EXPECT_THAT(error("{\n\"workers\": -1}"),
              HasSubstr("allot.json:2: workers: must be in [0, 1024]"));
  EXPECT_THAT(error("{\n\n\"drain\": \"soon\"}"),
              HasSubstr("allot.json:3: drain: cannot be \"soon\""));
  EXPECT_THAT(error("{\n\"wrokers\": 1}"),
              HasSubstr("allot.json:2: unknown setting \"wrokers\""));
  EXPECT_THAT(error("{\n\"listen\": \"0.0.0.0:1\"}"),
              HasSubstr("allot.json:2: listen: 0.0.0.0:1 can be reached"));
  EXPECT_THAT(error("{\n\n\"tls_key\": \"k\"}"),
              HasSubstr("allot.json:3: tls_key: k: needs"));
  EXPECT_THAT(error("{\n\"allocation_log_sample\": 0}"),
              HasSubstr("allot.json:2: allocation_log_sample: must be in"));
  EXPECT_THAT(error("{\n\"allocation_log_files\": 0}"),
              HasSubstr("allot.json:2: allocation_log_files: must be in"));
  EXPECT_THAT(error("{\n\"allocation_log_file_bytes\": 1000}"),
              HasSubstr("allot.json:2: allocation_log_file_bytes: must be in"));
  EXPECT_THAT(error("{\n\"allocation_log\": \"/no/such/folder\"}"),
              HasSubstr("allot.json:2: allocation_log: "));
  EXPECT_THAT(error("{\n\"quotas\": 3}"), HasSubstr("allot.json:2: quotas"));
  EXPECT_THAT(error("{\n\"workers\": [3]}"),
              HasSubstr("allot.json:2: workers"));
  EXPECT_THAT(error("[]"), HasSubstr("allot.json:1: must be an object"));
  EXPECT_THAT(ErrorOf(Start({"--config=/nowhere"})),
              HasSubstr("--config: cannot read /nowhere"));
}

TEST_F(ConfigTest, DashesAreAsGoodAsUnderscores) {
  const auto config =
      Start({"--check-config", "--max-connections=12", "--http-listen="});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->check_only());
  EXPECT_EQ(config->Options()->max_connections, 12);
}

TEST_F(ConfigTest, ReadingItAgainTakesOverWhatCanChange) {
  const std::string path = Write("{\"slow_call\": \"3s\", \"workers\": 2}");
  auto config = Start({"--log_level=error", "--config=" + path});
  ASSERT_TRUE(config.ok()) << config.status();
  const auto before = config->Options();
  Write("{\"slow_call\": \"5s\", \"workers\": 4, \"log_level\": \"debug\"}");
  ASSERT_TRUE(config->Reload().ok());
  const auto after = config->Options();
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->slow_call, absl::Seconds(5));
  EXPECT_EQ(after->log_level, Severity::kError)
      << "the command line wins still";
  EXPECT_THAT(NeedsRestart(*before, *after), ElementsAre("workers"));

  Write("{\"slow_call\": \"6s\",\n\"queue\": 0}");
  EXPECT_THAT(std::string(config->Reload().message()),
              HasSubstr("allot.json:2: queue"));
  EXPECT_EQ(config->Options()->slow_call, absl::Seconds(5)) << "all or nothing";
  Write("{}");
  ASSERT_TRUE(config->Reload().ok());
  EXPECT_EQ(config->Options()->slow_call, absl::Seconds(1)) << "the default";
}

}  // namespace
}  // namespace allot
