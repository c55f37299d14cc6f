// SPDX-License-Identifier: Apache-2.0
#include "lib/match/certificate.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/match/value_kernels.h"

namespace allot {
namespace {

bool Near(double stated, double recomputed) {
  return std::abs(stated - recomputed) <=
         1e-9 * std::max({1.0, std::abs(stated), std::abs(recomputed)});
}

absl::Status CheckFeasible(const Problem& problem, const Assignment& a) {
  const int num_tasks = problem.num_tasks();
  if (a.offset.size() != static_cast<size_t>(num_tasks) + 1 ||
      a.offset.front() != 0 ||
      a.offset.back() != static_cast<int64_t>(a.edge.size())) {
    return absl::InternalError("assignment: offsets do not fit the problem");
  }
  std::vector<int32_t> load(problem.num_labelers(), 0);
  for (int t = 0; t < num_tasks; ++t) {
    if (a.offset[t + 1] < a.offset[t] || a.filled(t) > problem.redundancy[t]) {
      return absl::InternalError(absl::StrCat("task ", t, ": ", a.filled(t),
                                              " slots filled, redundancy is ",
                                              problem.redundancy[t]));
    }
    int previous = problem.offset[t] - 1;
    for (const int32_t e : a.edges(t)) {
      if (e <= previous || e >= problem.offset[t + 1]) {
        return absl::InternalError(
            absl::StrCat("task ", t, ": edge ", e,
                         " is not the task's, or out of order, or repeated"));
      }
      previous = e;
      ++load[problem.labeler[e]];
    }
  }
  for (int l = 0; l < problem.num_labelers(); ++l) {
    if (load[l] > problem.capacity[l]) {
      return absl::InternalError(absl::StrCat("labeler ", l, ": ", load[l],
                                              " tasks, capacity is ",
                                              problem.capacity[l]));
    }
  }
  return absl::OkStatus();
}

}  // namespace

double UpperBound(const Problem& problem,
                  std::span<const double> labeler_price) {
  double bound = 0;
  bool all_have_capacity = true;
  for (int l = 0; l < problem.num_labelers(); ++l) {
    // Nobody takes a task twice, so more capacity than tasks is no use.
    bound +=
        std::min(problem.capacity[l], problem.num_tasks()) * labeler_price[l];
    all_have_capacity = all_have_capacity && problem.capacity[l] > 0;
  }
  // An infinite price keeps out those who are never taken.
  const double* price = labeler_price.data();
  std::vector<double> out_of_reach;
  if (!all_have_capacity) {
    out_of_reach.assign(labeler_price.begin(), labeler_price.end());
    for (int l = 0; l < problem.num_labelers(); ++l) {
      if (problem.capacity[l] == 0) {
        out_of_reach[l] = std::numeric_limits<double>::infinity();
      }
    }
    price = out_of_reach.data();
  }
  std::vector<double> best;
  for (int t = 0; t < problem.num_tasks(); ++t) {
    const int32_t k = problem.redundancy[t];
    if (k == 0) continue;
    const double penalty = problem.penalty(t);
    const int32_t begin = problem.offset[t], end = problem.offset[t + 1];
    double sum = 0;
    if (k <= kMostBest) {
      sum = SumOfBest(problem.utility.data() + begin,
                      problem.labeler.data() + begin, price, end - begin, k,
                      penalty);
    } else {
      best.clear();
      for (int32_t e = begin; e < end; ++e) {
        const double reduced =
            problem.utility[e] + penalty - price[problem.labeler[e]];
        if (reduced > 0) best.push_back(reduced);
      }
      if (best.size() > static_cast<size_t>(k)) {
        std::nth_element(best.begin(), best.begin() + (k - 1), best.end(),
                         std::greater<>());
        best.resize(k);
      }
      for (const double reduced : best) sum += reduced;
    }
    bound += sum - static_cast<double>(k) * penalty;
  }
  return bound;
}

double Objective(const Problem& problem, const Assignment& assignment) {
  double objective = 0;
  for (int t = 0; t < problem.num_tasks(); ++t) {
    for (const int32_t e : assignment.edges(t)) objective += problem.utility[e];
    objective -=
        (problem.redundancy[t] - assignment.filled(t)) * problem.penalty(t);
  }
  return objective;
}

double RelativeGap(double objective, double upper_bound) {
  if (!std::isfinite(upper_bound)) return 1;
  const double gap = upper_bound - objective;
  if (gap <= 0) return 0;
  return gap / std::max(std::abs(upper_bound), 1e-12);
}

absl::StatusOr<Certificate> CheckAssignment(const Problem& problem,
                                            const Assignment& assignment) {
  ALLOT_RETURN_IF_ERROR(CheckFeasible(problem, assignment));
  if (assignment.labeler_price.size() != problem.capacity.size()) {
    return absl::InternalError("labeler_price: one price a labeler is wanted");
  }
  for (size_t l = 0; l < assignment.labeler_price.size(); ++l) {
    const double price = assignment.labeler_price[l];
    if (!(price >= 0) || !std::isfinite(price)) {
      return absl::InternalError(
          absl::StrCat("labeler_price[", l, "]: want >= 0, got ", price));
    }
  }
  Certificate certificate;
  certificate.objective = Objective(problem, assignment);
  certificate.upper_bound = UpperBound(problem, assignment.labeler_price);
  certificate.gap = RelativeGap(certificate.objective, certificate.upper_bound);
  certificate.empty_slots = problem.num_slots() - assignment.num_filled();
  if (!Near(assignment.objective, certificate.objective)) {
    return absl::InternalError(
        absl::StrCat("objective: stated ", assignment.objective,
                     ", recomputed ", certificate.objective));
  }
  if (!Near(assignment.upper_bound, certificate.upper_bound)) {
    return absl::InternalError(
        absl::StrCat("upper_bound: stated ", assignment.upper_bound,
                     ", recomputed ", certificate.upper_bound));
  }
  if (!Near(assignment.gap, certificate.gap)) {
    return absl::InternalError(absl::StrCat("gap: stated ", assignment.gap,
                                            ", recomputed ", certificate.gap));
  }
  if (certificate.objective > certificate.upper_bound &&
      !Near(certificate.objective, certificate.upper_bound)) {
    return absl::InternalError(absl::StrCat("objective ", certificate.objective,
                                            " exceeds its upper bound ",
                                            certificate.upper_bound));
  }
  return certificate;
}

}  // namespace allot
