// SPDX-License-Identifier: Apache-2.0
// allot_torture: real allotd processes, a crowd of clients, faults, and a judge
// who sees only what the clients saw.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "tests/torture/checker.h"
#include "tests/torture/cluster.h"
#include "tests/torture/crowd.h"
#include "tests/torture/faults.h"

namespace allot::torture {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  ClusterOptions cluster;
  CrowdOptions crowd;
  double seconds = 0;
  bool kill = false;
  bool kill_replicas = false;
  bool drain = false;
  int kills = 0;
  bool json = false;
  std::string history;
  std::string check;
};

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share *
                                    static_cast<double>(values.size() - 1))];
}
double Most(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

// Kills under load, and looks after each whether all is there.
absl::Status KillAndLook(const Options& options, Crowd& crowd, Rng& rng,
                         Faults& faults, Verdict& verdict) {
  for (int i = 0; i < options.kills; ++i) {
    absl::SleepFor(absl::Milliseconds(100 + rng.Below(300)));
    const int replica = faults.AnyReplica();
    ALLOT_RETURN_IF_ERROR(faults.Kill(replica));
    crowd.Hold();
    ALLOT_ASSIGN_OR_RETURN(const std::vector<Kept> kept,
                           crowd.ReadAnswers(static_cast<size_t>(replica)));
    verdict.Add(CheckKept(crowd.Calls(), kept));
    crowd.Resume();
  }
  return absl::OkStatus();
}

// Every lease returns by itself: those whose holders never come back, too.
absl::Status Drain(const Cluster& cluster, const Crowd& crowd,
                   Verdict& verdict) {
  // Twice the longest lease: one that starts may let it begin anew.
  const absl::Time end = absl::Now() + absl::Seconds(60);
  for (int replica = 0; replica < cluster.replicas(); ++replica) {
    while (true) {
      ALLOT_ASSIGN_OR_RETURN(
          const int64_t open,
          crowd.CountOpenLeases(static_cast<size_t>(replica)));
      if (open == 0) break;
      if (absl::Now() > end) {
        verdict.violations["lease_stranded"] += open;
        break;
      }
      absl::SleepFor(absl::Milliseconds(200));
    }
  }
  return absl::OkStatus();
}

void Print(const Options& options, const Json& result, const Verdict& verdict) {
  if (options.json) {
    std::printf("%s\n", result.dump().c_str());
  } else {
    for (const auto& [name, value] : result.items()) {
      std::printf("%-24s %s\n", name.c_str(), value.dump().c_str());
    }
  }
  for (const std::string& example : verdict.examples) {
    std::fprintf(stderr, "VIOLATION %s\n", example.c_str());
  }
}

absl::StatusOr<int> Torture(const Options& options) {
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<Cluster> cluster,
                         Cluster::Start(options.cluster));
  const bool durable = cluster->store_address() != "memory:";
  if (options.kills > 0 && !durable) {
    return absl::InvalidArgumentError("a memory store does not survive kills");
  }
  CrowdOptions crowd_options = options.crowd;
  for (int i = 0; i < cluster->replicas(); ++i) {
    crowd_options.servers.push_back(cluster->address(i));
  }
  crowd_options.entries = cluster->entries();
  Crowd crowd(crowd_options);
  ALLOT_RETURN_IF_ERROR(crowd.Prepare());
  Verdict verdict;
  Rng rng = Rng(options.crowd.seed).Split(1 << 20);
  Faults faults(cluster.get(), &crowd, durable, options.kill_replicas,
                rng.Split(1));
  const absl::Time start = absl::Now();
  absl::Time progress = start;
  crowd.Start();
  if (options.kills > 0) {
    ALLOT_RETURN_IF_ERROR(KillAndLook(options, crowd, rng, faults, verdict));
  }
  const bool strike = options.kill || options.kill_replicas;
  while (!crowd.Done() && crowd.Errors().empty() && options.kills == 0) {
    const double elapsed = absl::ToDoubleSeconds(absl::Now() - start);
    if (options.seconds > 0 && elapsed > options.seconds) {
      if (strike) absl::SleepFor(absl::Seconds(1));  // after the last one
      break;
    }
    if (absl::Now() - progress > absl::Minutes(1)) {
      progress = absl::Now();
      std::fprintf(stderr, "%.0f s: %lld operations\n", elapsed,
                   static_cast<long long>(crowd.operations()));
    }
    if (strike) {
      ALLOT_RETURN_IF_ERROR(faults.Next());
    } else {
      absl::SleepFor(absl::Milliseconds(50));
    }
  }
  crowd.Stop();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  History history;
  history.shared = cluster->store_address().rfind("redis", 0) == 0;
  for (int i = 0; i < cluster->replicas(); ++i) {
    ALLOT_ASSIGN_OR_RETURN(history.kept.emplace_back(),
                           crowd.ReadAnswers(static_cast<size_t>(i)));
  }
  ALLOT_ASSIGN_OR_RETURN(const int64_t open, crowd.CountOpenLeases(0));
  if (options.drain) ALLOT_RETURN_IF_ERROR(Drain(*cluster, crowd, verdict));
  history.calls = crowd.TakeCalls();
  const Counts counts = CountOperations(history.calls);
  if (!options.history.empty()) {
    ALLOT_RETURN_IF_ERROR(SaveHistory(history, options.history));
  }
  const absl::Time judging = absl::Now();
  verdict.Add(Check(history));
  const double judge_seconds = absl::ToDoubleSeconds(absl::Now() - judging);
  const std::vector<std::string> errors = crowd.Errors();

  Json result = {
      {"case", options.kills > 0 ? "kill" : "torture"},
      {"store", options.cluster.store},
      {"replicas", cluster->replicas()},
      {"threads", options.crowd.threads},
      {"seed", options.crowd.seed},
      {"seconds", seconds},
      {"operations", counts.operations()},
      {"operations_per_second",
       static_cast<double>(counts.operations()) / seconds},
      {"calls", counts.calls},
      {"claims", counts.claims},
      {"renewals", counts.renewals},
      {"releases", counts.releases},
      {"skips", counts.skips},
      {"withdrawals", counts.withdrawals},
      {"answers", counts.answers},
      {"answers_late", counts.late},
      {"answers_again", counts.duplicates},
      {"leases_not_open", counts.not_open},
      {"leases_expired", counts.claims - counts.ended - counts.in_time - open},
      {"leases_open_at_end", open},
      {"requests_again", counts.repeated_calls},
      {"latency_seconds_median", Percentile(crowd.LatencySeconds(), 0.5)},
      {"latency_seconds_p99", Percentile(crowd.LatencySeconds(), 0.99)},
      {"kills", faults.counts().kills},
      {"redis_kills", faults.counts().redis_kills},
      {"redis_pauses", faults.counts().redis_pauses},
      {"pauses", faults.counts().pauses},
      {"start_seconds_median", Percentile(faults.counts().start_seconds, 0.5)},
      {"start_seconds_max", Most(faults.counts().start_seconds)},
      {"answer_seconds_median",
       Percentile(faults.counts().answer_seconds, 0.5)},
      {"answer_seconds_max", Most(faults.counts().answer_seconds)},
      {"answers_at_end", history.kept[0].size()},
      {"judge_seconds", judge_seconds},
      {"errors", errors.size()},
      {"violations", verdict.total()}};
  for (const auto& [name, count] : verdict.violations) result[name] = count;
  Print(options, result, verdict);
  for (size_t i = 0; i < std::min<size_t>(errors.size(), 5); ++i) {
    std::fprintf(stderr, "ERROR %s\n", errors[i].c_str());
  }
  return verdict.total() == 0 && errors.empty() ? 0 : 1;
}

int Main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  // Blocking calls that fail at once do not drive a channel's new connection;
  // gRPC's own timer does, by default every 5 s only.
  setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "20", 1);
  CLI::App app("Randomised concurrent operations on real allotd processes");
  Options options;
  app.add_option("--ops", options.crowd.operations,
                 "Operations, counted by the item");
  app.add_option("--seconds", options.seconds, "Or so long");
  app.add_option("--store", options.cluster.store)
      ->check(CLI::IsMember({"memory", "sqlite", "redis", "redis-cluster"}))
      ->capture_default_str();
  app.add_option(
      "--address", options.cluster.address,
      "A store's address as allotd takes it, in place of an own one");
  app.add_option("--replicas", options.cluster.replicas)
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  app.add_flag("--kill", options.kill,
               "Kill -9 and stop processes at random, and start them again");
  app.add_flag("--kill-replicas", options.kill_replicas,
               "The same, but nothing else than kill -9 of a replica");
  app.add_flag("--proxy", options.cluster.proxy,
               "Clients go through haproxy, as deploy/ has it");
  app.add_option("--rate", options.crowd.rate,
                 "Open loop: calls a second, due whatever became of others")
      ->check(CLI::Range(0.0, 1e6));
  app.add_flag("--drain", options.drain,
               "At the end wait until every lease has returned");
  app.add_option("--kills", options.kills,
                 "Kill so often, and look after each what is there");
  app.add_option("--threads", options.crowd.threads)->capture_default_str();
  app.add_option("--pools", options.crowd.pools)
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--window", options.crowd.window,
                 "Tasks of a pool in work at a time")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--labelers", options.crowd.labelers, "Of each pool")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--batch", options.crowd.batch, "Items of a call, at most")
      ->check(CLI::Range(4, 10000))
      ->capture_default_str();
  app.add_option("--seed", options.crowd.seed)->capture_default_str();
  app.add_option("--allotd", options.cluster.allotd, "The program");
  app.add_option("--folder", options.cluster.folder,
                 "For the store's files; removed at the end");
  app.add_option("--history", options.history, "Keep the history in this file");
  app.add_option("--check", options.check, "Only check a history kept before");
  app.add_flag("--json", options.json, "Print one line of JSON");
  CLI11_PARSE(app, argc, argv);
  if (!options.check.empty()) {
    const absl::StatusOr<History> history = LoadHistory(options.check);
    if (!history.ok()) {
      std::fprintf(stderr, "%s\n", history.status().ToString().c_str());
      return 2;
    }
    const Verdict verdict = Check(*history);
    const Counts counts = CountOperations(history->calls);
    Print(options,
          Json{{"operations", counts.operations()},
               {"calls", counts.calls},
               {"violations", verdict.total()}},
          verdict);
    return verdict.total() == 0 ? 0 : 1;
  }
  if (options.crowd.operations == 0 && options.seconds == 0 &&
      options.kills == 0) {
    options.crowd.operations = 100'000;
  }
  if (options.cluster.allotd.empty()) {
    options.cluster.allotd =
        std::filesystem::canonical("/proc/self/exe").parent_path() / "allotd";
  }
  const bool own_folder = options.cluster.folder.empty();
  if (own_folder) {
    std::string name =
        std::filesystem::temp_directory_path() / "allot-torture.XXXXXX";
    if (mkdtemp(name.data()) == nullptr) return 2;
    options.cluster.folder = name;
  } else {
    std::filesystem::create_directories(options.cluster.folder);
  }
  const absl::StatusOr<int> code = Torture(options);
  if (!code.ok()) {
    std::fprintf(stderr, "allot_torture: %s\n",
                 code.status().ToString().c_str());
  }
  if (own_folder && code.ok() && *code == 0) {
    std::filesystem::remove_all(options.cluster.folder);
  } else {
    std::fprintf(stderr, "logs and store are in %s\n",
                 options.cluster.folder.c_str());
  }
  return code.ok() ? *code : 2;
}

}  // namespace
}  // namespace allot::torture

int main(int argc, char** argv) { return allot::torture::Main(argc, argv); }
