// SPDX-License-Identifier: Apache-2.0
// Consensus for answers that can only be compared (free text, boxes): the
// answer that is most like the others, each counted by its labeler's weight.
#ifndef ALLOT_LIB_TRUTH_MEDOID_H_
#define ALLOT_LIB_TRUTH_MEDOID_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/base/matrix.h"

namespace allot {

struct Medoid {
  int chosen = 0;         // row of the answer; the first of equals
  double confidence = 0;  // its weighted mean similarity to the others, [0, 1]
  double agreement = 0;   // mean similarity over all pairs; 1 for one answer
};

// `similarity` [n x n] in [0, 1]; only the part off the diagonal is read, and
// row i is how much the others are like answer i. `weight` [n] >= 0; empty, or
// all 0, means equal. A lone answer has confidence 0: nothing supports it.
// O(n^2). Errors: kInvalidArgument: no answer, sizes disagree, a similarity
// outside [0, 1] or a weight that is negative or not finite.
absl::StatusOr<Medoid> WeightedMedoid(const MatrixF& similarity,
                                      std::span<const double> weight = {});

// Axis-aligned, corners in any order of left/right and top/bottom.
struct Box {
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};

// Intersection over union, in [0, 1]. Two identical boxes without area give 1,
// other pairs without area 0.
double IntersectionOverUnion(const Box& a, const Box& b);

// The similarity matrix of boxes.
MatrixF BoxSimilarity(std::span<const Box> boxes);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_MEDOID_H_
