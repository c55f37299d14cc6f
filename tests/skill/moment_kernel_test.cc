// SPDX-License-Identifier: Apache-2.0
// Skills are folded from a log by whatever machine reads it: every variant of
// the loop must give the same bits.
#include "lib/skill/moment_kernel.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "lib/base/rng.h"

namespace allot {
namespace {

TEST(MomentKernel, EveryVariantGivesTheSameBits) {
  const MomentKernel& plain = MomentKernels().front();
  EXPECT_EQ(std::string(plain.name), "plain");
  for (const MomentKernel& kernel : MomentKernels()) {
    SCOPED_TRACE(kernel.name);
    Rng rng(1);
    for (int trial = 0; trial < 2000; ++trial) {
      // Far beyond where the exponential is cut off, too.
      const double centre =
          rng.Normal() * std::pow(10.0, static_cast<double>(rng.Below(4)));
      const double deviation = 10 * rng.Uniform() * rng.Uniform();
      const double classes_times_q =
          static_cast<double>(2 + rng.Below(9)) * rng.Uniform();
      double want[2][kMomentPairs], got[2][kMomentPairs];
      plain.likelihoods(centre, deviation, classes_times_q, want[0], want[1]);
      kernel.likelihoods(centre, deviation, classes_times_q, got[0], got[1]);
      for (int side = 0; side < 2; ++side) {
        for (int j = 0; j < kMomentPairs; ++j) {
          ASSERT_EQ(std::bit_cast<uint64_t>(got[side][j]),
                    std::bit_cast<uint64_t>(want[side][j]))
              << "centre " << centre << ", deviation " << deviation << ", node "
              << j;
        }
      }
    }
  }
}

TEST(MomentKernel, LikelihoodsAreThoseOfTheModel) {
  double right[kMomentPairs], left[kMomentPairs];
  for (const MomentKernel& kernel : MomentKernels()) {
    kernel.likelihoods(0.4, 1.3, 2.5, right, left);
    for (int j = 0; j < kMomentPairs; ++j) {
      const auto model = [](double logit) {
        const double knows = 1 / (1 + std::exp(-logit));
        return 1 - knows + 2.5 * knows;
      };
      EXPECT_NEAR(right[j], model(0.4 + 1.3 * kMomentNode[j]), 1e-12);
      EXPECT_NEAR(left[j], model(0.4 - 1.3 * kMomentNode[j]), 1e-12);
    }
  }
}

}  // namespace
}  // namespace allot
