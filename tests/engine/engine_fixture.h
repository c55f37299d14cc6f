// SPDX-License-Identifier: Apache-2.0
// A pool in an engine on a memory store, and short words for using it.
#ifndef ALLOT_TESTS_ENGINE_ENGINE_FIXTURE_H_
#define ALLOT_TESTS_ENGINE_ENGINE_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/engine/engine.h"
#include "lib/store/store.h"

namespace allot {

inline Pool SimplePool(int skills = 1, int classes = 2) {
  Pool pool;
  pool.id = "p";
  for (int d = 0; d < skills; ++d) {
    pool.skills.push_back({.name = absl::StrCat("skill", d)});
  }
  LabelSet set{.name = "labels"};
  for (int k = 0; k < classes; ++k) set.labels.push_back(absl::StrCat("c", k));
  pool.label_sets.push_back(set);
  return pool;
}

inline LabelerUpdate MakeLabeler(std::string id, int capacity = 1000,
                                 double price = 0) {
  LabelerUpdate labeler;
  labeler.id = std::move(id);
  labeler.capacity = capacity;
  labeler.price = Price{.per_answer = price};
  return labeler;
}

inline LabelerUpdate WithSkill(LabelerUpdate labeler, double mean,
                               double variance = 0.01) {
  labeler.skills.push_back({0, {mean, variance}});
  return labeler;
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    store_ = *OpenStore("memory:");
    Restart();
  }
  // A new engine on the same log.
  void Restart() {
    engine_.reset();
    auto engine = Engine::Open(store_.get(), &clock_, {});
    EXPECT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }
  void MakePool(Pool pool = SimplePool()) {
    const auto made = engine_->UpsertPool(std::move(pool));
    ASSERT_TRUE(made.ok()) << made.status();
  }
  void Add(std::vector<LabelerUpdate> labelers) {
    const auto added = engine_->UpsertLabelers("p", std::move(labelers));
    ASSERT_TRUE(added.ok()) << added.status();
  }
  Task MakeTask(std::string id, int redundancy = 1) const {
    Task task = DefaultTask(**engine_->FindPool("p"), std::move(id));
    task.redundancy = redundancy;
    return task;
  }
  AllocateCall Batch(std::vector<Task> tasks) const {
    AllocateCall call;
    call.pool = "p";
    call.tasks = std::move(tasks);
    return call;
  }
  Plan Allocate(const AllocateCall& call) {
    auto plan = engine_->Allocate(call);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : Plan();
  }
  AnswerReceipt Report(std::vector<Answer> answers,
                       std::vector<Task> tasks = {}) {
    AnswerReport report;
    report.pool = "p";
    report.tasks = std::move(tasks);
    report.answers = std::move(answers);
    auto receipt = engine_->ReportAnswers(std::move(report));
    EXPECT_TRUE(receipt.ok()) << receipt.status();
    return receipt.ok() ? *std::move(receipt) : AnswerReceipt();
  }
  Labeler Get(const std::string& id) const {
    return engine_->GetLabeler("p", id)->labeler;
  }

  ManualClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_ENGINE_ENGINE_FIXTURE_H_
