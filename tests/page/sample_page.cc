// SPDX-License-Identifier: Apache-2.0
// Prints a page with one of everything, for browser_test.
#include <cmath>
#include <iostream>

#include "lib/page/page.h"

int main() {
  allot::LineChart many{.heading = "Many lines",
                        .x = {.title = "x"},
                        .y = {.title = "y", .least = 0, .most = 30}};
  for (int i = 0; i < 20; ++i) {
    many.series.push_back({.name = std::string(1, static_cast<char>('a' + i)),
                           .x = {0, 1, 2},
                           .y = {1.0 * i, i + 1.0, i + 0.5}});
  }
  many.series[0].low = {0, 0, 0};
  many.series[0].high = {1, 3, 2};
  many.series.push_back(allot::Diagonal("y = x", many.series));
  const allot::LineChart tail{.heading = "Tail",
                              .x = {.scale = allot::AxisScale::kTail},
                              .y = {.scale = allot::AxisScale::kLogarithmic},
                              .series = {{.name = "latency",
                                          .x = {0, 0.5, 0.99, 0.9999, 1},
                                          .y = {0, 1, 10, NAN, 1000}}}};
  allot::BarChart bars;
  bars.heading = "Bars";
  bars.category = {"one", "two"};
  bars.bars = {{.name = "counts", .value = {1, 2}}};
  allot::BarChart floating = bars;
  floating.heading = "Floating bars";
  floating.bars[0].from = {0.5, 1};
  floating.horizontal = true;
  const allot::Table table{.heading = "Table",
                           .column = {"name", "value"},
                           .row = {{{"<b>bold</b>"}, {"1", 0.5}}}};
  std::cout << allot::ToHtml(
      {.title = "One of everything",
       .summary = "A summary",
       .element = {allot::Paragraph{"Words", "Some text."}, many, tail, bars,
                   floating, allot::LineChart{.heading = "Nothing"}, table}});
}
