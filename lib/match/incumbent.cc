// SPDX-License-Identifier: Apache-2.0
#include "lib/match/incumbent.h"

#include <utility>

#include "lib/match/certificate.h"

namespace allot {

template <typename V>
Incumbent<V>::Incumbent(const Flow<V>& flow, const Deadline& deadline,
                        double gap_tolerance, int64_t reading_nanos)
    : flow_(flow), deadline_(deadline), gap_tolerance_(gap_tolerance) {
  if (!has_deadline()) return;
  // Giving a few open slots to whoever has room, and the certificate.
  deadline_.at_nanos -= reading_nanos + 5 * reading_nanos / 8;
}

template <typename V>
void Incumbent<V>::Offer(bool solved) {
  Assignment offered = ToAssignment(flow_);
  solved_ = solved;
  if (!any_) {
    any_ = true;
    best_ = std::move(offered);
    return;
  }
  if (offered.exact) {
    // Proven by this flow, whichever of several optima was kept.
    best_ = std::move(offered);
    return;
  }
  if (offered.objective > best_.objective) {
    best_.offset.swap(offered.offset);
    best_.edge.swap(offered.edge);
    best_.objective = offered.objective;
    best_.exact = false;
  }
  if (offered.upper_bound < best_.upper_bound) {
    best_.labeler_price.swap(offered.labeler_price);
    best_.task_price.swap(offered.task_price);
    best_.upper_bound = offered.upper_bound;
    best_.exact = false;
  }
  best_.gap = RelativeGap(best_.objective, best_.upper_bound);
}

template <typename V>
Assignment Incumbent<V>::Take() {
  best_.deadline_reached = !best_.exact && !solved_ && !good_enough();
  return std::move(best_);
}

template class Incumbent<int32_t>;
template class Incumbent<int64_t>;

}  // namespace allot
