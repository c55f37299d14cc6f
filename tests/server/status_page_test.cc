// SPDX-License-Identifier: Apache-2.0
#include "server/status_page.h"

#include <limits>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace allot {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StatusPage, EscapesWhatCallersNamed) {
  Metrics metrics("0");
  auto pool = std::make_shared<Pool>();
  pool->id = "<script>alert(\"x\")</script>&'";
  StatusPageInput input;
  input.metrics = &metrics;
  input.ready = true;
  input.pools.push_back({pool, PoolStats{.labelers = 42}});
  const std::string page = StatusPage(input);
  EXPECT_THAT(page, Not(HasSubstr("<script>")));
  EXPECT_THAT(
      page,
      HasSubstr("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;"));
  EXPECT_THAT(page, HasSubstr("<td>42</td>"));
  EXPECT_THAT(page, HasSubstr("name=\"viewport\""));
}

TEST(StatusPage, SaysWhyItIsNotReady) {
  Metrics metrics("0");
  StatusPageInput input;
  input.metrics = &metrics;
  input.not_ready_because = "starting";
  EXPECT_THAT(StatusPage(input), HasSubstr("not ready</b>: starting"));
}

TEST(Quantile, InterpolatesWithinABucket) {
  prometheus::ClientMetric::Histogram histogram;
  EXPECT_EQ(Quantile(histogram, 0.5), 0);
  histogram.sample_count = 10;
  histogram.bucket = {{0, 1.0}, {10, 2.0}, {10, 4.0}};
  EXPECT_DOUBLE_EQ(Quantile(histogram, 0.5), 1.5);
  EXPECT_DOUBLE_EQ(Quantile(histogram, 1), 2);
  histogram.bucket = {{5, 1.0}, {10, std::numeric_limits<double>::infinity()}};
  EXPECT_DOUBLE_EQ(Quantile(histogram, 0.99), 1) << "no upper end to go to";
}

}  // namespace
}  // namespace allot
