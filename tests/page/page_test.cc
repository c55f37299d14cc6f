// SPDX-License-Identifier: Apache-2.0
#include "lib/page/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace allot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Page PageOf(Element element) {
  Page page;
  page.title = "A title";
  page.summary = "A summary";
  page.element.push_back(std::move(element));
  return page;
}

// The data that the page's script reads.
std::string DataOf(const Page& page) {
  const std::string html = ToHtml(page);
  const std::string start = "<script id=\"data\" type=\"application/json\">";
  const size_t begin = html.find(start) + start.size();
  return html.substr(begin, html.find("</script>", begin) - begin);
}

TEST(Page, NeedsNothingFromElsewhere) {
  const std::string html = ToHtml(PageOf(Paragraph{"Heading", "Text"}));
  EXPECT_THAT(html, HasSubstr("Chart.js v3"));
  EXPECT_THAT(html, Not(HasSubstr(" src=")));
  EXPECT_THAT(html, Not(HasSubstr("<link")));
  EXPECT_THAT(html, Not(HasSubstr("{{")));
}

TEST(Page, ShowsMarkupAsText) {
  Page page = PageOf(Paragraph{"", "</script><script>alert(1)</script>"});
  page.title = "<b>&\"";
  const std::string html = ToHtml(page);
  EXPECT_THAT(html, HasSubstr("<title>&lt;b&gt;&amp;&quot;</title>"));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(DataOf(page), HasSubstr("\\u003c/script>"));
}

TEST(Page, LinesCarryTheirPointsAndBands) {
  LineChart chart{.heading = "Curve",
                  .x = {.title = "answers", .scale = AxisScale::kLogarithmic},
                  .y = {.title = "accuracy", .least = 0, .most = 1}};
  chart.series.push_back({.name = "one",
                          .x = {1, 2},
                          .y = {0.5, std::numeric_limits<double>::quiet_NaN()},
                          .low = {0.25, 0.75},
                          .high = {0.5, 1}});
  EXPECT_EQ(
      DataOf(PageOf(chart)),
      R"({"title":"A title","summary":"A summary","elements":[{"kind":"lines",)"
      R"("heading":"Curve","note":"","x":{"title":"answers","scale":"logarithmic"},)"
      R"("y":{"title":"accuracy","scale":"linear","least":0.0,"most":1.0},)"
      R"("series":[{"name":"one","x":[1.0,2.0],"y":[0.5,null],"line":true,)"
      R"("points":true,"reference":false,"low":[0.25,0.75],"high":[0.5,1.0]}]}]})");
}

TEST(Page, AnAxisOfSharesMayShowTheTail) {
  const LineChart chart{
      .x = {.title = "percentile", .scale = AxisScale::kTail}};
  EXPECT_THAT(DataOf(PageOf(chart)),
              HasSubstr(R"("x":{"title":"percentile","scale":"tail"})"));
}

TEST(Page, TheDiagonalIsAsLongAsWhatItIsComparedWith) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Series line = Diagonal("equal", {{.x = {0.5, 0.75}, .y = {0.25, nan}},
                                         {.x = {0.5}, .y = {0.875}}});
  EXPECT_EQ(line.name, "equal");
  EXPECT_THAT(line.x, ElementsAre(0.25, 0.875));
  EXPECT_EQ(line.y, line.x);
  EXPECT_TRUE(line.reference);
  EXPECT_THAT(Diagonal("of nothing", {}).x, ElementsAre(0, 1));
}

TEST(Page, BarsMayFloat) {
  BarChart chart{.heading = "Skills", .category = {"ann", "ben"}};
  chart.bars.push_back({.name = "interval", .value = {0.9, 0.8}});
  EXPECT_THAT(DataOf(PageOf(chart)), Not(HasSubstr("from")));
  chart.bars[0].from = {0.7, 0.6};
  EXPECT_THAT(DataOf(PageOf(chart)),
              HasSubstr(R"("value":[0.9,0.8],"from":[0.7,0.6])"));
}

TEST(Page, CellsOfATableMayBeShaded) {
  const Table table{.column = {"truth", "yes"},
                    .row = {{{"yes"}, {"0.9", 0.5}}}};
  EXPECT_THAT(DataOf(PageOf(table)), HasSubstr(R"([["yes"],["0.9",0.5]])"));
}

TEST(Page, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_THAT(DataOf(PageOf(Paragraph{"", "a\xff"})),
              HasSubstr("a\xef\xbf\xbd"));
}

}  // namespace
}  // namespace allot
