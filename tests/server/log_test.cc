// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace allot {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class LoggerTest : public ::testing::Test {
 protected:
  Logger::Sink Keep() {
    return [this](absl::string_view line) {
      lines_.push_back(nlohmann::json::parse(line.begin(), line.end()));
    };
  }
  ManualClock clock_;
  std::vector<nlohmann::json> lines_;
};

TEST_F(LoggerTest, WritesOneObjectALine) {
  Logger log(&clock_, Severity::kInfo, Keep());
  log.Log(Severity::kWarning, "slow call",
          {{"method", "Score"},
           {"seconds", 1.5},
           {"tasks", int64_t{3}},
           {"pool", ""}});
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_EQ(lines_[0]["time"], "2023-11-14T22:13:20.000000Z");
  EXPECT_EQ(lines_[0]["severity"], "WARNING");
  EXPECT_EQ(lines_[0]["message"], "slow call");
  EXPECT_EQ(lines_[0]["seconds"], 1.5);
  EXPECT_EQ(lines_[0]["tasks"], 3);
  EXPECT_FALSE(lines_[0].contains("pool")) << "empty text is left out";
}

TEST_F(LoggerTest, LeavesOutWhatIsBelowItsLevel) {
  Logger log(&clock_, Severity::kWarning, Keep());
  log.Log(Severity::kInfo, "x");
  log.LogLimited(Severity::kDebug, "x", {});
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(LoggerTest, NeverBreaksALineOrPassesOnBadText) {
  Logger log(&clock_, Severity::kInfo, Keep());
  log.Log(Severity::kInfo, "a\nb\xFF\"c", {{"pool", "\x01\xC0"}});
  ASSERT_THAT(lines_, SizeIs(1));  // and it was parsed
}

TEST_F(LoggerTest, DropsFloodsAndSaysHowMuch) {
  Logger log(&clock_, Severity::kInfo, Keep());
  for (int i = 0; i < 1000; ++i) log.LogLimited(Severity::kInfo, "bad", {});
  EXPECT_THAT(lines_, SizeIs(200));
  EXPECT_EQ(log.dropped(), 800);
  clock_.Advance(absl::Seconds(1));
  log.LogLimited(Severity::kInfo, "bad", {});
  EXPECT_EQ(lines_.back()["dropped_before"], 800);
  log.LogLimited(Severity::kInfo, "bad", {});
  EXPECT_FALSE(lines_.back().contains("dropped_before"));
}

TEST(TraceId, IsReadFromAValidTraceparentOnly) {
  EXPECT_EQ(
      TraceIdOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
      "4bf92f3577b34da6a3ce929d0e0e4736");
  for (const char* bad :
       {"", "00-4bf92f-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_EQ(TraceIdOf(bad), "") << bad;
  }
}

TEST(ParseSeverity, KnowsFourNames) {
  EXPECT_EQ(ParseSeverity("debug"), Severity::kDebug);
  EXPECT_EQ(ParseSeverity("WARNING"), Severity::kWarning);
  EXPECT_EQ(ParseSeverity("verbose"), std::nullopt);
}

}  // namespace
}  // namespace allot
