// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "lib/base/rng.h"
#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class AllocateTest : public EngineTest {
 protected:
  void SetUp() override { MakePool(); }

  static std::vector<std::string> LabelersOf(const Plan& plan) {
    std::vector<std::string> ids;
    for (const PlannedPair& pair : plan.pairs) ids.push_back(pair.labeler);
    return ids;
  }
};

TEST_F(AllocateTest, GivesATaskToTheMostSkilled) {
  Add({WithSkill(MakeLabeler("novice"), -1),
       WithSkill(MakeLabeler("expert"), 3), WithSkill(MakeLabeler("fair"), 1)});
  const Plan plan = EngineTest::Allocate(Batch({MakeTask("t", 2)}));
  EXPECT_THAT(LabelersOf(plan), ElementsAre("expert", "fair"));
  EXPECT_THAT(plan.unfilled, IsEmpty());
  EXPECT_EQ(plan.gap, 0);
  EXPECT_GT(plan.pairs[0].expected_accuracy, 0.95);
  EXPECT_GT(plan.pairs[0].bits, plan.pairs[1].bits);
}

TEST_F(AllocateTest, NeverPlansOneLabelerTwiceForATask) {
  Add({MakeLabeler("only")});
  const Plan plan = EngineTest::Allocate(Batch({MakeTask("t", 3)}));
  EXPECT_THAT(plan.pairs, SizeIs(1));
  ASSERT_THAT(plan.unfilled, SizeIs(1));
  EXPECT_EQ(plan.unfilled[0].missing, 2);
  EXPECT_EQ(plan.unfilled[0].reason, UnfilledReason::kNoEligibleLabeler);
}

TEST_F(AllocateTest, SaysWhenCapacityRanOut) {
  Add({MakeLabeler("a", 1)});
  const Plan plan =
      EngineTest::Allocate(Batch({MakeTask("t1"), MakeTask("t2")}));
  EXPECT_THAT(plan.pairs, SizeIs(1));
  ASSERT_THAT(plan.unfilled, SizeIs(1));
  EXPECT_EQ(plan.unfilled[0].reason, UnfilledReason::kCapacity);
}

TEST_F(AllocateTest, ZeroCapacityIsAReasonNotAnError) {
  Add({MakeLabeler("a", 0), MakeLabeler("b", 0)});
  const Plan plan = EngineTest::Allocate(Batch({MakeTask("t")}));
  EXPECT_THAT(plan.pairs, IsEmpty());
  ASSERT_THAT(plan.unfilled, SizeIs(1));
  EXPECT_EQ(plan.unfilled[0].reason, UnfilledReason::kCapacity);
}

TEST_F(AllocateTest, AnEmptyPoolIsAReasonNotAnError) {
  const Plan plan = EngineTest::Allocate(Batch({MakeTask("t")}));
  ASSERT_THAT(plan.unfilled, SizeIs(1));
  EXPECT_EQ(plan.unfilled[0].reason, UnfilledReason::kNoEligibleLabeler);
}

TEST_F(AllocateTest, SaysWhenAnAnswerIsNotWorthItsPrice) {
  Add({MakeLabeler("dear", 10, 1000)});
  const Plan plan = EngineTest::Allocate(Batch({MakeTask("t")}));
  EXPECT_THAT(plan.pairs, IsEmpty());
  ASSERT_THAT(plan.unfilled, SizeIs(1));
  EXPECT_EQ(plan.unfilled[0].reason, UnfilledReason::kNotWorthItsPrice);
}

TEST_F(AllocateTest, MustFillFillsWhateverItCosts) {
  Add({MakeLabeler("dear", 1, 1000), MakeLabeler("dearer", 1, 2000)});
  AllocateCall call = Batch({MakeTask("t", 2)});
  call.policy.weights.must_fill = true;
  const Plan plan = EngineTest::Allocate(call);
  EXPECT_THAT(LabelersOf(plan), ElementsAre("dear", "dearer"));
  EXPECT_LT(plan.objective, 0);
  EXPECT_EQ(plan.gap, 0);
}

TEST_F(AllocateTest, HonoursQualificationsAndExclusions) {
  LabelerUpdate doctor = MakeLabeler("doctor");
  doctor.qualifications = {"dicom", "german"};
  LabelerUpdate nurse = MakeLabeler("nurse");
  nurse.qualifications = {"german"};
  Add({doctor, nurse, MakeLabeler("clerk")});
  Task scan = MakeTask("scan", 3);
  scan.required_qualifications = {"german"};
  scan.excluded_labelers = {"nurse", "a stranger"};
  const Plan plan = EngineTest::Allocate(Batch({scan}));
  EXPECT_THAT(LabelersOf(plan), ElementsAre("doctor"));
}

TEST_F(AllocateTest, KeepsToTheLabelersItIsAskedFor) {
  Add({MakeLabeler("a"), MakeLabeler("b"), MakeLabeler("c")});
  AllocateCall call = Batch({MakeTask("t1"), MakeTask("t2")});
  call.labelers = {"b"};
  EXPECT_THAT(LabelersOf(EngineTest::Allocate(call)), ElementsAre("b", "b"));
  call.labelers = {"nobody"};
  EXPECT_EQ(engine_->Allocate(call).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(AllocateTest, ABudgetIsNeverExceededAndItsGapIsCertified) {
  std::vector<LabelerUpdate> labelers;
  Rng rng(5);
  for (int i = 0; i < 40; ++i) {
    labelers.push_back(WithSkill(
        MakeLabeler(absl::StrCat("l", i), 2, 0.05 + 0.2 * rng.Uniform()),
        rng.Normal() + 1));
  }
  Add(labelers);
  std::vector<Task> tasks;
  for (int i = 0; i < 30; ++i)
    tasks.push_back(MakeTask(absl::StrCat("t", i), 2));
  AllocateCall call = Batch(tasks);
  const Plan free = EngineTest::Allocate(call);
  double last = 0;
  for (const double share : {0.1, 0.3, 0.6, 0.9}) {
    call.budget = share * free.cost;
    const Plan plan = EngineTest::Allocate(call);
    EXPECT_LE(plan.cost, *call.budget * (1 + 1e-6));
    EXPECT_GE(plan.upper_bound, plan.objective - 1e-9);
    EXPECT_LE(plan.gap, 0.15) << "share " << share;
    EXPECT_GE(plan.objective, last);
    last = plan.objective;
    ASSERT_FALSE(plan.unfilled.empty());
    EXPECT_EQ(plan.unfilled[0].reason, UnfilledReason::kBudget);
  }
}

TEST_F(AllocateTest, BudgetZeroIsMetByFreeLabelersOnly) {
  Add({MakeLabeler("paid", 5, 0.01), WithSkill(MakeLabeler("free", 5, 0), 0)});
  AllocateCall call = Batch({MakeTask("t", 2)});
  call.budget = 0;
  EXPECT_THAT(LabelersOf(EngineTest::Allocate(call)), ElementsAre("free"));
}

TEST_F(AllocateTest, NoLabelerGetsMoreThanHerShare) {
  Add({WithSkill(MakeLabeler("star"), 4), MakeLabeler("a"), MakeLabeler("b")});
  std::vector<Task> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(MakeTask(absl::StrCat("t", i)));
  AllocateCall call = Batch(tasks);
  call.policy.weights.max_labeler_share = 0.4;
  std::map<std::string, int> work;
  for (const PlannedPair& pair : EngineTest::Allocate(call).pairs) {
    ++work[pair.labeler];
  }
  EXPECT_EQ(work["star"], 4);
}

TEST_F(AllocateTest, PairsBelowTheLeastAccuracyAreNotMade) {
  Add({WithSkill(MakeLabeler("weak"), -3), WithSkill(MakeLabeler("good"), 3)});
  AllocateCall call = Batch({MakeTask("t", 2)});
  call.policy.weights.min_expected_accuracy = 0.7;
  const Plan plan = EngineTest::Allocate(call);
  EXPECT_THAT(LabelersOf(plan), ElementsAre("good"));
  EXPECT_EQ(plan.unfilled[0].reason, UnfilledReason::kNoEligibleLabeler);
}

TEST_F(AllocateTest, AnswersOnRecordCountAgainstRedundancy) {
  Add({MakeLabeler("a"), MakeLabeler("b"), MakeLabeler("c")});
  Report({{.task = "t", .labeler = "a", .label = 1}});
  const Plan plan = EngineTest::Allocate(Batch({MakeTask("t", 2)}));
  ASSERT_THAT(plan.pairs, SizeIs(1));
  EXPECT_NE(plan.pairs[0].labeler, "a");
}

TEST_F(AllocateTest, TheMoreIsKnownOfATaskTheLessAFurtherAnswerIsWorth) {
  Add({WithSkill(MakeLabeler("a"), 2), WithSkill(MakeLabeler("b"), 2),
       WithSkill(MakeLabeler("c"), 2)});
  const double fresh =
      EngineTest::Allocate(Batch({MakeTask("new")})).pairs[0].bits;
  Report({{.task = "t", .labeler = "a", .label = 1},
          {.task = "t", .labeler = "b", .label = 1}});
  const Plan plan = EngineTest::Allocate(Batch({MakeTask("t", 3)}));
  ASSERT_THAT(plan.pairs, SizeIs(1));
  EXPECT_LT(plan.pairs[0].bits, 0.7 * fresh);
}

TEST_F(AllocateTest, TiesAreBrokenBySeedAndRepeatably) {
  std::vector<LabelerUpdate> labelers;
  for (int i = 0; i < 200; ++i) {
    labelers.push_back(MakeLabeler(absl::StrCat("l", i)));
  }
  Add(labelers);
  std::set<std::string> chosen;
  for (int64_t seed = 0; seed < 20; ++seed) {
    AllocateCall call = Batch({MakeTask("t")});
    call.seed = seed * 7;
    const Plan plan = EngineTest::Allocate(call);
    EXPECT_EQ(LabelersOf(plan), LabelersOf(EngineTest::Allocate(call)));
    chosen.insert(plan.pairs[0].labeler);
  }
  EXPECT_GT(chosen.size(), 10u);
}

TEST_F(AllocateTest, ExplainsWhatDecidedEachPair) {
  Add({WithSkill(MakeLabeler("best", 1), 3),
       WithSkill(MakeLabeler("next"), 1)});
  AllocateCall call = Batch({MakeTask("t1"), MakeTask("t2")});
  call.explain = true;
  const Plan plan = EngineTest::Allocate(call);
  ASSERT_THAT(plan.explanations, SizeIs(2));
  for (size_t i = 0; i < 2; ++i) {
    const PairExplanation& why = plan.explanations[i];
    EXPECT_NEAR(why.reduced_utility, plan.pairs[i].utility - why.dual_price,
                1e-12);
    if (plan.pairs[i].labeler == "best") {
      // Her one slot is contested: it costs what the other labeler misses.
      EXPECT_GT(why.dual_price, 0);
      EXPECT_EQ(why.runner_up, "next");
    }
  }
}

TEST_F(AllocateTest, OneTaskAgainstAHundredThousandLabelersIsOrdinary) {
  std::vector<LabelerUpdate> labelers;
  for (int i = 0; i < 100'000; ++i) {
    labelers.push_back(MakeLabeler(absl::StrCat("l", i)));
  }
  Add(labelers);
  Add({WithSkill(MakeLabeler("l77777"), 5)});
  const Plan plan = EngineTest::Allocate(Batch({MakeTask("t", 3)}));
  EXPECT_EQ(plan.filled, 3);
  EXPECT_EQ(plan.pairs[0].labeler, "l77777");
  EXPECT_LT(plan.candidates, 1000);
}

// Stands still, and counts who looks at it.
class CountingClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixSeconds(1); }
  int64_t MonotonicNanos() const override {
    ++readings;
    return 1;
  }
  mutable int64_t readings = 0;
};

TEST(AllocateDeadline, TheScanLooksAtTheClockOnItsWay) {
  const auto readings = [](int labelers, int tasks) {
    const CountingClock clock;
    const auto store = *OpenStore("memory:");
    const auto engine = *Engine::Open(store.get(), &clock, {});
    EXPECT_TRUE(engine->UpsertPool(SimplePool()).ok());
    std::vector<LabelerUpdate> updates;
    for (int i = 0; i < labelers; ++i) {
      updates.push_back(MakeLabeler(absl::StrCat("labeler", i)));
    }
    EXPECT_TRUE(engine->UpsertLabelers("p", updates).ok());
    AllocateCall call;
    call.pool = "p";
    for (int t = 0; t < tasks; ++t) {
      call.tasks.push_back(
          DefaultTask(**engine->FindPool("p"), absl::StrCat("task", t)));
    }
    call.deadline_nanos = 1'000'000;
    const int64_t before = clock.readings;
    EXPECT_TRUE(engine->Allocate(call).ok());
    return clock.readings - before;
  };
  EXPECT_GE(readings(30'000, 1), readings(1'000, 1) + 2);
  EXPECT_GE(readings(1'000, 16), readings(1'000, 4) + 3);
}

}  // namespace
}  // namespace allot
