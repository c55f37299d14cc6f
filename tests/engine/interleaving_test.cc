// SPDX-License-Identifier: Apache-2.0
// The claim protocol under every order of a few replicas' calls to the store:
// bounded, but exhaustive.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/engine/replica_fixture.h"
#include "tests/testing/interleavings.h"

namespace allot {
namespace {

class InterleavingTest : public ReplicaTest {
 protected:
  void StartScheduled(size_t replicas, int labelers) {
    Start(replicas, labelers);
    plans_.assign(replicas, Plan());
    for (size_t i = 0; i < replicas; ++i) {
      stores_[i]->before = [this, i] {
        schedule_.Step(i);
        return absl::OkStatus();
      };
    }
  }
  // The leases that callers were given are those in the log, each once.
  void CheckLeasesAreThoseGivenOut() {
    const LogModel model = Model();
    std::set<std::string> given;
    for (const Plan& plan : plans_) {
      for (const PlannedPair& pair : plan.pairs) {
        EXPECT_TRUE(given.insert(pair.lease->id).second);
      }
    }
    EXPECT_EQ(given, model.leases);
  }

  Interleavings schedule_;
  std::vector<Plan> plans_;
};

TEST_F(InterleavingTest, RacingClaimsFillATaskExactly) {
  const int orders = schedule_.Explore(
      [this] {
        StartScheduled(3, 4);
        std::vector<std::function<void()>> programs;
        for (size_t i = 0; i < 3; ++i) {
          programs.push_back([this, i] {
            plans_[i] = *engines_[i]->Allocate(Leased({{"t", 2}}));
          });
        }
        return programs;
      },
      [this] {
        CheckLeasesAreThoseGivenOut();
        EXPECT_EQ(Model().open.size(), 2u);
      });
  RecordProperty("orders", orders);
  EXPECT_GT(orders, 100);
}

TEST_F(InterleavingTest, ClaimsOfOneLabelerNeverExceedHerCapacity) {
  const int orders = schedule_.Explore(
      [this] {
        StartScheduled(2, 1);
        std::vector<std::function<void()>> programs;
        for (size_t i = 0; i < 2; ++i) {
          programs.push_back([this, i] {
            plans_[i] =
                *engines_[i]->Allocate(Leased({{absl::StrCat("t", i), 1}}));
          });
        }
        return programs;
      },
      [this] {
        CheckLeasesAreThoseGivenOut();
        EXPECT_EQ(Model().open.size(), 1u);
      });
  RecordProperty("orders", orders);
  EXPECT_GT(orders, 5);
}

TEST_F(InterleavingTest, AnswersExpiriesAndClaimsKeepTheInvariants) {
  std::optional<AnswerReceipt> receipt;
  std::string labeler;
  const int orders = schedule_.Explore(
      [&] {
        StartScheduled(3, 3);
        const Plan first = *engines_[0]->Allocate(Leased({{"t", 1}}));
        plans_[0] = first;
        labeler = first.pairs[0].labeler;
        const std::string lease = first.pairs[0].lease->id;
        for (const auto& engine : engines_) engine->CatchUp().IgnoreError();
        // For the second replica the lease is over.
        clocks_[1]->Advance(absl::Minutes(2));
        return std::vector<std::function<void()>>{
            [this, &receipt, &labeler, lease] {
              receipt =
                  *engines_[0]->ReportAnswers(Answered("t", labeler, lease));
            },
            [this] { ASSERT_TRUE(engines_[1]->ExpireLeases().ok()); },
            [this] {
              plans_[2] = *engines_[2]->Allocate(Leased({{"t", 1}}));
            }};
      },
      [&] {
        CheckLeasesAreThoseGivenOut();
        LogModel model = Model();
        EXPECT_EQ(model.answers.size(), 1u);
        // Whoever is too late is told; whoever is in time is not too many.
        EXPECT_EQ(receipt->outcomes[0] == AnswerOutcome::kRecordedLate,
                  model.expired == 1);
        EXPECT_TRUE(model.expired == 1 || model.open.empty());
        EXPECT_EQ(model.late["t"], model.expired);
      });
  RecordProperty("orders", orders);
  EXPECT_GT(orders, 20);
}

TEST_F(InterleavingTest, LostRepliesChangeNothingButWhoKnows) {
  // Every order, and in each the first replica's first append loses its reply.
  const int orders = schedule_.Explore(
      [this] {
        StartScheduled(2, 3);
        stores_[0]->appends = 0;
        stores_[0]->after_append = [this](absl::StatusOr<int64_t>& result) {
          if (stores_[0]->appends == 1 && result.ok()) {
            result = absl::UnavailableError("lost");
          }
        };
        return std::vector<std::function<void()>>{
            [this] {
              for (int tries = 0; tries < 2; ++tries) {
                if (engines_[0]->ReportAnswers(Answered("t", "a")).ok()) break;
              }
            },
            [this] {
              ASSERT_TRUE(engines_[1]->ReportAnswers(Answered("t", "a")).ok());
              plans_[1] = *engines_[1]->Allocate(Leased({{"t", 1}, {"u", 1}}));
            }};
      },
      [this] {
        CheckLeasesAreThoseGivenOut();
        EXPECT_EQ(Model().answers.size(), 1u);
        EXPECT_EQ(Model().open.size(), 1u);
      });
  RecordProperty("orders", orders);
  EXPECT_GT(orders, 5);
}

}  // namespace
}  // namespace allot
