// SPDX-License-Identifier: Apache-2.0
// The policies that allot is compared with. Each orders the labelers that are
// free and gives each in turn the tasks she scores highest on.
//
//   random       a labeler and tasks at random
//   round-robin  labelers in turn, tasks in turn
//   least        tasks with the fewest answers (least-annotated first)
//   uncertainty  tasks whose votes disagree most (AskIt: Boim et al. 2012,
//                doi:10.1109/ICDE.2012.122)
//   qasca        tasks whose expected accuracy rises most by the labeler who
//                came (QASCA: Zheng et al. 2015, doi:10.1145/2723372.2749430)
//   thompson     labelers by a draw of their accuracy, then uncertain tasks
//                (Thompson 1933)
//   optkg        the most optimistic rise in confidence under Beta counts
//                (OptKG: Chen, Lin and Zhou 2013), by its normal approximation
//   information  the labeler whose answers are expected to tell most bits
//   overlap      dynamic overlap: votes weighted by
//                q = (0.5 + correct) / (1 + total), stop at a threshold
//   majority     fixed k, majority vote
//
// All but overlap and majority label by Dawid-Skene (crowd_model.h) and stop
// after AskPolicyOptions::answers_per_task.
#ifndef ALLOT_LIB_STUDY_PLAIN_POLICIES_H_
#define ALLOT_LIB_STUDY_PLAIN_POLICIES_H_

#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/study/ask_policy.h"

namespace allot {

// Null if there is none of that name.
std::unique_ptr<AskPolicy> MakePlainPolicy(absl::string_view name,
                                           const StudySetting& setting,
                                           const AskPolicyOptions& options);

// `information` with the labelers' true confusion matrices [L x K x K], rows =
// truth, and class prior [K]: what knowing the crowd would be worth.
std::unique_ptr<AskPolicy> MakeOraclePolicy(const StudySetting& setting,
                                            const AskPolicyOptions& options,
                                            std::vector<double> confusion,
                                            std::vector<double> prior);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_PLAIN_POLICIES_H_
