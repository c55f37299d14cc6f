// SPDX-License-Identifier: Apache-2.0
// What admission foretells from, and what it sees of a request.
#include <memory>
#include <string>

#include "allot/v1/allocation.pb.h"
#include "allot/v1/labeler.pb.h"
#include "allot/v1/pool.pb.h"
#include "gtest/gtest.h"
#include "server/decode.h"
#include "server/peek.h"
#include "server/service_times.h"

namespace allot {
namespace {

TEST(ServiceTimes, KnowsCallsOfAKindApart) {
  auto times = std::make_unique<ServiceTimes>();
  const uint64_t small = ServiceTimes::KindOf(1, 2, 1000);
  EXPECT_EQ(small, ServiceTimes::KindOf(1, 2, 600)) << "within a factor of two";
  for (const uint64_t other :
       {ServiceTimes::KindOf(1, 2, 4000), ServiceTimes::KindOf(1, 3, 1000),
        ServiceTimes::KindOf(2, 2, 1000)}) {
    EXPECT_NE(small, other);
  }
  EXPECT_EQ(times->Of(small).usual_nanos, 0) << "nothing known";
  times->Record(small, 100, 40);
  EXPECT_EQ(times->Of(small).usual_nanos, 100);
  EXPECT_EQ(times->Of(small).least_nanos, 40);
}

TEST(ServiceTimes, ACallThatWasKeptFromItsCoreCountsForLittle) {
  auto times = std::make_unique<ServiceTimes>();
  const uint64_t kind = ServiceTimes::KindOf(1, 1, 100);
  times->Record(kind, 20'000, 20'000);
  times->Record(kind, 50'000'000, 20'000);
  EXPECT_LT(times->Of(kind).usual_nanos, 30'000);
  // Where all have become longer it follows.
  for (int i = 0; i < 60; ++i) times->Record(kind, 50'000'000, 20'000);
  EXPECT_GT(times->Of(kind).usual_nanos, 45'000'000);
}

TEST(ServiceTimes, TheLeastFallsAtOnceAndRisesSlowly) {
  auto times = std::make_unique<ServiceTimes>();
  times->Record(1, 1000, 1000);
  times->Record(1, 100, 100);
  EXPECT_EQ(times->Of(1).least_nanos, 100);
  times->Record(1, 1000, 1000);
  EXPECT_LT(times->Of(1).least_nanos, 120);
  for (int i = 0; i < 1000; ++i) times->Record(1, 1000, 1000);
  EXPECT_NEAR(static_cast<double>(times->Of(1).least_nanos), 1000, 10);
}

template <typename Request>
Peeked PeekAt(const Request& request) {
  return Peek(Encode(request), PlanPeek(*Request::descriptor()));
}

TEST(Peek, SeesThePoolAndWhetherItIsOneTask) {
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.set_request_id("r");
  request.add_tasks()->set_task_id("t");
  EXPECT_EQ(PeekAt(request).pool_hash, HashPool("animals"));
  EXPECT_TRUE(PeekAt(request).single);
  v1::AllocateStreamRequest wrapped;
  *wrapped.mutable_request() = request;
  EXPECT_EQ(PeekAt(wrapped).pool_hash, HashPool("animals"));
  EXPECT_TRUE(PeekAt(wrapped).single);
  request.add_tasks()->set_task_id("u");
  EXPECT_FALSE(PeekAt(request).single);
  *wrapped.mutable_request() = request;
  EXPECT_FALSE(PeekAt(wrapped).single);
  request.add_labeler_ids("ana");
  EXPECT_TRUE(PeekAt(request).single) << "ana asks for her next task";
  request.add_labeler_ids("bob");
  EXPECT_FALSE(PeekAt(request).single);
}

TEST(Peek, KnowsEveryKindOfRequest) {
  v1::UpsertPoolRequest pool;
  pool.mutable_pool()->set_pool_id("p");
  pool.mutable_pool()->add_skills()->set_name("s");
  EXPECT_EQ(PeekAt(pool).pool_hash, HashPool("p"));
  EXPECT_FALSE(PeekAt(pool).single);
  v1::DeleteLabelersRequest deletion;
  deletion.set_pool_id("p");
  deletion.add_labeler_ids("a");
  EXPECT_TRUE(PeekAt(deletion).single);
  deletion.add_labeler_ids("b");
  EXPECT_FALSE(PeekAt(deletion).single);
  v1::ReportAnswersRequest answers;
  answers.set_pool_id("p");
  answers.add_answers()->set_task_id("a");
  answers.add_tasks()->set_task_id("a");
  EXPECT_TRUE(PeekAt(answers).single);
  answers.add_answers()->set_task_id("b");
  EXPECT_FALSE(PeekAt(answers).single);
  v1::ListPoolsRequest list;
  EXPECT_EQ(PeekAt(list).pool_hash, HashPool(""));
}

TEST(Peek, ReadsOnOverTheEndsOfSlices) {
  v1::AllocateRequest request;
  request.set_pool_id(std::string(200, 'x'));
  for (int i = 0; i < 2; ++i) request.add_tasks()->set_task_id("t");
  const std::string bytes = request.SerializeAsString();
  std::vector<grpc::Slice> slices;
  for (const char c : bytes) slices.emplace_back(&c, 1);
  const grpc::ByteBuffer buffer(slices.data(), slices.size());
  const Peeked peeked =
      Peek(buffer, PlanPeek(*v1::AllocateRequest::descriptor()));
  EXPECT_EQ(peeked.pool_hash, HashPool(request.pool_id()));
  EXPECT_FALSE(peeked.single);
}

TEST(Peek, SurvivesWhatIsNoMessage) {
  const PeekPlan plan = PlanPeek(*v1::AllocateStreamRequest::descriptor());
  uint64_t random = 1;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (int k = 0; k < i % 64; ++k) {
      random = random * 6364136223846793005 + 1442695040888963407;
      bytes += static_cast<char>(random >> 56);
    }
    const grpc::Slice slice(bytes);
    Peek(grpc::ByteBuffer(&slice, 1), plan);
  }
}

}  // namespace
}  // namespace allot
