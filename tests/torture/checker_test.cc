// SPDX-License-Identifier: Apache-2.0
// The judge sees what is wrong, and nothing else: a sound history, and the same
// one with each violation planted.
#include "tests/torture/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace allot::torture {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr int64_t kSecond = 1'000'000;

// Task 1 has redundancy 2, task 3 has 1; labeler 0 has capacity 1, 5 has 6.
struct Story {
  History history;

  Call& Add(Kind kind, int64_t invoked, int64_t returned,
            std::vector<Item> items) {
    Call& call = history.calls.emplace_back();
    call.kind = kind;
    call.invoked = invoked * kSecond;
    call.returned = returned == kNever ? kNever : returned * kSecond;
    call.lease_duration = 100 * kSecond;
    call.response = history.calls.size();
    call.attempts = 1;
    call.items = std::move(items);
    return call;
  }
  Call& Grant(int64_t at, int64_t lease, int32_t task, int32_t labeler,
              int64_t expires) {
    return Add(
        Kind::kAllocate, at, at + 1,
        {{lease, expires * kSecond, task, labeler, 0, Outcome::kGranted}});
  }
  Call& Renew(int64_t at, int64_t lease, int32_t task, int32_t labeler,
              Outcome outcome, int64_t expires = 0) {
    return Add(Kind::kRenew, at, at + 1,
               {{lease, expires * kSecond, task, labeler, 0, outcome}});
  }
  Call& End(Kind kind, int64_t at, int64_t lease, int32_t task, int32_t labeler,
            Outcome outcome) {
    return Add(kind, at, at + 1, {{lease, 0, task, labeler, 0, outcome}});
  }
  Call& Answer(int64_t at, int64_t lease, int32_t task, int32_t labeler,
               Outcome outcome, int8_t label = 1) {
    return Add(Kind::kReport, at, at + 1,
               {{lease, 0, task, labeler, label, outcome}});
  }
  void Keep(int32_t task, int32_t labeler, int8_t label = 1) {
    if (history.kept.empty()) history.kept.emplace_back();
    history.kept[0].push_back({0, task, labeler, label});
  }

  void ExpectSound() const {
    const Verdict verdict = Check(history);
    EXPECT_THAT(verdict.violations, IsEmpty())
        << testing::PrintToString(verdict.examples);
  }
  void ExpectOnly(const std::string& name) const {
    EXPECT_THAT(Check(history).violations, ElementsAre(Pair(name, 1)))
        << name << testing::PrintToString(Check(history).examples);
  }
};

// Two labelers on a task, one renews and answers; the other's lease expires, a
// third gets the slot; the second's answer comes late, the third skips.
Story Sound() {
  Story story;
  story.Grant(0, 1, 1, 5, 50);
  story.Grant(2, 2, 1, 6, 20);
  story.Renew(10, 1, 1, 5, Outcome::kOk, 110);
  story.Renew(30, 2, 1, 6, Outcome::kNotOpen);
  story.Grant(32, 3, 1, 7, 132);
  story.Answer(60, 1, 1, 5, Outcome::kRecorded);
  story.Answer(70, 2, 1, 6, Outcome::kRecordedLate);
  story.Answer(72, 2, 1, 6, Outcome::kDuplicate);
  story.Answer(74, 2, 1, 6, Outcome::kConflict, 0);
  story.End(Kind::kSkip, 80, 3, 1, 7, Outcome::kOk);
  story.End(Kind::kRelease, 82, 3, 1, 7, Outcome::kNotOpen);
  story.Grant(90, 4, 3, 0, 120);
  story.End(Kind::kRelease, 95, 4, 3, 0, Outcome::kOk);
  story.Grant(97, 5, 3, 0, 130);  // given back: she may have it again
  story.Keep(1, 5);
  story.Keep(1, 6);
  return story;
}

TEST(Judge, FindsNothingInASoundHistory) { Sound().ExpectSound(); }

TEST(Judge, GivesTheBenefitOfTheDoubtToCallsThatOverlap) {
  Story story = Sound();
  // Granted again in the very moment that the release is under way.
  story.Grant(200, 6, 4, 0, 300);
  story.Add(Kind::kRelease, 210, 215, {{6, 0, 4, 0, 0, Outcome::kOk}});
  story.Add(Kind::kAllocate, 211, 212,
            {{7, 300 * kSecond, 4, 0, 0, Outcome::kGranted}});
  // Never answered: it may have been released or not, and the answer kept.
  story.Add(Kind::kRelease, 220, kNever, {{7, 0, 4, 0, 0, Outcome::kUnknown}});
  story.Grant(230, 8, 4, 0, 300);
  story.Add(Kind::kReport, 240, kNever, {{8, 0, 4, 0, 1, Outcome::kUnknown}});
  story.Keep(4, 0);
  story.ExpectSound();
}

TEST(Judge, SeesAPairWithTwoLeases) {
  Story story = Sound();
  story.Grant(200, 6, 1, 8, 300);
  story.Grant(210, 7, 1, 8, 300);
  EXPECT_GE(Check(story.history).violations.at("pair_twice"), 1);
}

TEST(Judge, SeesAnAnsweredPairGrantedAgain) {
  Story story = Sound();
  story.Grant(200, 6, 1, 5, 300);
  EXPECT_EQ(Check(story.history).violations.at("pair_twice"), 1);
}

TEST(Judge, SeesASkippedPairGrantedAgain) {
  Story story = Sound();
  story.Grant(200, 6, 3, 9, 300);
  story.End(Kind::kSkip, 202, 6, 3, 9, Outcome::kOk);
  story.Grant(210, 7, 3, 9, 300);
  story.ExpectOnly("pair_twice");
}

TEST(Judge, SeesAWithdrawnTaskGrantedToSomebodyElse) {
  Story story = Sound();
  story.Grant(200, 6, 3, 9, 300);
  // Another one holds the task of redundancy 2 when it is withdrawn.
  story.Grant(201, 7, 4, 8, 300);
  story.Grant(202, 8, 4, 7, 300);
  story.End(Kind::kWithdraw, 203, 7, 4, 8, Outcome::kOk);
  story.End(Kind::kWithdraw, 204, 6, 3, 9, Outcome::kNotOpen);
  story.End(Kind::kRelease, 205, 6, 3, 9, Outcome::kOk);
  story.Grant(206, 9, 3, 6, 300);
  story.ExpectSound();
  story.Grant(210, 10, 4, 6, 300);
  story.ExpectOnly("withdrawn_granted");
}

TEST(Judge, SeesATaskOverItsRedundancy) {
  Story story;
  story.Grant(0, 1, 3, 5, 50);
  story.Grant(10, 2, 3, 6, 50);
  story.ExpectOnly("over_redundancy");
}

TEST(Judge, SeesOneAnswerTooManyInTime) {
  Story story;
  story.Grant(0, 1, 3, 5, 50);
  story.Answer(5, 1, 3, 5, Outcome::kRecorded);
  story.Grant(10, 2, 3, 6, 50);
  story.Keep(3, 5);
  story.ExpectOnly("over_redundancy");
}

TEST(Judge, SeesALabelerOverHerCapacity) {
  Story story;
  story.Grant(0, 1, 3, 0, 50);
  story.Grant(10, 2, 4, 0, 50);
  story.ExpectOnly("over_capacity");
}

TEST(Judge, CountsARenewedLeaseToItsNewEnd) {
  Story story;
  story.Grant(0, 1, 3, 5, 20);
  story.Renew(10, 1, 3, 5, Outcome::kOk, 200);
  story.Grant(100, 2, 3, 6, 200);
  story.ExpectOnly("over_redundancy");
}

TEST(Judge, SeesAnAnswerThatWasLost) {
  Story story = Sound();
  story.history.kept[0].pop_back();
  EXPECT_EQ(Check(story.history).violations.at("answer_lost"), 1);
  std::vector<const Call*> calls;
  for (const Call& call : story.history.calls) calls.push_back(&call);
  EXPECT_EQ(CheckKept(calls, story.history.kept[0]).total(), 1);
}

TEST(Judge, SeesAnAnswerThatIsThereTwice) {
  Story story = Sound();
  story.Keep(1, 6);
  story.ExpectOnly("answer_twice");
}

TEST(Judge, SeesAnAnswerThatWasRecordedTwice) {
  Story story = Sound();
  story.Answer(76, 2, 1, 6, Outcome::kRecordedLate);
  story.ExpectOnly("answer_twice");
}

TEST(Judge, SeesAnAnswerThatNobodyGave) {
  Story story = Sound();
  story.Keep(1, 9);
  story.ExpectOnly("answer_invented");
}

TEST(Judge, SeesAnAnswerThatChanged) {
  Story story = Sound();
  story.history.kept[0][0].label = 0;
  const Verdict verdict = Check(story.history);
  EXPECT_EQ(verdict.violations.at("answer_changed"), 1);
}

TEST(Judge, SeesAReleasedLeaseRenewed) {
  Story story = Sound();
  story.Renew(120, 3, 1, 7, Outcome::kOk, 220);
  story.ExpectOnly("stale_lease");
}

TEST(Judge, SeesALeaseReleasedTwice) {
  Story story = Sound();
  story.End(Kind::kRelease, 120, 3, 1, 7, Outcome::kOk);
  story.ExpectOnly("stale_lease");
}

TEST(Judge, SeesAnExpiredLeaseRenewed) {
  Story story;
  story.Grant(0, 1, 3, 5, 20);
  story.Renew(30, 1, 3, 5, Outcome::kOk, 200);
  story.ExpectOnly("stale_lease");
}

TEST(Judge, LetsALeaseOfASharedStoreEndAsLateAsARestartMakesIt) {
  const auto busy = [](Story& story) {
    for (int64_t at = 3; at < 60; at += 3) {
      story.Renew(at, 9, 6, 6, Outcome::kNotOpen);
    }
  };
  Story story;
  story.history.shared = true;
  story.Grant(0, 1, 3, 5, 20);
  Story anew = story;
  anew.Renew(39, 1, 3, 5, Outcome::kOk, 200);  // by one that started at 19
  busy(anew);
  anew.ExpectSound();
  story.Renew(50, 1, 3, 5, Outcome::kOk, 200);
  story.ExpectSound();  // all replicas may have been down until 30
  busy(story);
  story.ExpectOnly("stale_lease");
}

TEST(Judge, SeesALeaseUsedAfterItsAnswer) {
  Story story;
  story.Grant(0, 1, 3, 5, 200);
  story.Answer(10, 1, 3, 5, Outcome::kRecorded);
  story.Keep(3, 5);
  story.End(Kind::kRelease, 20, 1, 3, 5, Outcome::kOk);
  story.ExpectOnly("stale_lease");
}

TEST(Judge, SeesALateAnswerThatCountsAsInTime) {
  Story story;
  story.Grant(0, 1, 3, 5, 200);
  story.End(Kind::kRelease, 5, 1, 3, 5, Outcome::kOk);
  story.Answer(10, 1, 3, 5, Outcome::kRecorded);
  story.Keep(3, 5);
  story.ExpectOnly("late_as_in_time");
}

TEST(Judge, SeesALeaseNumberGivenTwiceAndOneThatGoesBack) {
  Story twice;
  twice.Add(Kind::kAllocate, 0, 5, {{1, 50, 3, 5, 0, Outcome::kGranted}});
  twice.Add(Kind::kAllocate, 1, 6, {{1, 50, 6, 6, 0, Outcome::kGranted}});
  twice.ExpectOnly("fencing");
  Story back;
  back.Grant(0, 7, 3, 5, 50);
  back.Grant(10, 6, 6, 6, 50);
  back.ExpectOnly("fencing");
}

TEST(Judge, SeesARetryWithAnotherResponse) {
  Story story = Sound();
  story.history.calls[0].again = {story.history.calls[0].response, 77};
  story.ExpectOnly("retry_differs");
}

TEST(History, IsReadBackAsItWasWritten) {
  Story story = Sound();
  story.history.calls[3].again = {1, 2, 3};
  const std::string path = testing::TempDir() + "/history.bin";
  ASSERT_TRUE(SaveHistory(story.history, path).ok());
  const absl::StatusOr<History> read = LoadHistory(path);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->calls.size(), story.history.calls.size());
  EXPECT_EQ(read->calls[3].again, story.history.calls[3].again);
  EXPECT_EQ(read->calls[5].items[0].task, story.history.calls[5].items[0].task);
  EXPECT_EQ(read->kept[0].size(), story.history.kept[0].size());
  EXPECT_FALSE(LoadHistory("/dev/null").ok());
}

}  // namespace
}  // namespace allot::torture
