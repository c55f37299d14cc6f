// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/util/time_util.h>

#include <cmath>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/message_file.h"
#include "cli/progress_bar.h"
#include "cli/text_table.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

// Labelers of one call: far below the contract's 10,000, so that the bar moves.
constexpr int kChunk = 2000;

struct LabelerOptions {
  std::string pool_id;
  std::string file;
  std::vector<std::string> labeler_ids;
  int limit = 0;
};

double Seconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(
             google::protobuf::util::TimeUtil::DurationToNanoseconds(
                 duration)) *
         1e-9;
}

// "1.42 ±0.31" for each skill.
std::vector<std::string> SkillCells(const v1::Labeler& labeler) {
  std::vector<std::string> cells;
  for (const auto& skill : labeler.skills()) {
    cells.push_back(absl::StrCat(FormatFixed(skill.mean(), 2), " ±",
                                 FormatFixed(std::sqrt(skill.variance()), 2)));
  }
  return cells;
}

std::string PriceCell(const v1::Price& price) {
  if (price.per_hour() == 0) return FormatFixed(price.per_answer(), 4);
  const std::string hourly = FormatFixed(price.per_hour(), 2) + "/h";
  return price.per_answer() == 0
             ? hourly
             : absl::StrCat(FormatFixed(price.per_answer(), 4), " + ", hourly);
}

absl::Status ImportLabelers(const Invocation& invocation,
                            const LabelerOptions& options) {
  Client client(invocation.client);
  ALLOT_ASSIGN_OR_RETURN(const v1::Pool pool,
                         FetchPool(client, options.pool_id));
  ALLOT_ASSIGN_OR_RETURN(
      const auto file,
      MessageFile<v1::Labeler>::Open(options.file, LabelerSchema(pool)));
  WarnAboutIgnoredColumns(options.file, file->ignored_columns());
  ProgressBar bar("labelers");
  v1::UpsertLabelersResponse total;
  int64_t count = 0;
  for (bool more = true; more;) {
    v1::UpsertLabelersRequest request;
    request.set_pool_id(options.pool_id);
    std::vector<int64_t> lines;
    while (more && request.labelers_size() < kChunk) {
      v1::Labeler labeler;
      ALLOT_ASSIGN_OR_RETURN(more, file->Next(labeler));
      if (!more) break;
      *request.add_labelers() = std::move(labeler);
      lines.push_back(file->line());
    }
    if (request.labelers().empty()) break;
    const auto response = client.Call(
        client.labelers(), &v1::LabelerService::Stub::UpsertLabelers, request);
    if (!response.ok()) {
      bar.Clear();
      return AtItsLine(response.status(), "labelers[", options.file, lines);
    }
    count += request.labelers_size();
    total.set_created(total.created() + response->created());
    total.set_updated(total.updated() + response->updated());
    total.set_roster_version(response->roster_version());
    bar.Update(count, file->fraction());
  }
  bar.Clear();
  if (count == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.file, ": no labelers in it"));
  }
  if (invocation.json) {
    PrintJson(total);
  } else {
    std::cout << "imported " << FormatPlural(count, "labeler") << " ("
              << FormatCount(total.created()) << " new, "
              << FormatCount(total.updated()) << " changed) in "
              << FormatSeconds(bar.seconds()) << '\n';
  }
  return absl::OkStatus();
}

absl::Status ListLabelers(const Invocation& invocation,
                          const LabelerOptions& options) {
  Client client(invocation.client);
  v1::ListLabelersRequest request;
  request.set_pool_id(options.pool_id);
  v1::ListLabelersResponse all;
  do {
    const int left = options.limit - all.labelers_size();
    request.set_page_size(options.limit > 0 && left < 1000 ? left : 1000);
    ALLOT_ASSIGN_OR_RETURN(
        auto page,
        client.Call(client.labelers(), &v1::LabelerService::Stub::ListLabelers,
                    request));
    all.set_total_size(page.total_size());
    all.mutable_labelers()->MergeFrom(page.labelers());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() &&
           (options.limit == 0 || all.labelers_size() < options.limit));
  all.set_next_page_token(request.page_token());
  if (invocation.json) {
    PrintJson(all);
    return absl::OkStatus();
  }
  if (all.labelers().empty()) {
    std::cout << "no labelers yet; add some: allot labelers import -p "
              << options.pool_id << " labelers.csv\n";
    return absl::OkStatus();
  }
  std::vector<std::string> columns = {"LABELER",   ">ANSWERS", ">OPEN",
                                      ">CAPACITY", ">PRICE",   ">MEDIAN TIME"};
  for (const auto& skill : all.labelers(0).skills()) {
    columns.push_back(absl::StrCat(">", skill.skill()));
  }
  TextTable table(columns);
  for (const auto& labeler : all.labelers()) {
    std::vector<std::string> row = {
        labeler.labeler_id(),
        FormatCount(labeler.answers()),
        FormatCount(labeler.open_leases()),
        FormatCount(labeler.capacity()),
        PriceCell(labeler.price()),
        FormatSeconds(Seconds(labeler.handling_time().median()))};
    for (std::string& cell : SkillCells(labeler))
      row.push_back(std::move(cell));
    row.resize(columns.size());
    table.AddRow(std::move(row));
  }
  table.Print(std::cout);
  if (all.labelers_size() < all.total_size()) {
    std::cout << FormatCount(all.labelers_size()) << " of "
              << FormatPlural(all.total_size(), "labeler") << '\n';
  }
  return absl::OkStatus();
}

absl::Status GetLabeler(const Invocation& invocation,
                        const LabelerOptions& options) {
  Client client(invocation.client);
  v1::GetLabelerRequest request;
  request.set_pool_id(options.pool_id);
  request.set_labeler_id(options.labeler_ids.at(0));
  ALLOT_ASSIGN_OR_RETURN(
      const auto response,
      client.Call(client.labelers(), &v1::LabelerService::Stub::GetLabeler,
                  request));
  if (invocation.json) {
    PrintJson(response);
    return absl::OkStatus();
  }
  const v1::Labeler& labeler = response.labeler();
  TextTable facts({"LABELER", labeler.labeler_id()});
  facts.AddRow({"answers", FormatCount(labeler.answers())});
  if (labeler.has_last_answer_at()) {
    facts.AddRow({"last answer", google::protobuf::util::TimeUtil::ToString(
                                     labeler.last_answer_at())});
  }
  facts.AddRow({"open leases", absl::StrCat(labeler.open_leases(), " of ",
                                            labeler.capacity())});
  facts.AddRow({"price", PriceCell(labeler.price())});
  facts.AddRow(
      {"qualifications", absl::StrJoin(labeler.qualifications(), ", ")});
  if (!labeler.correlation_group().empty()) {
    facts.AddRow({"correlation group", labeler.correlation_group()});
  }
  facts.AddRow(
      {"handling time",
       absl::StrCat("median ",
                    FormatSeconds(Seconds(labeler.handling_time().median())),
                    ", 95% below ",
                    FormatSeconds(Seconds(labeler.handling_time().p95())))});
  facts.Print(std::cout);
  std::cout << '\n';
  TextTable skills({"SKILL", ">MEAN", ">DEVIATION", ">90% FROM", ">TO"});
  for (const auto& skill : labeler.skills()) {
    constexpr double kNinety = 1.6449;  // normal quantile of 0.95
    const double deviation = std::sqrt(skill.variance());
    skills.AddRow({skill.skill(), FormatFixed(skill.mean(), 2),
                   FormatFixed(deviation, 2),
                   FormatFixed(skill.mean() - kNinety * deviation, 2),
                   FormatFixed(skill.mean() + kNinety * deviation, 2)});
  }
  skills.Print(std::cout);
  return absl::OkStatus();
}

absl::Status DeleteLabelers(const Invocation& invocation,
                            const LabelerOptions& options) {
  Client client(invocation.client);
  v1::DeleteLabelersRequest request;
  request.set_pool_id(options.pool_id);
  for (const auto& id : options.labeler_ids) request.add_labeler_ids(id);
  ALLOT_ASSIGN_OR_RETURN(
      const auto response,
      client.Call(client.labelers(), &v1::LabelerService::Stub::DeleteLabelers,
                  request));
  if (invocation.json) {
    PrintJson(response);
  } else {
    std::cout << "deleted " << FormatPlural(response.deleted(), "labeler")
              << "; their answers stay\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddLabelerCommands(CLI::App& app, Invocation& invocation) {
  CLI::App* labelers =
      app.add_subcommand("labelers", "People and models that label");
  labelers->require_subcommand(1);
  auto options = std::make_shared<LabelerOptions>();
  const auto bind = [&invocation, options](CLI::App* command, auto function) {
    AddPoolOption(*command, options->pool_id);
    command->callback([&invocation, options, function] {
      invocation.run = [&invocation, options, function] {
        return function(invocation, *options);
      };
    });
  };

  CLI::App* import = labelers->add_subcommand(
      "import", "Add or change labelers from a CSV or JSON Lines file");
  import->add_option("file", options->file, "The file")
      ->required()
      ->type_name("FILE");
  import->footer(absl::StrCat(
      "\nCSV columns (a field that is not given keeps its value):\n",
      DescribeSchema(LabelerSchema(v1::Pool())),
      "JSON Lines: one allot.v1.Labeler a line.\n"));
  bind(import, &ImportLabelers);

  CLI::App* list = labelers->add_subcommand("list", "List labelers");
  list->add_option("--limit", options->limit, "At most this many; 0 = all")
      ->check(CLI::Range(0, 100000000));
  bind(list, &ListLabelers);

  CLI::App* get = labelers->add_subcommand(
      "get", "Show one labeler with intervals for her skills");
  get->add_option("id", options->labeler_ids, "Her id")
      ->required()
      ->expected(1)
      ->type_name("ID");
  bind(get, &GetLabeler);

  CLI::App* remove = labelers->add_subcommand("delete", "Remove labelers");
  remove->add_option("ids", options->labeler_ids, "Their ids")
      ->required()
      ->type_name("ID");
  bind(remove, &DeleteLabelers);
}

}  // namespace allot
