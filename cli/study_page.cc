// SPDX-License-Identifier: Apache-2.0
#include "cli/study_page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace allot {
namespace {

constexpr double kWidth = 640, kHeight = 400;
constexpr double kLeft = 64, kRight = 616, kTop = 16, kBottom = 344;
// Told apart by most people with a colour vision deficiency (Okabe and Ito
// 2008), and by their order beyond that.
constexpr std::array<const char*, 8> kColours = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7",
    "#e69f00", "#56b4e9", "#555555", "#8c6d31"};
constexpr std::array<const char*, 3> kDashes = {"", "6 3", "2 3"};

constexpr char kStyle[] = R"css(
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;
padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
.scroll{overflow-x:auto}
svg{width:100%;max-width:44rem;height:auto}
svg text{font:12px system-ui,sans-serif;fill:#333}
)css";

// Round steps: 1, 2 or 5 times a power of ten.
double StepFor(double range) {
  const double rough = range / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

struct Axis {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  double step = 1;

  void Cover(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void Round() {
    if (!(low <= high)) low = 0, high = 1;
    if (high - low < 1e-9) {
      low -= 0.5;
      high += 0.5;
    }
    step = StepFor(high - low);
    low = std::floor(low / step + 1e-9) * step;
    high = std::ceil(high / step - 1e-9) * step;
  }
  double At(double value, double from, double to) const {
    return from + (value - low) / (high - low) * (to - from);
  }
};

bool Drawn(const PlotPoint& point) {
  return std::isfinite(point.x) && std::isfinite(point.y) &&
         std::isfinite(point.error);
}

void DrawAxes(const Plot& plot, const Axis& x, const Axis& y,
              std::string& svg) {
  const auto count = [](const Axis& axis) {
    return static_cast<int>(std::lround((axis.high - axis.low) / axis.step));
  };
  for (int i = 0; i <= count(x); ++i) {
    const double value = x.low + i * x.step;
    const double at = x.At(value, kLeft, kRight);
    absl::StrAppendFormat(&svg,
                          "<path d='M%.1f %.1fV%.1f' stroke='#eee'/><text "
                          "x='%.1f' y='%.1f' text-anchor='middle'>%g</text>",
                          at, kTop, kBottom, at, kBottom + 16,
                          std::abs(value) < 1e-12 ? 0 : value);
  }
  for (int i = 0; i <= count(y); ++i) {
    const double value = y.low + i * y.step;
    const double at = y.At(value, kBottom, kTop);
    absl::StrAppendFormat(&svg,
                          "<path d='M%.1f %.1fH%.1f' stroke='#eee'/><text "
                          "x='%.1f' y='%.1f' text-anchor='end'>%g</text>",
                          kLeft, at, kRight, kLeft - 6, at + 4,
                          std::abs(value) < 1e-12 ? 0 : value);
  }
  absl::StrAppendFormat(
      &svg,
      "<path d='M%.1f %.1fV%.1fH%.1f' fill='none' stroke='#333'/>"
      "<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>"
      "<text x='14' y='%.1f' text-anchor='middle' transform='rotate(-90 14 "
      "%.1f)'>%s</text>",
      kLeft, kTop, kBottom, kRight, (kLeft + kRight) / 2, kBottom + 36,
      EscapeHtml(plot.x_label), (kTop + kBottom) / 2, (kTop + kBottom) / 2,
      EscapeHtml(plot.y_label));
}

void DrawSeries(const PlotSeries& series, bool dots, size_t number,
                const Axis& x, const Axis& y, std::string& svg) {
  const char* colour = kColours[number % kColours.size()];
  const char* dash = kDashes[number / kColours.size() % kDashes.size()];
  std::string line, upper, lower, marks;
  bool band = false;
  for (const PlotPoint& point : series.points) {
    if (!Drawn(point)) continue;
    const double px = x.At(point.x, kLeft, kRight);
    const double py = y.At(point.y, kBottom, kTop);
    const double reach =
        std::abs(y.At(point.y + 2 * point.error, kBottom, kTop) - py);
    band = band || reach > 0.5;
    absl::StrAppendFormat(&line, "%s%.1f %.1f", line.empty() ? "M" : "L", px,
                          py);
    absl::StrAppendFormat(&upper, "%s%.1f %.1f", upper.empty() ? "M" : "L", px,
                          py - reach);
    lower = absl::StrFormat("L%.1f %.1f%s", px, py + reach, lower);
    if (dots) {
      absl::StrAppendFormat(
          &marks,
          "<circle cx='%.1f' cy='%.1f' r='3' fill='%s'><title>%s: %g, "
          "%.4g</title></circle>",
          px, py, colour, EscapeHtml(series.name), point.x, point.y);
    }
  }
  if (line.empty()) return;
  if (band) {
    absl::StrAppendFormat(&svg, "<path d='%s%sZ' fill='%s' opacity='.15'/>",
                          upper, lower, colour);
  }
  absl::StrAppendFormat(&svg,
                        "<path d='%s' fill='none' stroke='%s' "
                        "stroke-width='2' stroke-dasharray='%s'/>%s",
                        line, colour, dash, marks);
}

}  // namespace

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"},
                                    {"<", "&lt;"},
                                    {">", "&gt;"},
                                    {"\"", "&quot;"},
                                    {"'", "&#39;"}});
}

std::string DrawPlot(const Plot& plot) {
  Axis x, y;
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& point : series.points) {
      if (!Drawn(point)) continue;
      x.Cover(point.x);
      y.Cover(point.y - 2 * point.error);
      y.Cover(point.y + 2 * point.error);
    }
  }
  x.Round();
  y.Round();
  // Legend below the plot, three to a line.
  const size_t lines = (plot.series.size() + 2) / 3;
  const double height = kHeight + 18 * static_cast<double>(lines);
  std::string svg =
      absl::StrFormat("<svg viewBox='0 0 %g %g' role='img' aria-label='%s'>",
                      kWidth, height, EscapeHtml(plot.title));
  DrawAxes(plot, x, y, svg);
  if (plot.diagonal) {
    const double low = std::max(x.low, y.low);
    const double high = std::min(x.high, y.high);
    absl::StrAppendFormat(
        &svg, "<path d='M%.1f %.1fL%.1f %.1f' stroke='#999' fill='none'/>",
        x.At(low, kLeft, kRight), y.At(low, kBottom, kTop),
        x.At(high, kLeft, kRight), y.At(high, kBottom, kTop));
  }
  for (size_t i = 0; i < plot.series.size(); ++i) {
    DrawSeries(plot.series[i], plot.dots, i, x, y, svg);
    const double left = kLeft + 190 * static_cast<double>(i % 3);
    const double at = kBottom + 60 + 18 * static_cast<double>(i / 3);
    absl::StrAppendFormat(
        &svg,
        "<path d='M%.1f %.1fh22' stroke='%s' stroke-width='2' "
        "stroke-dasharray='%s'/><text x='%.1f' y='%.1f'>%s</text>",
        left, at - 4, kColours[i % kColours.size()],
        kDashes[i / kColours.size() % kDashes.size()], left + 28, at,
        EscapeHtml(plot.series[i].name));
  }
  return absl::StrCat(svg, "</svg>");
}

void StudyPage::AddText(absl::string_view text) {
  absl::StrAppend(&body_, "<p>", EscapeHtml(text), "</p>\n");
}

void StudyPage::AddPlot(const Plot& plot) {
  absl::StrAppend(&body_, "<h2>", EscapeHtml(plot.title), "</h2>\n",
                  DrawPlot(plot), "\n");
}

void StudyPage::AddTable(absl::string_view title,
                         const std::vector<std::vector<std::string>>& rows) {
  absl::StrAppend(&body_, "<h2>", EscapeHtml(title),
                  "</h2>\n<div class='scroll'><table>\n");
  for (size_t r = 0; r < rows.size(); ++r) {
    const char* tag = r == 0 ? "th" : "td";
    absl::StrAppend(&body_, "<tr>");
    for (const std::string& cell : rows[r]) {
      absl::StrAppend(&body_, "<", tag, ">", EscapeHtml(cell), "</", tag, ">");
    }
    absl::StrAppend(&body_, "</tr>\n");
  }
  absl::StrAppend(&body_, "</table></div>\n");
}

std::string StudyPage::Render() const {
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
      "<meta name='viewport' content='width=device-width'><title>",
      EscapeHtml(title_), "</title><style>", kStyle, "</style></head><body>\n",
      "<h1>", EscapeHtml(title_), "</h1>\n", body_, "</body></html>\n");
}

absl::Status StudyPage::Write(const std::string& path) const {
  std::ofstream file(path, std::ios::binary);
  file << Render();
  file.close();
  if (!file) {
    return absl::UnknownError(absl::StrCat(path, ": cannot be written"));
  }
  return absl::OkStatus();
}

}  // namespace allot
