// SPDX-License-Identifier: Apache-2.0
#include "tests/eval/online_report.h"

#include "absl/strings/str_cat.h"
#include "cli/text_table.h"
#include "lib/truth/wilson.h"

namespace allot {
namespace {

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0
                    : static_cast<double>(part) / static_cast<double>(whole);
}

void AppendFigures(const std::string& protocol, const OnlineResult& result,
                   std::vector<OnlineReport::Figure>& figures) {
  for (const auto& [name, of] : {std::pair{"majority", &result.majority},
                                 std::pair{"served", &result.served},
                                 std::pair{"planned", &result.planned}}) {
    const std::string method = absl::StrCat(protocol, "/", name);
    const auto add = [&](const char* metric, double value) {
      figures.push_back({method, metric, value});
    };
    add("accuracy", of->rules.accuracy);
    add("ece", of->rules.ece);
    add("ece_floor", of->ece_floor);
    add("brier", of->rules.brier);
    add("log_loss", of->rules.log_loss);
    add("answers_per_task", of->answers_per_task);
  }
  const std::string planned = absl::StrCat(protocol, "/planned");
  const ShareInterval interval =
      WilsonInterval(static_cast<double>(result.accepted_right),
                     static_cast<double>(result.accepted));
  figures.push_back({planned, "cost_per_task", result.cost_per_task});
  figures.push_back({planned, "bits_per_answer", result.bits_per_answer});
  figures.push_back(
      {planned, "accepted_share", Share(result.accepted, result.judged_tasks)});
  figures.push_back({planned, "accepted_accuracy",
                     Share(result.accepted_right, result.accepted)});
  figures.push_back({planned, "accepted_accuracy_low", interval.low});
  figures.push_back({planned, "accepted_accuracy_high", interval.high});
}

// The columns of the table, in order.
std::vector<double> Values(const OnlineResult& r) {
  return {static_cast<double>(r.judged_tasks),
          static_cast<double>(r.gold_tasks),
          r.majority.rules.accuracy,
          r.served.rules.accuracy,
          r.planned.rules.accuracy,
          r.majority.rules.ece,
          r.served.rules.ece,
          r.served.ece_floor,
          r.planned.rules.ece,
          r.majority.rules.brier,
          r.served.rules.brier,
          r.planned.rules.brier,
          r.served.rules.log_loss,
          r.planned.rules.log_loss,
          r.majority.answers_per_task,
          r.planned.answers_per_task,
          Share(r.accepted, r.judged_tasks)};
}

std::vector<std::string> Cells(const std::string& name,
                               const std::vector<double>& values, int64_t right,
                               int64_t accepted) {
  std::vector<std::string> row = {name};
  for (size_t i = 0; i < values.size(); ++i) {
    const int digits = i < 2 ? 0 : i == 14 || i == 15 ? 1 : 3;
    row.push_back(FormatFixed(values[i], digits));
  }
  const ShareInterval interval =
      WilsonInterval(static_cast<double>(right), static_cast<double>(accepted));
  row.push_back(accepted == 0 ? "-" : FormatFixed(Share(right, accepted), 3));
  row.push_back(absl::StrCat(FormatFixed(interval.low, 3), "-",
                             FormatFixed(interval.high, 3)));
  return row;
}

}  // namespace

std::vector<OnlineReport::Figure> OnlineReport::Add(
    const std::string& set, const OnlineResult& without,
    const OnlineResult& with_gold) {
  rows_.push_back({set, without, with_gold});
  std::vector<Figure> figures;
  AppendFigures("online", without, figures);
  AppendFigures("online-gold", with_gold, figures);
  return figures;
}

void OnlineReport::Print(std::ostream& out) const {
  if (rows_.empty()) return;
  out << "Through the API: learned from half of the tasks, judged on the "
         "others (maj = majority vote\nover all answers, all = Score over all "
         "answers, plan = Allocate and Score until decided;\nfloor = the ECE "
         "of `all` if it were perfectly calibrated; RIGHT = of those accepted "
         "at 0.95)\n\n";
  PrintProtocol(false, out);
  out << "The same, with the truth of 5% of the tasks told (GOLD; none of "
         "them judged)\n\n";
  PrintProtocol(true, out);
}

void OnlineReport::PrintProtocol(bool gold, std::ostream& out) const {
  TextTable table({"SET",    ">TASKS",    ">GOLD",      ">ACC maj",
                   ">all",   ">plan",     ">ECE maj",   ">all",
                   ">floor", ">plan",     ">BRIER maj", ">all",
                   ">plan",  ">LOG all",  ">plan",      ">COST maj",
                   ">plan",  ">ACCEPTED", ">RIGHT",     ">95% INTERVAL"});
  std::vector<double> mean;
  int64_t accepted = 0;
  int64_t right = 0;
  for (const Row& row : rows_) {
    const OnlineResult& result = gold ? row.with_gold : row.without;
    const std::vector<double> values = Values(result);
    mean.resize(values.size(), 0.0);
    for (size_t i = 0; i < values.size(); ++i) {
      mean[i] += values[i] / static_cast<double>(rows_.size());
    }
    accepted += result.accepted;
    right += result.accepted_right;
    table.AddRow(
        Cells(row.set, values, result.accepted_right, result.accepted));
  }
  // Means over sets, but for RIGHT: all accepted tasks together.
  table.AddRow(Cells("mean", mean, right, accepted));
  table.Print(out);
  out << '\n';
}

}  // namespace allot
