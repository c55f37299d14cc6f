// SPDX-License-Identifier: Apache-2.0
// Admission with a clock that stands still: who is refused, why, and what a
// refusal says.
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "server/admission.h"
#include "server/grpc_status.h"
#include "server/peek.h"
#include "tests/server/test_jobs.h"

namespace allot {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

constexpr int64_t kMilli = 1'000'000;

class Admit : public ::testing::Test {
 protected:
  struct Call {
    Work job;
    Arrival arrival;
    Ticket ticket;
    absl::Status status;
  };

  // A call to the pool "a" that arrives now.
  Call& Arrive(std::optional<int64_t> within_nanos = {},
               Priority priority = Priority::kInteractive) {
    Call& call = *calls_.emplace_back(std::make_unique<Call>());
    call.job.priority = priority;
    call.arrival = {.pool_hash = HashPool("a"), .method = 1, .bytes = 100};
    if (within_nanos) {
      call.arrival.deadline_nanos = clock_.MonotonicNanos() + *within_nanos;
    }
    call.status =
        admission_.Admit(&call.job, call.arrival, call.ticket).status();
    return call;
  }
  // Teaches that such calls take so long.
  void Serve(Call& call, int64_t service_nanos, int64_t waited_nanos = 0,
             int64_t cuttable_nanos = 0, bool served = true) {
    const int64_t arrived = clock_.MonotonicNanos();
    clock_.Advance(absl::Nanoseconds(waited_nanos + service_nanos));
    admission_.Finish(call.ticket, served, arrived, arrived + waited_nanos,
                      clock_.MonotonicNanos(), cuttable_nanos);
  }
  static absl::Duration RetryDelayOf(const absl::Status& status) {
    google::rpc::Status details;
    details.ParseFromString(ToGrpcStatus(status).error_details());
    for (const google::protobuf::Any& any : details.details()) {
      google::rpc::RetryInfo retry;
      if (any.UnpackTo(&retry)) {
        return absl::Seconds(retry.retry_delay().seconds()) +
               absl::Nanoseconds(retry.retry_delay().nanos());
      }
    }
    return absl::ZeroDuration();
  }

  ManualClock clock_;
  Metrics metrics_{"test"};
  std::vector<std::unique_ptr<Call>> calls_;  // until the workers are done
  WorkerPool workers_{&clock_, {.workers = 1, .queue = 100}};
  Admission admission_{&clock_, &workers_, &metrics_, 10 * kMilli};
};

QuotaRule RuleOf(double calls_per_second, int in_flight) {
  QuotaRule rule;
  rule.pool = "a";
  rule.calls_per_second = calls_per_second;
  rule.burst = 1;
  rule.in_flight = in_flight;
  return rule;
}

TEST_F(Admit, AQuotaThatIsUsedUpSaysWhenItIsNot) {
  admission_.quotas().Set({RuleOf(0.5, 0)});
  EXPECT_TRUE(Arrive().status.ok());
  const Call& refused = Arrive();
  EXPECT_EQ(ReasonOf(refused.status), "QUOTA_EXCEEDED");
  EXPECT_EQ(refused.ticket.pushback_ms, 2000);
  EXPECT_EQ(RetryDelayOf(refused.status), absl::Seconds(2));
}

TEST_F(Admit, ARefusedCallKeepsNothingOfItsQuota) {
  admission_.quotas().Set({RuleOf(0, 1)});
  EXPECT_EQ(ReasonOf(Arrive(-1).status), "DEADLINE_TOO_SHORT");
  Call& next = Arrive();
  EXPECT_TRUE(next.status.ok()) << "nothing is in flight";
  EXPECT_EQ(ReasonOf(Arrive().status), "QUOTA_EXCEEDED");
  Serve(next, kMilli);
  EXPECT_TRUE(Arrive().status.ok()) << "it is over";
}

TEST_F(Admit, ABurstWaitsForFourTimesAsLongAsItShouldTakeAtMost) {
  // Such calls should take 4 * 10 + 10 ms in the long run.
  Serve(Arrive(), 10 * kMilli);
  BusyWorker busy(workers_);
  int taken = 0;
  while (taken < 50 && Arrive().status.ok()) ++taken;
  EXPECT_EQ(taken, 21) << "the last one has 20 before it";
  EXPECT_EQ(ReasonOf(calls_.back()->status), "CONCURRENCY_LIMIT");
  admission_.set_target_nanos(0);
  EXPECT_TRUE(Arrive().status.ok()) << "the queue alone decides";
  busy.gate.Open();
  workers_.Drain();
}

TEST_F(Admit, WhatTookLongBeforeIsNotBegunWithLessTime) {
  Serve(Arrive(), 10 * kMilli);
  const Call& refused = Arrive(9 * kMilli);
  EXPECT_EQ(ReasonOf(refused.status), "DEADLINE_TOO_SHORT");
  EXPECT_TRUE(Arrive(11 * kMilli).status.ok());
  EXPECT_TRUE(Arrive().status.ok()) << "without a deadline";
}

TEST_F(Admit, WhoWouldFareNoBetterIsToldNotToComeAgain) {
  Serve(Arrive(), 10 * kMilli);
  EXPECT_EQ(Arrive(9 * kMilli).ticket.pushback_ms, -1) << "nobody waits";
  BusyWorker busy(workers_);
  Work waits;
  waits.expected_nanos = 100 * kMilli;
  ASSERT_EQ(workers_.Submit(&waits), Submitted::kAccepted);
  const Call& later = Arrive(50 * kMilli);
  EXPECT_EQ(ReasonOf(later.status), "DEADLINE_TOO_SHORT");
  EXPECT_THAT(later.ticket.pushback_ms, AllOf(Ge(75), Le(125)))
      << "when what waits is done, more or less";
  busy.gate.Open();
  workers_.Drain();
}

TEST_F(Admit, OneInThirtyTwoThatSeemTooLateIsTried) {
  Serve(Arrive(), 10 * kMilli);
  int tried = 0;
  for (int i = 0; i < 64; ++i) tried += Arrive(kMilli).status.ok();
  EXPECT_EQ(tried, 2) << "or a wrong estimate would stay for ever";
}

TEST_F(Admit, ThePartThatADeadlineCutsShortIsNotNeeded) {
  Serve(Arrive(), 100 * kMilli, 0, 95 * kMilli);
  EXPECT_TRUE(Arrive(6 * kMilli).status.ok());
  EXPECT_EQ(ReasonOf(Arrive(4 * kMilli).status), "DEADLINE_TOO_SHORT");
}

TEST_F(Admit, WhatWasNotServedTeachesNothing) {
  Serve(Arrive(), 100 * kMilli, 0, 0, false);
  EXPECT_TRUE(Arrive(kMilli).status.ok());
}

TEST_F(Admit, TheLimitCountsTheWaiting) {
  const int before = admission_.limit();
  for (int i = 0; i < 100; ++i) {
    Serve(Arrive(), kMilli, 1000 * kMilli);
    workers_.Drain();
  }
  EXPECT_LT(admission_.limit(), before);
}

TEST_F(Admit, ThoseWhoAreRefusedDoNotAllComeAgainAtOnce) {
  BusyWorker busy(workers_);
  Work waits;
  waits.expected_nanos = 1000 * kMilli;
  ASSERT_EQ(workers_.Submit(&waits), Submitted::kAccepted);
  workers_.SetLimit(1);
  std::set<int64_t> delays;
  for (int i = 0; i < 100; ++i) {
    const Call& refused = Arrive();
    ASSERT_EQ(ReasonOf(refused.status), "CONCURRENCY_LIMIT");
    EXPECT_THAT(refused.ticket.pushback_ms, AllOf(Ge(750), Le(1250)));
    EXPECT_EQ(absl::ToInt64Milliseconds(RetryDelayOf(refused.status)),
              refused.ticket.pushback_ms);
    delays.insert(refused.ticket.pushback_ms / 50);
  }
  EXPECT_GE(delays.size(), 10u) << "every twentieth of the span is used";
  Ticket ticket;
  EXPECT_EQ(ReasonOf(admission_.GiveWay(ticket)), "GAVE_WAY");
  EXPECT_THAT(ticket.pushback_ms, AllOf(Ge(750), Le(1250)));
  busy.gate.Open();
  workers_.Drain();
}

TEST_F(Admit, AServerThatStopsTakesNothingIn) {
  workers_.Drain();
  const absl::Status status = Arrive().status;
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "SHUTTING_DOWN");
}

}  // namespace
}  // namespace allot
