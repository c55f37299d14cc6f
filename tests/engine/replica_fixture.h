// SPDX-License-Identifier: Apache-2.0
// Several engines on one log, and the invariants that hold whatever they do.
#ifndef ALLOT_TESTS_ENGINE_REPLICA_FIXTURE_H_
#define ALLOT_TESTS_ENGINE_REPLICA_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/engine/engine.h"
#include "lib/store/memory_store.h"
#include "tests/engine/engine_fixture.h"
#include "tests/testing/replica_store.h"

namespace allot {

// What the log alone says, by plain bookkeeping. Reading it checks the
// invariants: no pair is claimed or answered twice, no task is held by more
// than its redundancy (late answers aside, of which the log must show the
// expiry), no labeler over her capacity, every lease ends once.
class LogModel {
 public:
  void Read(Store& store) {
    const absl::Status status = store.LoadAll({}, [&](int64_t, Event&& event) {
      std::visit([&](const auto& body) { Take(body); }, event.body);
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
  }

  struct Held {
    std::string task;
    std::string labeler;
  };
  std::map<std::string, Held> open;                            // by lease
  std::set<std::string> leases;                                // ever granted
  std::map<std::pair<std::string, std::string>, int> answers;  // labels
  std::map<std::string, int> late;                             // by task
  int expired = 0;

 private:
  void Take(const PoolUpserted&) {}
  void Take(const RequestAnswered&) {}
  void Take(const LabelersDeleted&) {}
  void Take(const LabelersUpserted& body) {
    for (const LabelerUpdate& update : body.labelers) {
      if (update.capacity) capacity_[update.id] = *update.capacity;
    }
  }
  void Take(const TasksRecorded& body) {
    for (const Task& task : body.tasks) {
      redundancy_.emplace(task.id, task.redundancy);
    }
  }
  void Take(const LeasesGranted& body) {
    for (const Lease& lease : body.leases) {
      EXPECT_TRUE(leases.insert(lease.id).second) << lease.id << " twice";
      EXPECT_FALSE(answers.contains({lease.task, lease.labeler}))
          << lease.labeler << " has answered " << lease.task;
      for (const auto& [id, held] : open) {
        EXPECT_FALSE(held.task == lease.task && held.labeler == lease.labeler)
            << lease.labeler << " holds " << lease.task << " twice";
      }
      open[lease.id] = {lease.task, lease.labeler};
      EXPECT_LE(HeldBy(lease.labeler), capacity_.at(lease.labeler));
      EXPECT_LE(HeldOf(lease.task), redundancy_.at(lease.task)) << lease.task;
    }
  }
  void Take(const LeasesRenewed& body) {
    for (const std::string& id : body.ids) EXPECT_TRUE(open.contains(id)) << id;
  }
  void Take(const LeasesEnded& body) {
    for (const std::string& id : body.ids) {
      EXPECT_EQ(open.erase(id), 1u) << id << " ended, and was not open";
      if (body.reason == ReleaseReason::kExpired) ++expired;
    }
  }
  void Take(const AnswersRecorded& body) {
    for (const Answer& answer : body.answers) {
      EXPECT_TRUE(
          answers.emplace(std::pair(answer.task, answer.labeler), answer.label)
              .second)
          << answer.labeler << " answered " << answer.task << " twice";
      bool held = false;
      for (auto lease = open.begin(); lease != open.end(); ++lease) {
        if (lease->second.task != answer.task ||
            lease->second.labeler != answer.labeler) {
          continue;
        }
        open.erase(lease);
        held = true;
        break;
      }
      if (!held) ++late[answer.task];
    }
  }
  int HeldBy(const std::string& labeler) const {
    int count = 0;
    for (const auto& [id, held] : open) count += held.labeler == labeler;
    return count;
  }
  int HeldOf(const std::string& task) const {
    int count = 0;
    for (const auto& [id, held] : open) count += held.task == task;
    for (const auto& [pair, label] : answers) count += pair.first == task;
    return count;
  }

  std::map<std::string, int> capacity_;
  std::map<std::string, int> redundancy_;
};

class ReplicaTest : public testing::Test {
 protected:
  // A fresh log with pool "p" and labelers a, b, c, ... who can take
  // `capacity` tasks at once, and engines on it.
  void Start(size_t replicas, int labelers, int capacity = 1) {
    engines_.clear();
    stores_.clear();
    clocks_.clear();
    log_ = std::make_unique<MemoryStore>();
    for (size_t i = 0; i < replicas; ++i) AddReplica();
    ASSERT_TRUE(engines_[0]->UpsertPool(SimplePool()).ok());
    std::vector<LabelerUpdate> updates;
    for (int i = 0; i < labelers; ++i) {
      updates.push_back(
          MakeLabeler(std::string(1, static_cast<char>('a' + i)), capacity));
    }
    ASSERT_TRUE(engines_[0]->UpsertLabelers("p", updates).ok());
    for (const auto& engine : engines_) ASSERT_TRUE(engine->CatchUp().ok());
  }
  size_t AddReplica() {
    stores_.push_back(std::make_unique<ReplicaStore>(log_.get()));
    stores_.back()->trimmed = &trimmed_;
    clocks_.push_back(std::make_unique<ManualClock>());
    auto engine = Engine::Open(stores_.back().get(), clocks_.back().get(), {});
    EXPECT_TRUE(engine.ok()) << engine.status();
    engines_.push_back(*std::move(engine));
    return engines_.size() - 1;
  }
  AllocateCall Leased(std::vector<std::pair<std::string, int>> tasks,
                      int64_t seconds = 60) const {
    AllocateCall call;
    call.pool = "p";
    for (const auto& [id, redundancy] : tasks) {
      Task task = DefaultTask(SimplePool(), id);
      task.redundancy = redundancy;
      call.tasks.push_back(std::move(task));
    }
    call.lease_micros = seconds * 1'000'000;
    return call;
  }
  static AnswerReport Answered(const std::string& task,
                               const std::string& labeler,
                               const std::string& lease = "") {
    AnswerReport report;
    report.pool = "p";
    report.answers = {{.task = task, .labeler = labeler, .label = 0}};
    report.lease_ids = {lease};
    return report;
  }
  LogModel Model() const {
    LogModel model;
    model.Read(*log_);
    return model;
  }
  // Time passes for all.
  void Advance(absl::Duration step) {
    for (const auto& clock : clocks_) clock->Advance(step);
  }

  std::map<std::string, int64_t, std::less<>> trimmed_;
  std::unique_ptr<MemoryStore> log_;
  std::vector<std::unique_ptr<ReplicaStore>> stores_;
  std::vector<std::unique_ptr<ManualClock>> clocks_;
  std::vector<std::unique_ptr<Engine>> engines_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_ENGINE_REPLICA_FIXTURE_H_
