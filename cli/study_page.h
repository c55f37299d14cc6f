// SPDX-License-Identifier: Apache-2.0
// What `allot simulate`, `replay-data` and `calibrate` draw, as a page that
// needs nothing else (lib/page/page.h).
#ifndef ALLOT_CLI_STUDY_PAGE_H_
#define ALLOT_CLI_STUDY_PAGE_H_

#include <span>
#include <string>

#include "lib/page/page.h"
#include "lib/study/answer_book.h"
#include "lib/study/compare_market.h"
#include "lib/study/compare_replay.h"
#include "lib/study/population.h"

namespace allot {

// Quantiles of accuracy, observed against fitted.
Page PopulationPage(const std::string& data, const PopulationFit& fit);

// Accuracy by answers a task, cost of equal accuracy, who got the work,
// confidence, all numbers.
Page ReplayPage(const std::string& data, const AnswerBook& book, int seeds,
                std::span<const ReplayCurve> curves);

// Accuracy by cost, cost of equal accuracy, who got the work, waiting,
// calibration, all numbers. Requires a policy's efforts beside each other.
Page MarketPage(const Scenario& scenario, int seeds,
                std::span<const MarketSummary> summaries);

}  // namespace allot

#endif  // ALLOT_CLI_STUDY_PAGE_H_
