// SPDX-License-Identifier: Apache-2.0
// A study as one HTML page that needs nothing else: no script, no other file,
// no network. The plots are SVG, drawn here: a handful of lines, bands and
// dots, which prints, mails and passes any content policy; a plotting library
// would be more bytes than all of the page.
#ifndef ALLOT_CLI_STUDY_PAGE_H_
#define ALLOT_CLI_STUDY_PAGE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace allot {

struct PlotPoint {
  double x = 0;
  double y = 0;
  double error = 0;  // standard error of y: drawn as a band of two of them
};

struct PlotSeries {
  std::string name;
  std::vector<PlotPoint> points;  // ascending by x
};

struct Plot {
  std::string title;
  std::string x_label, y_label;
  std::vector<PlotSeries> series;
  bool diagonal = false;  // draws y = x
  bool dots = true;       // a dot at each point
};

// <svg> of one plot, at most about 20 series. Points that are not finite are
// left out.
std::string DrawPlot(const Plot& plot);

class StudyPage {
 public:
  explicit StudyPage(std::string title) : title_(std::move(title)) {}

  void AddText(absl::string_view text);  // a paragraph
  void AddPlot(const Plot& plot);
  // The first row is the header.
  void AddTable(absl::string_view title,
                const std::vector<std::vector<std::string>>& rows);

  std::string Render() const;
  // kUnavailable if `path` cannot be written.
  absl::Status Write(const std::string& path) const;

 private:
  std::string title_;
  std::string body_;
};

std::string EscapeHtml(absl::string_view text);

}  // namespace allot

#endif  // ALLOT_CLI_STUDY_PAGE_H_
