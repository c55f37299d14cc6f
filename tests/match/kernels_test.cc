// SPDX-License-Identifier: Apache-2.0
// The inner loops against plain ones. Where the machine has AVX2, loops over
// 32-bit values are the ones chosen at run time; over 64-bit values they are
// always plain.
#include "lib/match/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "lib/base/rng.h"
#include "lib/match/value_kernels.h"

namespace allot {
namespace {

// A row of `n` edges; every third test has few distinct values, for ties.
struct Row {
  explicit Row(int seed, int n) : rng(seed) {
    const int64_t distinct = seed % 3 == 0 ? 4 : 1 << 20;
    for (int i = 0; i < n; ++i) {
      labeler.push_back(static_cast<int32_t>(rng.Below(64)));
      value.push_back(static_cast<int32_t>(rng.Below(distinct)));
      utility.push_back(rng.Normal());
    }
    for (int l = 0; l < 64; ++l) {
      price.push_back(static_cast<int32_t>(rng.Below(distinct / 2 + 1)));
      dual.push_back(rng.Uniform());
    }
    wide_value.assign(value.begin(), value.end());
    wide_price.assign(price.begin(), price.end());
  }
  Rng rng;
  std::vector<int32_t> labeler, value, price;
  std::vector<int64_t> wide_value, wide_price;
  std::vector<double> utility, dual;
};

class Kernels : public testing::TestWithParam<int> {};

TEST_P(Kernels, NarrowAndWideRowsHaveTheSameTop) {
  for (int n = 1; n <= 70; ++n) {
    const Row row(GetParam() * 100 + n, n);
    for (const bool priced : {false, true}) {
      for (int want = 1; want <= kMostTop; ++want) {
        Top<int32_t> narrow;
        Top<int64_t> wide;
        TopReduced(row.labeler.data(), row.value.data(),
                   priced ? row.price.data() : nullptr, n, want, narrow);
        TopReduced(row.labeler.data(), row.wide_value.data(),
                   priced ? row.wide_price.data() : nullptr, n, want, wide);
        for (int k = 0; k < want; ++k) {
          ASSERT_EQ(narrow.index[k], wide.index[k]) << n << " " << want;
          if (wide.index[k] >= 0) {
            ASSERT_EQ(narrow.reduced[k], wide.reduced[k]);
          }
        }
      }
    }
  }
}

TEST_P(Kernels, TheLargestIsTheFirstOfSeveral) {
  for (int n = 1; n <= 70; ++n) {
    const Row row(GetParam() * 100 + n, n);
    int32_t best = 0;
    const auto reduced = [&](int i) {
      return row.value[i] - row.price[row.labeler[i]];
    };
    for (int i = 1; i < n; ++i) {
      if (reduced(i) > reduced(best)) best = i;
    }
    const BestEdge<int32_t> narrow = LargestReduced(
        row.labeler.data(), row.value.data(), row.price.data(), n);
    EXPECT_EQ(narrow.index, best);
    EXPECT_EQ(narrow.reduced, reduced(best));
    EXPECT_EQ(LargestReduced(row.labeler.data(), row.wide_value.data(),
                             row.wide_price.data(), n)
                  .index,
              best);
  }
}

TEST_P(Kernels, FindsWhatIsAboveAThreshold) {
  for (int n = 1; n <= 70; ++n) {
    const Row row(GetParam() * 100 + n, n);
    const int32_t threshold = row.value[n / 2] - row.price[row.labeler[n / 2]];
    std::vector<int32_t> want;
    int32_t largest = -1 << 30;
    for (int i = 0; i < n; ++i) {
      const int32_t reduced = row.value[i] - row.price[row.labeler[i]];
      if (reduced > threshold) want.push_back(i);
      largest = std::max(largest, reduced);
    }
    std::vector<int32_t> found(n + 8);
    const Above<int32_t> above =
        FindAbove(row.labeler.data(), row.value.data(), row.price.data(), n,
                  threshold, found.data());
    found.resize(above.count);
    EXPECT_EQ(found, want);
    EXPECT_EQ(above.largest, largest);
  }
}

TEST_P(Kernels, TheTwoLargestAreTheTopTwo) {
  for (int n = 2; n <= 70; ++n) {
    const Row row(GetParam() * 100 + n, n);
    Top<int64_t> top;
    TopReduced(row.labeler.data(), row.wide_value.data(), row.wide_price.data(),
               n, 2, top);
    const auto narrow = TwoLargestReduced(row.labeler.data(), row.value.data(),
                                          row.price.data(), n);
    const auto wide = TwoLargestReduced(
        row.labeler.data(), row.wide_value.data(), row.wide_price.data(), n);
    EXPECT_EQ(narrow.best, top.reduced[0]);
    EXPECT_EQ(narrow.next, top.reduced[1]);
    EXPECT_EQ(narrow.index, top.index[0]);
    EXPECT_EQ(wide.best, top.reduced[0]);
    EXPECT_EQ(wide.next, top.reduced[1]);
    EXPECT_EQ(wide.index, top.index[0]);
  }
}

TEST_P(Kernels, TheSumOfTheTopCountsWhatIsHeldAndNothingBelowZero) {
  constexpr int32_t kMark = 1 << 29;
  constexpr int64_t kWideMark = int64_t{1} << 59;
  for (int n = 1; n <= 70; ++n) {
    Row row(GetParam() * 100 + n, n);
    std::vector<int64_t> reduced;
    for (int i = 0; i < n; ++i) {
      reduced.push_back(std::max(0, row.value[i] - row.price[row.labeler[i]]));
      if (i % 5 != 0) continue;
      row.value[i] -= kMark;
      row.wide_value[i] -= kWideMark;
    }
    std::sort(reduced.rbegin(), reduced.rend());
    reduced.resize(n + kMostTop);
    int64_t sum = 0;
    for (int want = 1; want <= kMostTop; ++want) {
      sum += reduced[want - 1];
      ASSERT_EQ(SumOfTop(row.labeler.data(), row.value.data(), row.price.data(),
                         n, want, kMark),
                sum)
          << n << " " << want;
      ASSERT_EQ(SumOfTop(row.labeler.data(), row.wide_value.data(),
                         row.wide_price.data(), n, want, kWideMark),
                sum)
          << n << " " << want;
    }
  }
}

TEST_P(Kernels, UtilitiesAreRoundedAndCountedOneByOne) {
  constexpr double kScale = 1 << 16;
  for (int n = 1; n <= 70; ++n) {
    const Row row(GetParam() * 100 + n, n);
    for (const double penalty : {0.0, 0.75}) {
      std::vector<int32_t> value(n);
      RangeSums sums;
      const Quantised quantised =
          ReadRow(row.utility.data(), n, penalty, kScale, value.data(), sums);
      int32_t positive = 0, largest = 0;
      int32_t least = std::numeric_limits<int32_t>::max();
      double largest_value = 0, largest_utility = 0;
      for (int i = 0; i < n; ++i) {
        const double worth = row.utility[i] + penalty;
        const auto whole =
            static_cast<int32_t>(std::nearbyint(std::max(0.0, worth * kScale)));
        EXPECT_EQ(value[i], whole) << i;
        if (whole > 0) {
          ++positive;
          least = std::min(least, whole);
        }
        largest = std::max(largest, whole);
        if (worth <= 0) continue;
        largest_value = std::max(largest_value, worth);
        largest_utility = std::max(largest_utility, std::abs(row.utility[i]));
      }
      EXPECT_EQ(quantised.positive, positive);
      EXPECT_EQ(quantised.largest, largest);
      EXPECT_EQ(quantised.least, least);
      EXPECT_TRUE(sums.allowed);
      EXPECT_EQ(sums.largest_value, largest_value);
      EXPECT_EQ(sums.largest_utility, largest_utility);
    }
  }
}

TEST_P(Kernels, OneUtilityOutOfBoundsIsNoticed) {
  for (int n = 1; n <= 20; ++n) {
    for (const double wrong :
         {2e100, -2e100, HUGE_VAL, -HUGE_VAL, std::nan("")}) {
      Row row(GetParam() * 100 + n, n);
      row.utility[row.labeler[0] % n] = wrong;
      std::vector<int32_t> value(n);
      RangeSums sums;
      ReadRow(row.utility.data(), n, 0, 1, value.data(), sums);
      EXPECT_FALSE(sums.allowed) << n << " " << wrong;
    }
  }
}

TEST_P(Kernels, LabelersAreCheckedOneByOne) {
  for (int n = 2; n <= 40; ++n) {
    std::vector<int32_t> labeler(n);
    for (int i = 0; i < n; ++i) labeler[i] = 2 * i;
    const int labelers = 2 * n - 1;
    const auto check = [&] {
      return CheckLabelers(labeler.data(), n, labelers);
    };
    EXPECT_TRUE(check().known && check().ascending);
    const int at = GetParam() % n;
    for (const int32_t wrong : {-1, labelers, INT32_MIN, INT32_MAX}) {
      labeler[at] = wrong;
      EXPECT_FALSE(check().known) << n << " " << at << " " << wrong;
    }
    // Not above the one before, or as large as the one after.
    labeler[at] = 2 * (at > 0 ? at - 1 : 1);
    EXPECT_TRUE(check().known && !check().ascending) << n << " " << at;
  }
}

TEST_P(Kernels, TheCertificateSumsTheBestPositiveOnes) {
  for (int n = 1; n <= 70; ++n) {
    const Row row(GetParam() * 100 + n, n);
    for (int want = 1; want <= kMostBest; ++want) {
      std::vector<double> reduced;
      for (int i = 0; i < n; ++i) {
        reduced.push_back(row.utility[i] + 0.5 - row.dual[row.labeler[i]]);
      }
      std::sort(reduced.begin(), reduced.end(), std::greater<>());
      double sum = 0;
      for (int k = 0; k < std::min(want, n); ++k) {
        sum += std::max(0.0, reduced[k]);
      }
      EXPECT_NEAR(SumOfBest(row.utility.data(), row.labeler.data(),
                            row.dual.data(), n, want, 0.5),
                  sum, 1e-12);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Random, Kernels, testing::Range(0, 6));

}  // namespace
}  // namespace allot
