// SPDX-License-Identifier: Apache-2.0
#include "server/collectors.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace allot {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Single(const char* name, const char* help, MetricType type,
                    double value) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  family.metric.emplace_back();
  if (type == MetricType::Counter) {
    family.metric.back().counter.value = value;
  } else {
    family.metric.back().gauge.value = value;
  }
  return family;
}

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Fields of /proc/self/stat from the third on, which is after the command's
// name in parentheses, which may hold anything.
std::vector<std::string> StatFields() {
  const std::string text = ReadFile("/proc/self/stat");
  const size_t end = text.rfind(')');
  if (end == std::string::npos || end + 2 > text.size()) return {};
  return absl::StrSplit(text.substr(end + 2), ' ');
}

double Field(const std::vector<std::string>& fields, size_t proc_number) {
  double value = 0;
  const size_t index = proc_number - 3;
  if (index < fields.size()) (void)absl::SimpleAtod(fields[index], &value);
  return value;
}

double BootTimeSeconds() {
  for (const absl::string_view line :
       absl::StrSplit(ReadFile("/proc/stat"), '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    double value = 0;
    if (words.size() == 2 && words[0] == "btime" &&
        absl::SimpleAtod(words[1], &value)) {
      return value;
    }
  }
  return 0;
}

double OpenFiles() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  int entries = 0;
  while (readdir(directory) != nullptr) ++entries;
  closedir(directory);
  return entries - 3;  // ".", ".." and the directory itself
}

}  // namespace

std::vector<MetricFamily> ProcessCollector::Collect() const {
  const std::vector<std::string> stat = StatFields();
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  // Numbers as in proc(5).
  return {
      Single("process_cpu_seconds_total",
             "User and system CPU time spent, in seconds.", MetricType::Counter,
             (Field(stat, 14) + Field(stat, 15)) / ticks),
      Single("process_start_time_seconds",
             "Start of the process, in seconds since 1970.", MetricType::Gauge,
             BootTimeSeconds() + Field(stat, 22) / ticks),
      Single("process_threads", "Threads of the process.", MetricType::Gauge,
             Field(stat, 20)),
      Single("process_virtual_memory_bytes", "Virtual memory size.",
             MetricType::Gauge, Field(stat, 23)),
      Single("process_resident_memory_bytes", "Resident memory size.",
             MetricType::Gauge, Field(stat, 24) * page),
      Single("process_open_fds", "Open file descriptors.", MetricType::Gauge,
             OpenFiles()),
      Single("process_max_fds", "Most file descriptors it may open.",
             MetricType::Gauge, static_cast<double>(files.rlim_cur))};
}

std::vector<MetricFamily> PoolCollector::Collect() const {
  const std::vector<PoolInfo> pools = list_();
  std::vector<MetricFamily> families = {
      Single("allot_pools", "Pools.", MetricType::Gauge,
             static_cast<double>(pools.size()))};
  const auto add_value = [&](const char* name, const char* help,
                             const auto& value) {
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = MetricType::Gauge;
    for (size_t i = 0; i < pools.size() && i < kMaxPools; ++i) {
      prometheus::ClientMetric& metric = family.metric.emplace_back();
      metric.label.push_back({"pool", pools[i].pool->id});
      metric.gauge.value = static_cast<double>(value(pools[i].stats));
    }
    families.push_back(std::move(family));
  };
  const auto add = [&](const char* name, const char* help,
                       int64_t PoolStats::*member) {
    add_value(name, help,
              [member](const PoolStats& stats) { return stats.*member; });
  };
  const auto add_refit = [&](const char* name, const char* help,
                             const auto& member) {
    add_value(name, help,
              [member](const PoolStats& stats) { return stats.refit.*member; });
  };
  add("allot_roster_labelers", "Labelers of a pool.", &PoolStats::labelers);
  add("allot_roster_version", "Version of a pool's roster.",
      &PoolStats::roster_version);
  add("allot_pool_tasks", "Tasks that a pool remembers.", &PoolStats::tasks);
  add("allot_pool_answers", "Answers that a pool has learned from.",
      &PoolStats::answers);
  add("allot_pool_open_leases", "Leases of a pool that are open now.",
      &PoolStats::open_leases);
  add_refit("allot_refit_version",
            "Version of a pool's fitted models; 0: none.",
            &RefitReport::version);
  add_refit("allot_refit_pending", "1 while a newer fit is due or under way.",
            &RefitReport::pending);
  add_refit("allot_refit_answers",
            "Answers of a pool when its fitted models were set off.",
            &RefitReport::answers);
  add_refit("allot_refit_seconds", "How long a pool's last fit took.",
            &RefitReport::seconds);
  add_refit("allot_refit_changed_labels_ratio",
            "Share of a pool's last tasks whose label the last fit changed.",
            &RefitReport::changed_labels);
  add_refit("allot_refit_changed_confidence",
            "Mean absolute change of confidence by a pool's last fit.",
            &RefitReport::changed_confidence);
  add_refit("allot_calibration_gold_tasks",
            "Gold tasks behind a pool's calibration.",
            &RefitReport::gold_tasks);
  add_refit("allot_calibration_error_before",
            "Expected calibration error on gold before the map.",
            &RefitReport::ece_before);
  add_refit("allot_calibration_error_after",
            "Expected calibration error on gold with the map.",
            &RefitReport::ece_after);
  return families;
}

}  // namespace allot
