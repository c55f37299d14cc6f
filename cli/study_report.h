// SPDX-License-Identifier: Apache-2.0
// What `allot simulate`, `replay-data` and `calibrate` print.
#ifndef ALLOT_CLI_STUDY_REPORT_H_
#define ALLOT_CLI_STUDY_REPORT_H_

#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/data_folder.h"
#include "lib/study/answer_book.h"
#include "lib/study/compare_market.h"
#include "lib/study/compare_replay.h"
#include "lib/study/population.h"

namespace allot {

// Answers that are classes, two at least. Errors, naming the path: kUnknown for
// what cannot be read; kDataLoss for contents, as ReadDataFolder(), or for
// measurements.
absl::StatusOr<DataFolder> ReadClasses(const std::string& path);
// Those whose truth is known; kDataLoss if there are none.
absl::StatusOr<AnswerBook> ReadAnswerBook(const std::string& folder);

// 0.763 (0.011)
std::string WithError(const Estimate& estimate, int digits = 3);

// `scenario` is a textproto of the fitted group and tasks.
void PrintPopulation(const PopulationFit& fit, const std::string& scenario,
                     std::ostream& out);
void PrintPopulationJson(const PopulationFit& fit, std::ostream& out);
// What `allot simulate` reads to draw a crowd like it.
std::string ScenarioOf(const std::string& name, const AnswerBook& book,
                       const PopulationFit& fit);

void PrintReplay(std::span<const ReplayCurve> curves,
                 const std::vector<double>& labels, std::ostream& out);
void PrintReplayJson(const std::string& data, const AnswerBook& book, int seeds,
                     std::span<const ReplayCurve> curves, std::ostream& out);

void PrintMarket(std::span<const MarketSummary> summaries, std::ostream& out);
void PrintMarketJson(const std::string& scenario, int seeds,
                     std::span<const MarketSummary> summaries,
                     std::ostream& out);

}  // namespace allot

#endif  // ALLOT_CLI_STUDY_REPORT_H_
