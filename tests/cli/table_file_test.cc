// SPDX-License-Identifier: Apache-2.0
#include "cli/table_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <string>
#include <vector>

namespace allot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TableFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string path =
        ::testing::TempDir() + "/" +
        ::testing::UnitTest::GetInstance()->current_test_info()->name() +
        ".csv";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // All rows of a CSV, or the message of the error that ended the reading.
  static std::vector<std::vector<std::string>> Rows(const std::string& path,
                                                    std::string& error) {
    std::vector<std::vector<std::string>> rows;
    auto file = TableFile::Open(path);
    if (!file.ok()) {
      error = std::string(file.status().message());
      return rows;
    }
    while (true) {
      const auto more = (*file)->Next();
      if (!more.ok()) error = std::string(more.status().message());
      if (!more.ok() || !*more) return rows;
      rows.push_back((*file)->cells());
    }
  }
};

TEST_F(TableFileTest, ReadsQuotedCellsWithCommasQuotesAndLineBreaks) {
  std::string error;
  const auto rows = Rows(
      Write("a,b\r\n\"x, y\",\"say \"\"hi\"\"\"\r\n\"two\nlines\",z\n"), error);
  EXPECT_EQ(error, "");
  EXPECT_THAT(rows, ElementsAre(ElementsAre("x, y", "say \"hi\""),
                                ElementsAre("two\nlines", "z")));
}

TEST_F(TableFileTest, SkipsBlankLinesByteOrderMarkAndSpacesAroundCells) {
  std::string error;
  const auto path = Write(
      "\xEF\xBB\xBF"
      "a , b\n\n 1,2 \n\n");
  const auto rows = Rows(path, error);
  EXPECT_EQ(error, "");
  EXPECT_THAT(rows, ElementsAre(ElementsAre("1", "2")));
  EXPECT_THAT((*TableFile::Open(path))->columns(), ElementsAre("a", "b"));
}

TEST_F(TableFileTest, ReadsALastLineWithoutItsNewlineAndEmptyCells) {
  std::string error;
  EXPECT_THAT(Rows(Write("a,b\n,\n1,"), error),
              ElementsAre(ElementsAre("", ""), ElementsAre("1", "")));
  EXPECT_EQ(error, "");
}

TEST_F(TableFileTest, NamesTheLineOfARowOfTheWrongLength) {
  std::string error;
  const auto path = Write("a,b\n1,2\n\n3\n");
  Rows(path, error);
  EXPECT_EQ(error, path + ":4: want 2 cells as in the header, got 1");
}

TEST_F(TableFileTest, NamesLineAndColumnWhereAQuoteWasOpened) {
  std::string error;
  const auto path = Write("a,b\n1,\"2\n3,4\n");
  Rows(path, error);
  EXPECT_EQ(error, path + ":2:3: quote is not closed");
}

TEST_F(TableFileTest, RefusesTextAfterAClosingQuote) {
  std::string error;
  const auto path = Write("a,b\n\"1\"x,2\n");
  Rows(path, error);
  EXPECT_THAT(error, HasSubstr(":2:4: want a comma"));
}

TEST_F(TableFileTest, RefusesAHeaderThatNamesAColumnTwice) {
  std::string error;
  const auto path = Write("task,answer,task\n");
  Rows(path, error);
  EXPECT_EQ(error, path + ":1:13: column \"task\" appears twice in the header");
}

TEST_F(TableFileTest, RefusesAnEmptyFileAndOneThatIsNotThere) {
  std::string error;
  Rows(Write(""), error);
  EXPECT_THAT(error, HasSubstr("want a header line"));
  Rows("/no/such/file.csv", error);
  EXPECT_THAT(error, HasSubstr("No such file"));
}

TEST_F(TableFileTest, RefusesBytesThatAreNotUtf8) {
  std::string error;
  const auto path = Write("a,b\nok,caf\xE9\n");
  Rows(path, error);
  EXPECT_EQ(error, path + ":2:4: not UTF-8 text");
}

TEST_F(TableFileTest, ReadsGzipAndComplainsIfItIsCutOff) {
  const std::string path = ::testing::TempDir() + "/table.csv.gz";
  gzFile out = gzopen(path.c_str(), "wb");
  gzputs(out, "a,b\n");
  for (int i = 0; i < 5000; ++i) {
    gzprintf(out, "%d,%d\n", i, i * 7919 % 5003);
  }
  gzclose(out);
  std::string error;
  EXPECT_EQ(Rows(path, error).size(), 5000);
  EXPECT_EQ(error, "");

  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)),
                    std::istreambuf_iterator<char>());
  std::ofstream(path, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  Rows(path, error);
  EXPECT_THAT(error, HasSubstr("cannot read " + path));
}

TEST_F(TableFileTest, TellsJsonLinesByTheirFirstCharacter) {
  auto file = TableFile::Open(Write("{\"a\": 1}\n\n {\"a\": 2}"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->format(), TableFormat::kJsonLines);
  ASSERT_TRUE((*file)->Next().value());
  EXPECT_EQ((*file)->text(), "{\"a\": 1}");
  ASSERT_TRUE((*file)->Next().value());
  EXPECT_EQ((*file)->text(), "{\"a\": 2}");
  EXPECT_EQ((*file)->line(), 3);
  EXPECT_FALSE((*file)->Next().value());
}

TEST_F(TableFileTest, KnowsHowFarItHasCome) {
  std::string text = "a\n";
  for (int i = 0; i < 2000000; ++i) text += "x\n";
  auto file = TableFile::Open(Write(text));
  ASSERT_TRUE(file.ok());
  for (int i = 0; i < 1000000; ++i) ASSERT_TRUE((*file)->Next().value());
  EXPECT_NEAR((*file)->fraction(), 0.5, 0.05);
}

}  // namespace
}  // namespace allot
