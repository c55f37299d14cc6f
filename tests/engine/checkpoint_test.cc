// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/checkpoint.h"

#include <gtest/gtest.h>

#include <bit>

#include "lib/base/rng.h"
#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

class CheckpointTest : public EngineTest {
 protected:
  void Grow(uint64_t seed, int tasks) {
    Rng rng(seed);
    for (int t = 0; t < tasks; ++t) {
      const std::string id = absl::StrCat("t", seed, "-", t);
      std::vector<Answer> answers;
      for (int l = 0; l < 4; ++l) {
        answers.push_back({.task = id,
                           .labeler = absl::StrCat("l", rng.Below(69)),
                           .label = static_cast<int32_t>(rng.Below(3)),
                           .handling_seconds = 1 + 50 * rng.Uniform()});
      }
      Report(answers);
      clock_.Advance(absl::Hours(1));
    }
  }
  void SetUp() override {
    Pool pool = SimplePool(2, 3);
    pool.learning.drift_per_day = 0.02;
    MakePool(pool);
    std::vector<LabelerUpdate> labelers;
    for (int l = 0; l < 70; ++l) {
      labelers.push_back(MakeLabeler(absl::StrCat("l", l), 5, 0.1));
      labelers.back().qualifications = {"tag"};
    }
    Add(labelers);
    Grow(1, 200);
    AllocateCall call = Batch({MakeTask("leased", 2)});
    call.lease_micros = 60'000'000;
    Allocate(call);
    engine_->DeleteLabelers("p", {"l69"}).IgnoreError();
  }
  // Everything a caller can see of the labelers, exactly.
  std::string Skills() const {
    std::string all;
    const auto page = engine_->ListLabelers("p", 0, 1000);
    for (const LabelerInfo& info : page->labelers) {
      const Labeler& l = info.labeler;
      absl::StrAppend(&all, l.id, " ", l.capacity, " ", info.open_leases, " ",
                      l.answers, " ", l.updated_unix_micros, " ",
                      absl::Hex(std::bit_cast<uint64_t>(l.speed.mean)));
      for (const SkillBelief& skill : l.skills) {
        absl::StrAppend(&all, " ",
                        absl::Hex(std::bit_cast<uint64_t>(skill.mean)), " ",
                        absl::Hex(std::bit_cast<uint64_t>(skill.variance)));
      }
      all += "\n";
    }
    return all;
  }
};

TEST_F(CheckpointTest, AReplayOfTheLogGivesTheSameSkillsBitForBit) {
  const std::string before = Skills();
  Restart();
  EXPECT_EQ(engine_->recovery().checkpoints_used, 0);
  EXPECT_EQ(Skills(), before);
}

TEST_F(CheckpointTest, GoingOnFromACheckpointEqualsGoingOnFromTheStart) {
  ASSERT_TRUE(engine_->SaveCheckpoints().ok());
  Grow(2, 150);
  const std::string before = Skills();
  Restart();
  EXPECT_EQ(engine_->recovery().checkpoints_used, 1);
  EXPECT_LT(engine_->recovery().events_replayed, 400);
  EXPECT_EQ(Skills(), before);
  Grow(3, 50);
  const std::string after = Skills();
  Restart();
  EXPECT_EQ(Skills(), after);
}

TEST_F(CheckpointTest, KeepsWhoSkippedATaskAndThatOneIsWithdrawn) {
  const auto release = [&](const std::string& task, ReleaseReason reason) {
    AllocateCall call = Batch({MakeTask(task)});
    call.lease_micros = 60'000'000;
    const Plan plan = Allocate(call);
    const std::vector<std::string> ids = {plan.pairs[0].lease->id};
    EXPECT_TRUE((*engine_->ReleaseLeases("p", ids, reason))[0].open);
    return plan.pairs[0].labeler;
  };
  release("broken", ReleaseReason::kNever);
  const std::string skipped = release("odd", ReleaseReason::kNotAgainToHer);
  ASSERT_TRUE(engine_->SaveCheckpoints().ok());
  Restart();
  ASSERT_EQ(engine_->recovery().checkpoints_used, 1);
  ASSERT_EQ(engine_->recovery().events_replayed, 0);
  const Plan plan = Allocate(Batch({MakeTask("broken"), MakeTask("odd")}));
  ASSERT_EQ(plan.pairs.size(), 1u);
  EXPECT_EQ(plan.pairs[0].task, 1);
  EXPECT_NE(plan.pairs[0].labeler, skipped);
  ASSERT_EQ(plan.unfilled.size(), 1u);
  EXPECT_EQ(plan.unfilled[0].reason, UnfilledReason::kWithdrawn);
}

TEST_F(CheckpointTest, APoolWithoutACheckpointIsThereBesideOneThatHasOne) {
  // A busy pool saves checkpoints, a quiet one, older than they, has none yet.
  Pool quiet = SimplePool();
  quiet.id = "quiet";
  ASSERT_TRUE(engine_->UpsertPool(quiet).ok());
  ASSERT_TRUE(engine_->UpsertLabelers("quiet", {MakeLabeler("a")}).ok());
  EngineOptions options;
  options.checkpoint_answers = 100;
  auto engine = Engine::Open(store_.get(), &clock_, options);
  ASSERT_TRUE(engine.ok());
  ASSERT_TRUE((*engine)->SaveDueCheckpoints().ok());
  ASSERT_EQ(store_->LoadCheckpoints()->size(), 1u);
  Restart();
  EXPECT_EQ(engine_->recovery().checkpoints_used, 1);
  ASSERT_TRUE(engine_->FindPool("quiet").ok());
  EXPECT_EQ(engine_->GetPool("quiet")->stats.labelers, 1);
}

TEST_F(CheckpointTest, ADamagedCheckpointOnlyCostsTime) {
  const std::string before = Skills();
  ASSERT_TRUE(engine_->SaveCheckpoints().ok());
  std::vector<Checkpoint> checkpoints = *store_->LoadCheckpoints();
  ASSERT_EQ(checkpoints.size(), 1u);
  Rng rng(1);
  for (int i = 0; i < 30; ++i) {
    Checkpoint damaged = checkpoints[0];
    damaged.bytes.resize(rng.Below(damaged.bytes.size()));
    ASSERT_TRUE(store_->SaveCheckpoints({&damaged, 1}).ok());
    Restart();
    EXPECT_EQ(engine_->recovery().checkpoints_used, 0);
    EXPECT_EQ(Skills(), before);
  }
}

TEST_F(CheckpointTest, AFlippedByteIsNotTrusted) {
  const std::string before = Skills();
  ASSERT_TRUE(engine_->SaveCheckpoints().ok());
  const Checkpoint good = (*store_->LoadCheckpoints())[0];
  Rng rng(2);
  for (int i = 0; i < 50; ++i) {
    Checkpoint damaged = good;
    damaged.bytes[rng.Below(damaged.bytes.size())] ^=
        static_cast<char>(1 + rng.Below(255));
    ASSERT_TRUE(store_->SaveCheckpoints({&damaged, 1}).ok());
    Restart();
    EXPECT_EQ(Skills(), before);
  }
}

}  // namespace
}  // namespace allot
