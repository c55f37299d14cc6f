// SPDX-License-Identifier: Apache-2.0
// The inner loop of moment matching (update.h), compiled for the build's
// instruction set and once for AVX2, chosen at run time. What is learned is
// replayed elsewhere: all variants give the same bits.
#ifndef ALLOT_LIB_SKILL_MOMENT_KERNEL_H_
#define ALLOT_LIB_SKILL_MOMENT_KERNEL_H_

#include <span>

namespace allot {

// The positive roots of the 20th Hermite polynomial for the weight
// exp(-t^2/2): with their weights a rule for averages under the standard
// normal, exact for polynomials up to degree 39.
inline constexpr int kMomentPairs = 10;
inline constexpr double kMomentNode[kMomentPairs] = {
    0.34696415708135592797, 1.0429453488027510315, 1.7452473208141267149,
    2.4586636111723677513,  3.1890148165533894149, 3.9439673506573162603,
    4.7345813340460553439,  5.5787388058932011527, 6.5105901570136544864,
    7.6190485416797582914};

struct MomentKernel {
  // The likelihood of an answer, up to the factor 1/K, at centre + deviation *
  // node for all positive nodes (`right`), and at centre - deviation * node
  // (`left`). Both have room for kMomentPairs.
  void (*likelihoods)(double centre, double deviation, double classes_times_q,
                      double* right, double* left);
  const char* name;
};

// The fastest variant that this processor runs.
const MomentKernel& BestMomentKernel();
// Every variant that this processor runs, for tests.
std::span<const MomentKernel> MomentKernels();

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_MOMENT_KERNEL_H_
