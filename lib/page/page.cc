// SPDX-License-Identifier: Apache-2.0
#include "lib/page/page.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "absl/strings/str_replace.h"
#include "lib/page/page_files.h"

namespace allot {
namespace {

using Json = nlohmann::ordered_json;

// JSON knows neither infinity nor NaN.
Json Numbers(std::span<const double> values) {
  Json list = Json::array();
  for (const double v : values) {
    list.push_back(std::isfinite(v) ? Json(v) : Json(nullptr));
  }
  return list;
}

const char* NameOf(AxisScale scale) {
  switch (scale) {
    case AxisScale::kLogarithmic:
      return "logarithmic";
    case AxisScale::kTail:
      return "tail";
    case AxisScale::kLinear:
      break;
  }
  return "linear";
}

Json ToJson(const Axis& axis) {
  Json json = {{"title", axis.title}, {"scale", NameOf(axis.scale)}};
  if (axis.least) json["least"] = *axis.least;
  if (axis.most) json["most"] = *axis.most;
  return json;
}

Json ToJson(const Paragraph& paragraph) {
  return {{"kind", "text"},
          {"heading", paragraph.heading},
          {"note", paragraph.text}};
}

Json ToJson(const LineChart& chart) {
  Json all = Json::array();
  for (const Series& series : chart.series) {
    Json one = {{"name", series.name},     {"x", Numbers(series.x)},
                {"y", Numbers(series.y)},  {"line", series.line},
                {"points", series.points}, {"reference", series.reference}};
    if (!series.low.empty()) {
      one["low"] = Numbers(series.low);
      one["high"] = Numbers(series.high);
    }
    all.push_back(std::move(one));
  }
  return {{"kind", "lines"},      {"heading", chart.heading},
          {"note", chart.note},   {"x", ToJson(chart.x)},
          {"y", ToJson(chart.y)}, {"series", std::move(all)}};
}

Json ToJson(const BarChart& chart) {
  Json all = Json::array();
  for (const Bars& bars : chart.bars) {
    Json one = {{"name", bars.name}, {"value", Numbers(bars.value)}};
    if (!bars.from.empty()) one["from"] = Numbers(bars.from);
    all.push_back(std::move(one));
  }
  return {{"kind", "bars"},
          {"heading", chart.heading},
          {"note", chart.note},
          {"title", chart.category_title},
          {"value", ToJson(chart.value)},
          {"category", chart.category},
          {"bars", std::move(all)},
          {"horizontal", chart.horizontal}};
}

Json ToJson(const Table& table) {
  Json rows = Json::array();
  for (const std::vector<Cell>& row : table.row) {
    Json cells = Json::array();
    for (const Cell& cell : row) {
      cells.push_back(cell.shade > 0 ? Json{cell.text, cell.shade}
                                     : Json{cell.text});
    }
    rows.push_back(std::move(cells));
  }
  return {{"kind", "table"},
          {"heading", table.heading},
          {"note", table.note},
          {"column", table.column},
          {"row", std::move(rows)}};
}

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

}  // namespace

Series Diagonal(std::string name, const std::vector<Series>& series) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Series& one : series) {
    for (const std::vector<double>* values : {&one.x, &one.y}) {
      for (const double v : *values) {
        if (!std::isfinite(v)) continue;
        low = std::min(low, v);
        high = std::max(high, v);
      }
    }
  }
  if (low > high) low = 0, high = 1;
  return {.name = std::move(name),
          .x = {low, high},
          .y = {low, high},
          .points = false,
          .reference = true};
}

std::string ToHtml(const Page& page) {
  Json elements = Json::array();
  for (const Element& element : page.element) {
    elements.push_back(
        std::visit([](const auto& one) { return ToJson(one); }, element));
  }
  const std::string data =
      Json{{"title", page.title},
           {"summary", page.summary},
           {"elements", std::move(elements)}}
          .dump(-1, ' ', false, Json::error_handler_t::replace);
  // Inside a script element "<" could only begin what ends it.
  return absl::StrReplaceAll(
      kPageTemplate,
      {{"{{title}}", Escaped(page.title)},
       {"{{data}}", absl::StrReplaceAll(data, {{"<", "\\u003c"}})},
       {"{{library}}", kChartLibrary}});
}

}  // namespace allot
