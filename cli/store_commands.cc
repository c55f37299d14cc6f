// SPDX-License-Identifier: Apache-2.0
// Commands that work on a store itself, by its address, without a server: what
// they need (a whole past, a whole file) is not in the contract.
#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/table_file.h"
#include "cli/text_table.h"
#include "lib/base/clock.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine.h"
#include "lib/store/copy_pool.h"
#include "lib/store/event_json.h"
#include "lib/store/past_store.h"
#include "lib/store/sqlite_store.h"

namespace allot {
namespace {

struct StoreOptions {
  std::string store;
  std::string to;
  std::string file;
  std::string at;
  std::string pool_id;
  std::vector<std::string> pools;
};

absl::Status BackUp(const StoreOptions& options) {
  absl::string_view from = options.store, to = options.to;
  absl::ConsumePrefix(&from, "sqlite:");
  absl::ConsumePrefix(&to, "sqlite:");
  ALLOT_RETURN_IF_ERROR(BackUpSqlite(std::string(from), std::string(to)));
  // Whole and of this version: what cannot be opened is no backup.
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> copy,
                         OpenSqliteReadOnly(std::string(to)));
  ALLOT_ASSIGN_OR_RETURN(const std::vector<LogEnd> ends, copy->Ends());
  std::cout << "backed up "
            << FormatPlural(static_cast<int64_t>(ends.size()), "pool") << " to "
            << to << '\n';
  return absl::OkStatus();
}

absl::Status Export(const StoreOptions& options) {
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                         OpenForReading(options.store));
  std::ofstream file;
  if (options.file != "-") {
    file.open(options.file, std::ios::binary);
    if (!file) {
      return absl::UnknownError(
          absl::StrCat(options.file, ": cannot be written"));
    }
  }
  std::ostream& out = options.file == "-" ? std::cout : file;
  int64_t events = 0;
  ALLOT_RETURN_IF_ERROR(
      ReadPool(*store, options.pool_id, [&](int64_t, Event&& event) {
        absl::StatusOr<std::string> line = ToJsonLine(event);
        if (!line.ok()) return line.status();
        out << *line << '\n';
        ++events;
        return absl::OkStatus();
      }));
  if (!out.flush()) {
    return absl::UnknownError(
        absl::StrCat(options.file, ": cannot be written"));
  }
  std::cerr << "exported " << FormatPlural(events, "event") << '\n';
  return absl::OkStatus();
}

absl::Status Import(const StoreOptions& options) {
  ALLOT_ASSIGN_OR_RETURN(const auto file, TableFile::Open(options.file));
  if (file->format() != TableFormat::kJsonLines) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.file, ": want the JSON Lines of a pool export"));
  }
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                         OpenStore(options.store));
  PoolWriter writer(store.get(), options.pool_id);
  for (bool first = true;; first = false) {
    ALLOT_ASSIGN_OR_RETURN(const bool more, file->Next());
    if (!more) break;
    absl::StatusOr<Event> event = ParseJsonLine(options.pool_id, file->text());
    if (!event.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file->Where(), ": ", event.status().message()));
    }
    if (auto* upserted = std::get_if<PoolUpserted>(&event->body)) {
      upserted->pool.id = options.pool_id;
    } else if (first) {
      return absl::InvalidArgumentError(
          absl::StrCat(file->Where(), ": want the pool's configuration first"));
    }
    ALLOT_RETURN_IF_ERROR(writer.Add(*std::move(event)));
  }
  ALLOT_ASSIGN_OR_RETURN(const int64_t events, writer.Done());
  std::cout << "imported " << FormatPlural(events, "event") << " into pool "
            << options.pool_id << '\n';
  return absl::OkStatus();
}

absl::Status Copy(const StoreOptions& options) {
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> from,
                         OpenForReading(options.store));
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> to,
                         OpenStore(options.to));
  std::vector<std::string> pools = options.pools;
  if (pools.empty()) {
    ALLOT_ASSIGN_OR_RETURN(const std::vector<LogEnd> ends, from->Ends());
    for (const LogEnd& end : ends) pools.push_back(end.pool);
  }
  for (const std::string& pool : pools) {
    ALLOT_ASSIGN_OR_RETURN(const int64_t events, CopyPool(*from, *to, pool));
    std::cout << "copied pool " << pool << ": " << FormatPlural(events, "event")
              << '\n';
  }
  return absl::OkStatus();
}

absl::Status ShowSkills(const Invocation& invocation,
                        const StoreOptions& options) {
  absl::Time at = absl::Now();
  std::string error;
  if (!options.at.empty() &&
      !absl::ParseTime(absl::RFC3339_full, options.at, &at, &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--at: want a time like 2026-05-01T12:30:00Z, got \"",
                     options.at, "\""));
  }
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                         OpenForReading(options.store));
  PastStore past(store.get(), options.pool_id, absl::ToUnixMicros(at));
  const SystemClock clock;
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                         Engine::Open(&past, &clock, EngineOptions()));
  ALLOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Pool> pool,
                         engine->FindPool(options.pool_id));
  ALLOT_ASSIGN_OR_RETURN(
      const LabelerPage page,
      engine->ListLabelers(options.pool_id, 0,
                           std::numeric_limits<int32_t>::max()));
  if (invocation.json) {
    v1::ListLabelersResponse response;
    for (const LabelerInfo& info : page.labelers) {
      v1::Labeler& labeler = *response.add_labelers();
      labeler.set_labeler_id(info.labeler.id);
      labeler.set_answers(info.labeler.answers);
      for (size_t d = 0; d < info.labeler.skills.size(); ++d) {
        auto& skill = *labeler.add_skills();
        skill.set_skill(pool->skills[d].name);
        skill.set_mean(info.labeler.skills[d].mean);
        skill.set_variance(info.labeler.skills[d].variance);
      }
    }
    response.set_total_size(page.total);
    PrintJson(response);
    return absl::OkStatus();
  }
  std::vector<std::string> columns = {"LABELER", ">ANSWERS"};
  for (const Skill& skill : pool->skills) columns.push_back(">" + skill.name);
  TextTable table(columns);
  for (const LabelerInfo& info : page.labelers) {
    std::vector<std::string> row = {info.labeler.id,
                                    FormatCount(info.labeler.answers)};
    for (const SkillBelief& belief : info.labeler.skills) {
      row.push_back(absl::StrCat(FormatFixed(belief.mean, 2), " ±",
                                 FormatFixed(std::sqrt(belief.variance), 2)));
    }
    table.AddRow(std::move(row));
  }
  table.Print(std::cout);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenForReading(
    absl::string_view address) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "sqlite:")) {
    return OpenSqliteReadOnly(std::string(path));
  }
  return OpenStore(address);
}

absl::Status AsStoreError(const absl::Status& status) {
  return absl::IsUnavailable(status) ? absl::UnknownError(status.message())
                                     : status;
}

void AddStoreOption(CLI::App& command, std::string& address) {
  command
      .add_option("--store", address, "The store's address, as allotd takes it")
      ->required()
      ->type_name("ADDRESS");
}

void AddPoolFileCommands(CLI::App& pool, Invocation& invocation) {
  auto options = std::make_shared<StoreOptions>();
  const auto bind = [&](CLI::App* command, auto function) {
    AddPoolOption(*command, options->pool_id);
    AddStoreOption(*command, options->store);
    command->callback([&invocation, options, function] {
      invocation.run = [options, function] {
        return AsStoreError(function(*options));
      };
    });
  };
  CLI::App* out = pool.add_subcommand(
      "export", "Write a pool's whole past as JSON Lines, one event a line");
  out->add_option("file", options->file, "Where to; - is standard output")
      ->default_val("-")
      ->type_name("FILE");
  bind(out, &Export);
  CLI::App* in =
      pool.add_subcommand("import", "Make a pool of what export has written");
  in->add_option("file", options->file, "From export; may be gzipped")
      ->required()
      ->type_name("FILE");
  bind(in, &Import);
}

void AddStoreCommands(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<StoreOptions>();
  CLI::App* backup = app.add_subcommand(
      "backup", "Copy an SQLite store, also while allotd uses it");
  backup->add_option("from", options->store, "sqlite:PATH or PATH")
      ->required()
      ->type_name("STORE");
  backup->add_option("to", options->to, "A new file")
      ->required()
      ->type_name("FILE");
  backup->callback([&invocation, options] {
    invocation.run = [options] { return AsStoreError(BackUp(*options)); };
  });

  CLI::App* store = app.add_subcommand("store", "Stores and their contents");
  store->require_subcommand(1);
  CLI::App* copy = store->add_subcommand(
      "copy", "Copy pools from one store to another, of whatever kind");
  copy->add_option("from", options->store, "Address of a store")
      ->required()
      ->type_name("ADDRESS");
  copy->add_option("to", options->to, "Address of another")
      ->required()
      ->type_name("ADDRESS");
  copy->add_option("-p,--pool", options->pools, "These pools only")
      ->type_name("ID");
  copy->callback([&invocation, options] {
    invocation.run = [options] { return AsStoreError(Copy(*options)); };
  });

  CLI::App* skills = app.add_subcommand(
      "skills", "What was believed of the labelers at a moment of the past");
  AddPoolOption(*skills, options->pool_id);
  AddStoreOption(*skills, options->store);
  skills
      ->add_option("--at", options->at,
                   "The moment: 2026-05-01T12:30:00Z. Default: now")
      ->type_name("TIME");
  skills->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      return AsStoreError(ShowSkills(invocation, *options));
    };
  });
}

}  // namespace allot
