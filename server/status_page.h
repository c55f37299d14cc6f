// SPDX-License-Identifier: Apache-2.0
// /statusz: what the server is doing, for a person, on a phone if need be.
#ifndef ALLOT_SERVER_STATUS_PAGE_H_
#define ALLOT_SERVER_STATUS_PAGE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/engine/calls.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/recent.h"

namespace allot {

struct StatusPageInput {
  std::string version;
  std::string store;  // address, as given
  bool ready = false;
  std::string not_ready_because;
  absl::Duration uptime;
  int workers = 0;
  int running = 0;
  int waiting = 0;
  int queue_limit = 0;
  int in_flight_limit = 0;
  int connections = 0;
  std::vector<PoolInfo> pools;
  std::vector<PlanNote> plans;       // latest first
  std::vector<CallNote> slow_calls;  // latest first
  const Metrics* metrics = nullptr;
};

// One HTML document without scripts. Ids are escaped: they are callers' text.
std::string StatusPage(const StatusPageInput& input);

// /configz: each setting, its value and where that is from. Settings hold paths
// of secrets, never secrets.
std::string ConfigPage(const std::vector<Setting>& settings);

std::string EscapeHtml(absl::string_view text);

// The value below which a share `q` of a histogram's observations lie,
// interpolated within its bucket as Prometheus does. 0 without observations.
double Quantile(const prometheus::ClientMetric::Histogram& histogram, double q);

}  // namespace allot

#endif  // ALLOT_SERVER_STATUS_PAGE_H_
