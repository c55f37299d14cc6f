// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/past_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/rng.h"
#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

struct Made {
  AllocateCall call;
  Plan plan;
};

std::string Describe(const Plan& plan) {
  std::string text = absl::StrCat(plan.objective, " ", plan.upper_bound, "\n");
  for (const PlannedPair& pair : plan.pairs) {
    absl::StrAppend(&text, pair.task, " ", pair.labeler, " ",
                    absl::Hex(std::bit_cast<uint64_t>(pair.expected_accuracy)),
                    " ", absl::Hex(std::bit_cast<uint64_t>(pair.utility)),
                    "\n");
  }
  return text;
}

class PastEngineTest : public EngineTest {
 protected:
  PastEngineTest() {
    MakePool(SimplePool(2, 3));
    std::vector<LabelerUpdate> labelers;
    for (int i = 0; i < kLabelers; ++i) {
      labelers.push_back(MakeLabeler(absl::StrCat("l", i), 2, 0.01 * (i % 3)));
    }
    Add(std::move(labelers));
  }

  // One call after another, some of them plans, which are kept.
  void Live(uint64_t seed, int steps) {
    Rng rng(seed);
    for (int step = 0; step < steps; ++step) {
      clock_.Advance(absl::Milliseconds(100));
      const auto dice = rng.Below(10);
      if (dice < 5) {
        PlanOne();
      } else if (dice < 8 && !leased_.empty()) {
        AnswerOne(rng);
      } else if (dice == 8 && !leased_.empty()) {
        const std::string lease = leased_[rng.Below(leased_.size())].lease->id;
        ASSERT_TRUE(engine_
                        ->ReleaseLeases("p", std::vector<std::string>{lease},
                                        ReleaseReason::kNotAgainToHer)
                        .ok());
      } else {
        // Most leases run out; the fits are late by chance.
        clock_.Advance(absl::Seconds(20));
        ASSERT_TRUE(engine_->ExpireLeases().ok());
        const auto fitted = rng.Below(2) == 0 ? engine_->RefitDue()
                                              : absl::StatusOr<int64_t>(0);
        ASSERT_TRUE(fitted.ok());
      }
    }
  }

  void PlanOne() {
    AllocateCall call = Batch({});
    for (int t = 0; t < 3; ++t) {
      call.tasks.push_back(
          MakeTask(absl::StrCat("t", (next_ + 7 * t) % 60), 3));
    }
    call.seed = next_++;
    if (next_ % 4 != 0) call.lease_micros = 30'000'000;
    const auto plan = engine_->Allocate(call);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_TRUE(plan->basis.repeatable());
    for (const PlannedPair& pair : plan->pairs) {
      if (!pair.lease) continue;
      leased_.push_back(pair);
    }
    made_.push_back({call, *plan});
  }

  void AnswerOne(Rng& rng) {
    const size_t at = rng.Below(leased_.size());
    AnswerReport report;
    report.pool = "p";
    const PlannedPair& pair = leased_[at];
    Answer answer;
    answer.task = pair.lease->task;
    answer.labeler = pair.labeler;
    answer.label = static_cast<int32_t>(rng.Below(3));
    report.answers = {answer};
    report.lease_ids = {pair.lease->id};
    ASSERT_TRUE(engine_->ReportAnswers(std::move(report)).ok());
    leased_.erase(leased_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  PastEngine::ModelVersions Models() const {
    PastEngine::ModelVersions models;
    for (const Made& made : made_) {
      models["p"].insert(made.plan.basis.model_version);
    }
    return models;
  }

  static constexpr int kLabelers = 12;
  int64_t next_ = 0;
  std::vector<PlannedPair> leased_;
  std::vector<Made> made_;
};

TEST_F(PastEngineTest, PlansAgainWhatWasPlanned) {
  for (const uint64_t seed : {1, 2, 3}) {
    Live(seed, 250);
    // What an engine has from its checkpoint is what it has from the log.
    ASSERT_TRUE(engine_->SaveCheckpoints().ok());
    Restart();
  }
  const auto past = PastEngine::Open(store_.get(), &clock_, Models());
  ASSERT_TRUE(past.ok()) << past.status();
  int leased = 0;
  for (Made& made : made_) {
    const PlanBasis& basis = made.plan.basis;
    const absl::Status there =
        (*past)->Advance("p", basis.sequence, basis.model_version);
    ASSERT_TRUE(there.ok()) << there;
    leased += made.call.lease_micros.has_value();
    made.call.lease_micros.reset();
    const auto plan = (*past)->engine().Allocate(made.call);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(Describe(*plan), Describe(made.plan));
    EXPECT_EQ(plan->basis.sequence, basis.sequence);
    EXPECT_EQ(plan->basis.model_version, basis.model_version);
  }
  EXPECT_GT(leased, 100);
  EXPECT_GT(made_.back().plan.basis.model_version, 1) << "models were fitted";
}

TEST_F(PastEngineTest, NeedsTheStateItWasPlannedOn) {
  Live(4, 250);
  const PlanBasis& last = made_.back().plan.basis;
  const auto plan_on = [&](int64_t sequence, int64_t model) {
    const auto past = PastEngine::Open(store_.get(), &clock_, Models());
    EXPECT_TRUE(past.ok());
    const absl::Status there = (*past)->Advance("p", sequence, model);
    EXPECT_TRUE(there.ok()) << there;
    AllocateCall call = made_.back().call;
    call.lease_micros.reset();
    return Describe(*(*past)->engine().Allocate(call));
  };
  EXPECT_EQ(plan_on(last.sequence, last.model_version),
            Describe(made_.back().plan));
  EXPECT_NE(plan_on(made_[1].plan.basis.sequence, 0),
            Describe(made_.back().plan));
}

TEST_F(PastEngineTest, SaysWhatTheLogDoesNotHave) {
  Live(5, 50);
  const auto past = PastEngine::Open(store_.get(), &clock_, {});
  ASSERT_TRUE(past.ok());
  const int64_t end = made_.back().plan.basis.sequence;
  EXPECT_THAT((*past)->Advance("p", end + 1000, 0).message(),
              HasSubstr("no event"));
  EXPECT_THAT((*past)->Advance("p", 3, 0).message(), HasSubstr("no event 3"))
      << "never back";
  EXPECT_THAT((*past)->Advance("other", 3, 0).message(), HasSubstr("other"));
  const auto again = PastEngine::Open(store_.get(), &clock_, {});
  EXPECT_THAT((*again)->Advance("p", end, 7).message(),
              HasSubstr("no fitted model 7"));
}

TEST_F(PastEngineTest, WritesNothing) {
  Live(6, 50);
  const auto ends = store_->Ends();
  const auto past = PastEngine::Open(store_.get(), &clock_, {});
  ASSERT_TRUE((*past)->Advance("p", made_.back().plan.basis.sequence, 0).ok());
  AllocateCall call = Batch({MakeTask("new", 2)});
  call.lease_micros = 1'000'000;
  (void)(*past)->engine().Allocate(call);
  EXPECT_EQ((*store_->Ends())[0].sequence, (*ends)[0].sequence);
}

}  // namespace
}  // namespace allot
