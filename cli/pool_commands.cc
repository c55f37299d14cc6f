// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/message_file.h"
#include "cli/table_file.h"
#include "cli/text_table.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

struct PoolOptions {
  std::string file;
  std::string pool_id;
  std::vector<std::string> skills;
  std::vector<std::string> labels;
  std::vector<std::string> labels_from;
};

// Adds the distinct labels of a file's answer and truth columns.
absl::Status CollectLabels(const std::string& path,
                           std::set<std::string>& labels) {
  ALLOT_ASSIGN_OR_RETURN(const auto file, TableFile::Open(path));
  std::vector<size_t> sources;
  for (size_t i = 0; i < file->columns().size(); ++i) {
    const std::string& name = file->columns()[i];
    if (name == "answer" || name == "label" || name == "truth") {
      sources.push_back(i);
    }
  }
  if (sources.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ":1: want a column \"answer\" or \"truth\" to take labels from"));
  }
  while (true) {
    ALLOT_ASSIGN_OR_RETURN(const bool more, file->Next());
    if (!more) return absl::OkStatus();
    for (const size_t source : sources) {
      if (!file->cells()[source].empty()) labels.insert(file->cells()[source]);
    }
    if (labels.size() > 1000) {
      return absl::InvalidArgumentError(absl::StrCat(
          file->Where(), ": more than 1000 different labels: are these ",
          "numbers? A label set has 2 to 1000 labels"));
    }
  }
}

// Numbers in their own order, before names in alphabetical order.
std::vector<std::string> Ordered(const std::set<std::string>& labels) {
  std::vector<std::string> ordered(labels.begin(), labels.end());
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const std::string& a, const std::string& b) {
                     double x = 0, y = 0;
                     const bool a_is_number = absl::SimpleAtod(a, &x);
                     const bool b_is_number = absl::SimpleAtod(b, &y);
                     if (a_is_number && b_is_number) return x < y;
                     return a_is_number && !b_is_number;
                   });
  return ordered;
}

absl::StatusOr<v1::Pool> PoolFrom(const PoolOptions& options) {
  v1::Pool pool;
  if (!options.file.empty()) {
    ALLOT_RETURN_IF_ERROR(ReadJsonFile(options.file, pool));
  }
  if (!options.pool_id.empty()) pool.set_pool_id(options.pool_id);
  if (pool.pool_id().empty()) {
    return absl::InvalidArgumentError(
        "want a FILE.json with a pool_id, or --id");
  }
  for (const std::string& skill : options.skills) {
    pool.add_skills()->set_name(skill);
  }
  if (pool.skills().empty()) pool.add_skills()->set_name("general");
  std::vector<std::string> labels = options.labels;
  if (!options.labels_from.empty()) {
    std::set<std::string> found;
    for (const std::string& path : options.labels_from) {
      ALLOT_RETURN_IF_ERROR(CollectLabels(path, found));
    }
    labels = Ordered(found);
  }
  if (!labels.empty()) {
    v1::LabelSet& set = *pool.add_label_sets();
    set.set_name("labels");
    for (const std::string& label : labels) set.add_labels(label);
  }
  return pool;
}

std::string SkillNames(const v1::Pool& pool) {
  std::vector<std::string> names;
  for (const auto& skill : pool.skills()) names.push_back(skill.name());
  return absl::StrJoin(names, ", ");
}

// "cat, dog, bird, +7 more".
std::string LabelNames(const v1::LabelSet& set) {
  constexpr int kShown = 12;
  std::vector<std::string> names;
  for (const auto& label : set.labels()) names.push_back(label);
  const int more = static_cast<int>(names.size()) - kShown;
  if (more <= 0) return absl::StrJoin(names, ", ");
  names.resize(kShown);
  return absl::StrCat(absl::StrJoin(names, ", "), ", +", more, " more");
}

absl::Status UpsertPool(const Invocation& invocation,
                        const PoolOptions& options) {
  v1::UpsertPoolRequest request;
  ALLOT_ASSIGN_OR_RETURN(*request.mutable_pool(), PoolFrom(options));
  Client client(invocation.client);
  ALLOT_ASSIGN_OR_RETURN(
      const auto response,
      client.Call(client.pools(), &v1::PoolService::Stub::UpsertPool, request));
  if (invocation.json) {
    PrintJson(response);
    return absl::OkStatus();
  }
  std::cout << (response.created() ? "created" : "replaced") << " pool "
            << response.pool().pool_id() << " ("
            << FormatPlural(response.pool().skills_size(), "skill") << ": "
            << SkillNames(response.pool());
  for (const auto& set : response.pool().label_sets()) {
    std::cout << "; " << FormatPlural(set.labels_size(), "label") << ": "
              << LabelNames(set);
  }
  std::cout << ")\n";
  return absl::OkStatus();
}

absl::Status GetPool(const Invocation& invocation, const std::string& pool_id) {
  Client client(invocation.client);
  v1::GetPoolRequest request;
  request.set_pool_id(pool_id);
  ALLOT_ASSIGN_OR_RETURN(
      const auto response,
      client.Call(client.pools(), &v1::PoolService::Stub::GetPool, request));
  if (invocation.json) {
    PrintJson(response);
    return absl::OkStatus();
  }
  const v1::Pool& pool = response.pool();
  const v1::PoolStats& stats = response.stats();
  TextTable facts({"POOL", pool.pool_id()});
  facts.AddRow({"labelers", FormatCount(stats.labelers())});
  facts.AddRow({"tasks", FormatCount(stats.tasks())});
  facts.AddRow({"answers", FormatCount(stats.answers())});
  facts.AddRow({"open leases", FormatCount(stats.open_leases())});
  facts.AddRow({"roster version", FormatCount(stats.roster_version())});
  for (const auto& set : pool.label_sets()) {
    facts.AddRow({"label set " + set.name(), LabelNames(set)});
  }
  for (const auto& policy : pool.policies()) {
    facts.AddRow({"policy " + policy.name(), policy.ShortDebugString()});
  }
  facts.Print(std::cout);
  std::cout << '\n';
  TextTable skills({"SKILL", ">NEWCOMER MEAN", ">DEVIATION"});
  for (const auto& prior : stats.newcomer_prior()) {
    skills.AddRow({prior.skill(), FormatFixed(prior.mean(), 2),
                   FormatFixed(std::sqrt(prior.variance()), 2)});
  }
  skills.Print(std::cout);
  return absl::OkStatus();
}

absl::Status ListPools(const Invocation& invocation) {
  Client client(invocation.client);
  v1::ListPoolsRequest request;
  request.set_page_size(1000);
  v1::ListPoolsResponse all;
  do {
    ALLOT_ASSIGN_OR_RETURN(
        const auto page,
        client.Call(client.pools(), &v1::PoolService::Stub::ListPools,
                    request));
    all.mutable_pools()->MergeFrom(page.pools());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (invocation.json) {
    PrintJson(all);
    return absl::OkStatus();
  }
  if (all.pools().empty()) {
    std::cout << "no pools yet; make one: allot pool upsert --id demo --skills "
                 "general --labels yes,no\n";
    return absl::OkStatus();
  }
  TextTable table({"POOL", "SKILLS", "LABELS"});
  for (const auto& pool : all.pools()) {
    table.AddRow(
        {pool.pool_id(), SkillNames(pool),
         pool.label_sets().empty() ? "" : LabelNames(pool.label_sets(0))});
  }
  table.Print(std::cout);
  return absl::OkStatus();
}

}  // namespace

void AddPoolCommands(CLI::App& app, Invocation& invocation) {
  CLI::App* pool = app.add_subcommand(
      "pool", "Namespaces with their own skills, labels and labelers");
  pool->require_subcommand(1);

  auto options = std::make_shared<PoolOptions>();
  CLI::App* upsert = pool->add_subcommand(
      "upsert", "Create a pool, or replace its configuration");
  upsert
      ->add_option("file", options->file,
                   "Pool as JSON, all fields of allot.v1.Pool")
      ->type_name("FILE.json");
  upsert->add_option("--id", options->pool_id, "Its id")->type_name("ID");
  upsert->add_option("--skills", options->skills, "Its skills: cats,dogs")
      ->delimiter(',')
      ->type_name("NAMES");
  upsert->add_option("--labels", options->labels, "Its label set: cat,dog")
      ->delimiter(',')
      ->type_name("NAMES");
  upsert
      ->add_option("--labels-from", options->labels_from,
                   "Take the label set from the answer and truth columns of "
                   "these CSV files")
      ->excludes("--labels")
      ->type_name("FILE");
  upsert->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      return UpsertPool(invocation, *options);
    };
  });

  CLI::App* get = pool->add_subcommand("get", "Show a pool and what it holds");
  get->add_option("id", options->pool_id, "Its id")
      ->required()
      ->type_name("ID");
  get->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      return GetPool(invocation, options->pool_id);
    };
  });

  CLI::App* list = pool->add_subcommand("list", "List all pools");
  list->callback([&invocation] {
    invocation.run = [&invocation] { return ListPools(invocation); };
  });
  AddPoolFileCommands(*pool, invocation);
}

}  // namespace allot
