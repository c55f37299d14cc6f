// SPDX-License-Identifier: Apache-2.0
// Batches of single calls with a clock that stands still: windows end when the
// test says so.
#include "server/micro_batcher.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/engine_fixture.h"
#include "tests/server/test_jobs.h"

namespace allot {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr absl::Duration kWindow = absl::Milliseconds(10);

class MicroBatcherTest : public EngineTest {
 protected:
  struct Waiting {
    MicroBatcher::Member member;
    std::promise<absl::StatusOr<Plan>> answered;
    std::future<absl::StatusOr<Plan>> answer = answered.get_future();
  };

  MicroBatcherTest() {
    MakePool();
    Add({MakeLabeler("ana"), MakeLabeler("ben")});
    core_.engine = engine_.get();
    core_.clock = &clock_;
    core_.workers = &workers_;
    core_.metrics = &metrics_;
    batcher_ = std::make_unique<MicroBatcher>(
        &core_, kWindow,
        [this](const AllocateCall& joint,
               const std::vector<MicroBatcher::Member*>& members,
               const Plan& plan) {
          MutexLock lock(mutex_);
          planned_.push_back(members.size());
          pools_.push_back(joint.pool);
          for (const UnfilledTask& unfilled : plan.unfilled) {
            reasons_.push_back(unfilled.reason);
          }
        });
  }
  ~MicroBatcherTest() override {
    batcher_.reset();
    workers_.Drain();
  }

  Waiting& Call(const std::string& task) {
    Waiting& waiting = *waiting_.emplace_back(std::make_unique<Waiting>());
    waiting.member.call = Batch({MakeTask(task)});
    waiting.member.done = [&waiting](absl::StatusOr<Plan> plan) {
      waiting.answered.set_value(std::move(plan));
    };
    return waiting;
  }
  bool Add(Waiting& waiting, const std::string& key = "key") {
    return batcher_->Add(key, waiting.member);
  }
  using EngineTest::Add;
  void EndWindows() { clock_.Advance(2 * kWindow); }
  static bool Answered(Waiting& waiting) {
    return waiting.answer.wait_for(std::chrono::seconds(20)) ==
           std::future_status::ready;
  }
  static absl::Status StatusOf(Waiting& waiting) {
    return Answered(waiting) ? waiting.answer.get().status()
                             : absl::DeadlineExceededError("no answer");
  }
  // Sizes of the batches that were planned, alone or together.
  std::vector<size_t> planned() {
    MutexLock lock(mutex_);
    return planned_;
  }

  Mutex mutex_;
  std::vector<size_t> planned_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> pools_ ABSL_GUARDED_BY(mutex_);
  std::vector<UnfilledReason> reasons_ ABSL_GUARDED_BY(mutex_);
  Metrics metrics_{"test"};
  std::vector<std::unique_ptr<Waiting>> waiting_;
  WorkerPool workers_{&clock_, {.workers = 1, .queue = 100}};
  ServerCore core_;
  std::unique_ptr<MicroBatcher> batcher_;
};

TEST_F(MicroBatcherTest, OnlyCallsThatAreLikeOthersAndHaveTimeMayWait) {
  AllocateCall call = Batch({MakeTask("t")});
  EXPECT_TRUE(batcher_->Suits(call));
  call.deadline_nanos =
      clock_.MonotonicNanos() + absl::ToInt64Nanoseconds(4 * kWindow);
  EXPECT_FALSE(batcher_->Suits(call)) << "in a hurry";
  ++*call.deadline_nanos;
  EXPECT_TRUE(batcher_->Suits(call));
  AllocateCall other = call;
  other.budget = 1;
  EXPECT_FALSE(batcher_->Suits(other)) << "its budget is its own";
  other = call;
  other.labelers = {"ana"};
  EXPECT_FALSE(batcher_->Suits(other)) << "of one labeler";
  other = Batch({MakeTask("t"), MakeTask("u")});
  EXPECT_FALSE(batcher_->Suits(other)) << "a batch already";
}

TEST_F(MicroBatcherTest, AWindowThatIsFullDoesNotWaitForItsEnd) {
  for (size_t i = 0; i < MicroBatcher::kMostTasks; ++i) {
    ASSERT_TRUE(Add(Call(absl::StrCat("t", i))));
  }
  Waiting& next = Call("next");
  ASSERT_TRUE(Add(next));
  for (size_t i = 0; i < MicroBatcher::kMostTasks; ++i) {
    EXPECT_TRUE(StatusOf(*waiting_[i]).ok()) << i;
  }
  EXPECT_THAT(planned(), ElementsAre(MicroBatcher::kMostTasks));
  EndWindows();
  EXPECT_TRUE(StatusOf(next).ok());
  EXPECT_THAT(planned(), ElementsAre(MicroBatcher::kMostTasks, 1));
}

TEST_F(MicroBatcherTest, NobodyIsPlannedBeforeTheWindowEnds) {
  Waiting& first = Call("t");
  ASSERT_TRUE(Add(first));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_THAT(planned(), ElementsAre()) << "by its clock no time has passed";
  EndWindows();
  EXPECT_TRUE(StatusOf(first).ok());
}

TEST_F(MicroBatcherTest, EndsWhenWorkersAreDoneWithIt) {
  Waiting& call = Call("t");
  std::promise<void> hold;
  call.member.done = [&call, &hold](absl::StatusOr<Plan> plan) {
    call.answered.set_value(std::move(plan));
    hold.get_future().wait();
  };
  ASSERT_TRUE(Add(call));
  EndWindows();
  ASSERT_TRUE(call.answer.get().ok());
  auto ended = std::async(std::launch::async, [&] { batcher_.reset(); });
  EXPECT_EQ(ended.wait_for(std::chrono::milliseconds(50)),
            std::future_status::timeout);
  hold.set_value();
  ended.wait();
}

TEST_F(MicroBatcherTest, CallsOfDifferentKeysAreNotJoined) {
  Waiting& first = Call("t");
  Waiting& second = Call("u");
  ASSERT_TRUE(Add(first, "one"));
  ASSERT_TRUE(Add(second, "other"));
  EndWindows();
  EXPECT_TRUE(StatusOf(first).ok());
  EXPECT_TRUE(StatusOf(second).ok());
  EXPECT_THAT(planned(), ElementsAre(1, 1));
}

TEST_F(MicroBatcherTest, NoMoreWaitThanTheQueueHolds) {
  BusyWorker busy(workers_);
  int taken = 0;
  for (int i = 0; i < 200; ++i) {
    taken += Add(Call(absl::StrCat("t", i)), absl::StrCat("key", i % 10));
  }
  EXPECT_EQ(taken, workers_.queue_limit());
  busy.gate.Open();
  EndWindows();
  for (int i = 0; i < taken; ++i) {
    EXPECT_TRUE(StatusOf(*waiting_[static_cast<size_t>(i)]).ok());
  }
  workers_.Drain();
  // Now there is room again, though nobody to plan it but the sender.
  Waiting& next = Call("next");
  EXPECT_TRUE(Add(next));
  EndWindows();
  EXPECT_TRUE(StatusOf(next).ok());
}

TEST_F(MicroBatcherTest, PoolsTakeTurns) {
  Pool other = SimplePool();
  other.id = "q";
  MakePool(other);
  BusyWorker busy(workers_);
  for (const char* pool : {"p", "p", "p", "q"}) {
    Waiting& waiting = Call("t");
    waiting.member.call.pool = pool;
    ASSERT_TRUE(Add(waiting, absl::StrCat("key", waiting_.size())));
  }
  EndWindows();
  while (workers_.waiting() < 4) std::this_thread::yield();
  busy.gate.Open();
  for (const auto& waiting : waiting_) EXPECT_TRUE(Answered(*waiting));
  MutexLock lock(mutex_);
  EXPECT_THAT(pools_, ElementsAre("p", "q", "p", "p"));
}

TEST_F(MicroBatcherTest, OnesMistakeIsNobodyElses) {
  Waiting& wrong = Call("t");
  wrong.member.call.pool = "nowhere";
  Waiting& right = Call("u");
  ASSERT_TRUE(Add(wrong));
  ASSERT_TRUE(Add(right));
  EndWindows();
  EXPECT_EQ(StatusOf(wrong).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(StatusOf(right).ok());
}

TEST_F(MicroBatcherTest, WhoGoesNowDoesNotStopThePlanOfTheOthers) {
  std::atomic<bool> first_gone{false}, second_gone{true};
  Waiting& first = Call("t");
  first.member.call.cancelled = &first_gone;
  Waiting& second = Call("u");
  second.member.call.cancelled = &second_gone;
  // The first one goes just when the batch has been made up.
  second.member.done = [&](absl::StatusOr<Plan> plan) {
    first_gone = true;
    second.answered.set_value(std::move(plan));
  };
  Waiting& third = Call("v");
  for (Waiting* one : {&first, &second, &third}) ASSERT_TRUE(Add(*one));
  EndWindows();
  EXPECT_EQ(StatusOf(second).code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(StatusOf(third).ok());
  EXPECT_TRUE(StatusOf(first).ok()) << "it was planned, for nobody";
  EXPECT_THAT(planned(), ElementsAre(2));
}

TEST_F(MicroBatcherTest, TheJointPlanIsThereForTheMostUrgent) {
  Waiting& patient = Call("t");
  patient.member.call.deadline_nanos =
      clock_.MonotonicNanos() + 3'600'000'000'000;
  Waiting& urgent = Call("u");
  urgent.member.call.deadline_nanos = clock_.MonotonicNanos() + 1;
  ASSERT_TRUE(Add(patient));
  ASSERT_TRUE(Add(urgent));
  EndWindows();
  EXPECT_TRUE(Answered(patient));
  EXPECT_TRUE(Answered(urgent));
  EXPECT_THAT(planned(), ElementsAre(2));
  MutexLock lock(mutex_);
  EXPECT_THAT(reasons_, Each(UnfilledReason::kTimeLimit));
  EXPECT_EQ(reasons_.size(), 2u) << "its time was over before it began";
}

TEST(PartOf, AddsUpToTheWhole) {
  Plan joint;
  joint.objective = 5;
  joint.upper_bound = 5.5;
  for (const auto& [task, utility] : {std::pair{0, 1.0}, {1, 2.0}, {1, 2.0}}) {
    PlannedPair& pair = joint.pairs.emplace_back();
    pair.task = task;
    pair.utility = utility;
    pair.cost = 1;
  }
  joint.unfilled.push_back({0, 2, UnfilledReason::kCapacity});
  for (const double margin : {0.1, 0.2, 0.3}) {
    joint.explanations.emplace_back().margin = margin;
  }
  const Plan first = PartOf(joint, 0);
  const Plan second = PartOf(joint, 1);
  EXPECT_EQ(first.pairs.size(), 1u);
  EXPECT_EQ(first.slots, 3);
  EXPECT_EQ(first.filled, 1);
  ASSERT_EQ(first.unfilled.size(), 1u);
  EXPECT_EQ(second.pairs.size(), 2u);
  EXPECT_EQ(second.pairs[1].task, 0);
  EXPECT_TRUE(second.unfilled.empty());
  ASSERT_EQ(second.explanations.size(), 2u);
  EXPECT_EQ(second.explanations[0].margin, 0.2) << "its own pair's";
  EXPECT_EQ(second.explanations[1].margin, 0.3);
  EXPECT_DOUBLE_EQ(first.objective + second.objective, joint.objective);
  EXPECT_DOUBLE_EQ(first.cost + second.cost, 3);
  EXPECT_DOUBLE_EQ(first.upper_bound, 1.5) << "as much is open as in the whole";
}

}  // namespace
}  // namespace allot
