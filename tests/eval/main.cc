// SPDX-License-Identifier: Apache-2.0
// allot_eval: how well allot does on folders of real answers. See
// docs/evaluation.md; tests/eval/run starts a server and calls it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/aggregate.h"
#include "cli/client.h"
#include "cli/data_folder.h"
#include "cli/text_table.h"
#include "tests/eval/loop.h"
#include "tests/eval/offline.h"
#include "tests/eval/online.h"
#include "tests/eval/online_report.h"
#include "tests/eval/result_tables.h"

namespace allot {
namespace {

struct Arguments {
  ClientOptions client;
  std::vector<std::string> folders;
  OfflineOptions offline;
  bool json = false;
  bool online = true;
  double seconds = 1e9;
};

std::string NameOf(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder.substr(folder.rfind('/') + 1);
}

using Metrics = std::vector<std::pair<std::string, double>>;

class Evaluation {
 public:
  explicit Evaluation(const Arguments& arguments)
      : arguments_(arguments), client_(arguments.client) {}

  int Run() {
    for (const std::string& folder : arguments_.folders) {
      if (Elapsed() > arguments_.seconds) {
        Skip(NameOf(folder), "no time left");
        continue;
      }
      Evaluate(folder);
    }
    if (!arguments_.json) PrintTables();
    return failed_ ? 1 : 0;
  }

 private:
  double Elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start_)
        .count();
  }

  void Skip(const std::string& set, const std::string& reason) {
    skipped_.push_back({set, reason});
    if (arguments_.json) {
      std::cout << nlohmann::json{{"set", set}, {"skipped", reason}} << '\n';
    }
  }

  void Record(const std::string& set, const std::string& method,
              const Metrics& metrics) {
    for (const auto& [metric, value] : metrics) {
      if (arguments_.json) {
        std::cout << nlohmann::ordered_json{{"set", set},
                                            {"method", method},
                                            {"metric", metric},
                                            {"value", value}}
                  << '\n';
      }
      measured_.Add(set, method, metric, value);
    }
    std::cout.flush();
  }

  void Evaluate(const std::string& folder) {
    const std::string set = NameOf(folder);
    const auto data = ReadDataFolder(folder);
    if (!data.ok()) {
      failed_ = true;
      Skip(set, absl::StrCat("cannot be read: ", data.status().message()));
      return;
    }
    if (isatty(STDERR_FILENO) != 0) std::cerr << set << "..." << std::flush;
    Offline(set, *data, ReadTraits(folder, *data));
    if (arguments_.online && data->kind == AnswerKind::kCategorical &&
        data->classes.size() >= 2 && !data->truth.empty()) {
      Online(set, *data);
    }
    if (isatty(STDERR_FILENO) != 0) std::cerr << "\r\033[K" << std::flush;
  }

  void Offline(const std::string& set, const DataFolder& data,
               const FolderTraits& traits) {
    Findings findings;
    const absl::Status status =
        EvaluateOffline(data, traits, arguments_.offline, findings);
    for (const Measurement& m : findings.measurements) {
      Record(set, m.method, {{m.metric, m.value}});
    }
    for (const std::string& note : findings.notes) Skip(set, note);
    if (!status.ok()) {
      failed_ = true;
      Skip(set, absl::StrCat("failed: ", status.message()));
    }
  }

  void Online(const std::string& set, const DataFolder& data) {
    OnlineOptions gold;
    gold.gold_share = OnlineReport::kGoldShare;
    const std::string pool = absl::StrCat("eval-", set);
    const auto without = EvaluateOnline(client_, pool, data, {});
    const auto with_gold =
        without.ok()
            ? EvaluateOnline(client_, absl::StrCat(pool, "-gold"), data, gold)
            : without;
    if (!with_gold.ok()) {
      // A set without tasks to judge is no failure of the server.
      if (with_gold.status().code() != absl::StatusCode::kInvalidArgument) {
        failed_ = true;
      }
      Skip(set, absl::StrCat("online: ", with_gold.status().message()));
      return;
    }
    for (const auto& [method, metric, value] :
         online_.Add(set, *without, *with_gold)) {
      Record(set, method, {{metric, value}});
    }
  }

  void PrintTables() {
    online_.Print(std::cout);
    measured_.Print(std::cout);
    for (const auto& [set, reason] : skipped_) {
      std::cout << "not evaluated: " << set << ": " << reason << '\n';
    }
  }

  const Arguments& arguments_;
  Client client_;
  const std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
  bool failed_ = false;
  std::vector<std::pair<std::string, std::string>> skipped_;
  OnlineReport online_;
  ResultTables measured_;
};

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("How well does allot do on folders of real answers?",
               "allot_eval");
  app.add_option("folders", arguments.folders,
                 "Folders with answers.csv and truth.csv")
      ->required();
  app.add_option("--server", arguments.client.server, "Where allotd listens")
      ->envname("ALLOT_SERVER");
  app.add_option("--methods", arguments.offline.methods,
                 "Offline methods for classes")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--json", arguments.json, "One JSON object a line");
  app.add_flag("!--offline-only", arguments.online, "Do without a server");
  app.add_option("--gold-seeds", arguments.offline.gold_seeds,
                 "Draws of 5% gold; 0 leaves the protocol out")
      ->capture_default_str();
  app.add_option("--replay-seeds", arguments.offline.replay_seeds,
                 "Orders of the answers; 0 leaves the protocol out")
      ->capture_default_str();
  app.add_option("--seconds", arguments.seconds,
                 "Begin no further set after so long");
  CLI11_PARSE(app, argc, argv);
  OfflineOptions& offline = arguments.offline;
  offline.threads =
      static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  if (offline.methods.empty()) {
    for (const absl::string_view method : AggregationMethods()) {
      offline.methods.emplace_back(method);
    }
  }
  return Evaluation(arguments).Run();
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "loop") {
    return allot::LoopMain(argc - 1, argv + 1);
  }
  return allot::Main(argc, argv);
}
