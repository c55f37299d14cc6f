// SPDX-License-Identifier: Apache-2.0
// What answers teach is worked out while they are made durable. However it was
// worked out, and whether or not the append came to pass, the state is the one
// that the events in the log fold to, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/rng.h"
#include "lib/engine/checkpoint.h"
#include "lib/engine/pool_state.h"
#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

constexpr int kLabelers = 100;
constexpr int64_t kStart = 1'700'000'000'000'000;

class AnticipationTest : public ::testing::TestWithParam<int> {
 protected:
  AnticipationTest() {
    pool_.learning.drift_per_day = 0.02;
    LabelersUpserted labelers;
    for (int i = 0; i < kLabelers; ++i) {
      LabelerUpdate& update = labelers.labelers.emplace_back();
      update.id = absl::StrCat("l", i);
      if (i % 7 == 0) update.correlation_group = absl::StrCat("g", i % 3);
    }
    for (const EventBody& body :
         {EventBody(PoolUpserted{pool_}), EventBody(labelers)}) {
      for (PoolState* state : {&anticipating_, &folding_}) {
        state->Apply(sequence_, {"p", kStart, body}, 0);
        state->Publish();
      }
      ++sequence_;
    }
  }

  // New answers to new and known tasks, some of them gold.
  std::vector<Event> Draw() {
    TasksRecorded tasks;
    AnswersRecorded answers;
    for (int n = 0; n < 20; ++n) {
      const std::string id = absl::StrCat("t", rng_.Below(40));
      const TaskRecord* record = folding_.FindTask(id);
      Task* coming = nullptr;
      for (Task& task : tasks.tasks) {
        if (task.id == id) coming = &task;
      }
      if (record == nullptr && coming == nullptr) {
        Task& task = tasks.tasks.emplace_back(DefaultTask(pool_, id));
        if (rng_.Below(5) == 0) task.gold_label = 1;
      } else if (record != nullptr && coming == nullptr &&
                 rng_.Below(20) == 0) {
        Task& task = tasks.tasks.emplace_back(record->spec);
        task.gold_label = 0;
      }
      Answer answer;
      answer.task = id;
      // Nobody answers a task twice.
      const int64_t row = static_cast<int64_t>(rng_.Below(kLabelers));
      answer.labeler = absl::StrCat("l", row);
      const bool again =
          std::ranges::any_of(answers.answers, [&](const Answer& other) {
            return other.task == id && other.labeler == answer.labeler;
          });
      const auto at = static_cast<int32_t>(row);
      if (again || (record != nullptr && record->Involves(at))) continue;
      answer.label = static_cast<int32_t>(rng_.Below(2));
      answer.handling_seconds = 1 + rng_.Uniform();
      answer.answered_unix_micros = kStart + sequence_ * 1'000'000;
      answers.answers.push_back(std::move(answer));
    }
    std::vector<Event> events;
    const int64_t now = kStart + sequence_ * 1'000'000;
    if (!tasks.tasks.empty()) events.push_back({"p", now, std::move(tasks)});
    events.push_back({"p", now, std::move(answers)});
    return events;
  }

  void Apply(const std::vector<Event>& events, PoolState& state) {
    for (size_t i = 0; i < events.size(); ++i) {
      state.Apply(sequence_ + static_cast<int64_t>(i), events[i], 0);
    }
    state.Publish();
  }

  Pool pool_ = SimplePool(2);
  Rng rng_{static_cast<uint64_t>(GetParam())};
  int64_t sequence_ = 1;
  PoolState anticipating_, folding_;
};

TEST_P(AnticipationTest, LeavesTheStateThatTheEventsFoldTo) {
  for (int round = 0; round < 30; ++round) {
    const std::vector<Event> events = Draw();
    anticipating_.Anticipate(events, {});
    Apply(events, anticipating_);
    Apply(events, folding_);
    sequence_ += static_cast<int64_t>(events.size());
    ASSERT_EQ(SaveCheckpoint(anticipating_), SaveCheckpoint(folding_))
        << "round " << round;
  }
}

TEST_P(AnticipationTest, LeavesNoTraceOfWhatDoesNotCome) {
  for (int round = 0; round < 30; ++round) {
    const std::vector<Event> refused = Draw(), events = Draw();
    anticipating_.Anticipate(refused, {});
    anticipating_.Forget();
    ASSERT_EQ(SaveCheckpoint(anticipating_), SaveCheckpoint(folding_))
        << "round " << round;
    Apply(events, anticipating_);
    Apply(events, folding_);
    sequence_ += static_cast<int64_t>(events.size());
  }
}

TEST_P(AnticipationTest, ShowsReadersNothing) {
  for (int round = 0; round < 30; ++round) {
    const std::vector<Event> events = Draw();
    const std::shared_ptr<const Roster> roster = anticipating_.Publish();
    const Labeler before = roster->Describe(0);
    const int64_t answers = anticipating_.num_answers();
    const size_t tasks = anticipating_.tasks().size();
    const TaskRecord* task = anticipating_.FindTask("t0");
    const size_t known = task == nullptr ? 0 : task->answers.size();
    anticipating_.Anticipate(events, {});
    EXPECT_EQ(anticipating_.num_answers(), answers);
    EXPECT_EQ(anticipating_.tasks().size(), tasks);
    EXPECT_EQ(anticipating_.FindTask("t0"), task);
    if (task != nullptr) {
      EXPECT_EQ(task->answers.size(), known);
    }
    EXPECT_EQ(roster->Describe(0).skills[0].mean, before.skills[0].mean);
    Apply(events, anticipating_);
    Apply(events, folding_);
    sequence_ += static_cast<int64_t>(events.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnticipationTest, ::testing::Range(0, 5));

}  // namespace
}  // namespace allot
