// SPDX-License-Identifier: Apache-2.0
#include "cli/text_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace allot {
namespace {

TEST(TextTable, AlignsTextLeftAndNumbersRight) {
  TextTable table({"NAME", ">COUNT", "NOTE"});
  table.AddRow({"a", "7", "x"});
  table.AddRow({"longer", "1,234,567"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "NAME        COUNT  NOTE\n"
            "a               7  x\n"
            "longer  1,234,567\n");
}

TEST(TextTable, CountsCharactersNotBytes) {
  TextTable table({">SKILL", "ID"});
  table.AddRow({"1.20 ±0.31", "é"});
  table.AddRow({"-1.20 ±0.31", "e"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "      SKILL  ID\n"
            " 1.20 ±0.31  é\n"
            "-1.20 ±0.31  e\n");
}

TEST(Formats, GroupThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(-123456), "-123,456");
  EXPECT_EQ(FormatCount(24945), "24,945");
}

TEST(Formats, HaveNoNegativeZeroAndNoNan) {
  EXPECT_EQ(FormatFixed(-0.0004, 2), "0.00");
  EXPECT_EQ(FormatFixed(-0.5, 1), "-0.5");
  EXPECT_EQ(FormatFixed(std::nan(""), 2), "-");
}

TEST(Formats, SayTimeSpansInTheirTwoLargestUnits) {
  EXPECT_EQ(FormatSeconds(0.25), "0.25 s");
  EXPECT_EQ(FormatSeconds(59), "59 s");
  EXPECT_EQ(FormatSeconds(95), "1 min 35 s");
  EXPECT_EQ(FormatSeconds(3600), "1 h");
  EXPECT_EQ(FormatSeconds(7300), "2 h 1 min");
}

TEST(Formats, KnowOneFromMany) {
  EXPECT_EQ(FormatPlural(1, "answer"), "1 answer");
  EXPECT_EQ(FormatPlural(2000, "answer"), "2,000 answers");
}

}  // namespace
}  // namespace allot
