// SPDX-License-Identifier: Apache-2.0
// A report as one HTML page of text, charts and tables that needs no network:
// data, style and the charting library (Chart.js) are inside, some 200 kB. It
// reads on a phone, on paper and in the dark.
//
// Describe what is to be seen, then ToHtml(). Text is shown as it is: markup in
// it has no effect.
#ifndef ALLOT_LIB_PAGE_PAGE_H_
#define ALLOT_LIB_PAGE_PAGE_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace allot {

// A paragraph below its heading, which may be empty.
struct Paragraph {
  std::string heading, text;
};

enum class AxisScale {
  kLinear,
  kLogarithmic,  // points at or below 0 are left out
  // For shares in [0, 1]: 0.9, 0.99 and 0.999 lie at equal distances, marked
  // in percent, so that the tail of a distribution can be read. Ends at
  // 0.999999, where larger shares are drawn. Lines only, `least` and `most`
  // have no effect.
  kTail,
};

struct Axis {
  std::string title;
  std::optional<double> least, most;  // absent: as the data want it
  AxisScale scale = AxisScale::kLinear;
};

// Points (x[i], y[i]), joined in order. A point that is not finite interrupts
// the line.
struct Series {
  std::string name;
  std::vector<double> x, y;
  std::vector<double> low, high;  // [points] a band around y, or empty
  bool line = true;
  bool points = true;
  bool reference = false;  // what others are compared with: grey and dashed
};

struct LineChart {
  std::string heading, note;
  Axis x, y;
  std::vector<Series> series;
};

// The reference line y = x, as long as what `series` covers in x and y.
Series Diagonal(std::string name, const std::vector<Series>& series);

// One bar a category, from 0 or from `from`.
struct Bars {
  std::string name;
  std::vector<double> value;  // [categories]
  std::vector<double> from;   // [categories] or empty
};

struct BarChart {
  std::string heading, note;
  std::string category_title;
  Axis value;
  std::vector<std::string> category;
  std::vector<Bars> bars;
  bool horizontal = false;
};

struct Cell {
  std::string text;
  double shade = 0;  // of the background, in [0, 1]
};

struct Table {
  std::string heading, note;
  std::vector<std::string> column;
  std::vector<std::vector<Cell>> row;  // [rows][columns]
};

using Element = std::variant<Paragraph, LineChart, BarChart, Table>;

struct Page {
  std::string title, summary;
  std::vector<Element> element;
};

// Never fails; the same page gives the same bytes. Strings are UTF-8, what is
// not is replaced.
std::string ToHtml(const Page& page);

}  // namespace allot

#endif  // ALLOT_LIB_PAGE_PAGE_H_
