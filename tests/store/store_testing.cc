// SPDX-License-Identifier: Apache-2.0
#include "tests/store/store_testing.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

// Text in which strings are quoted and counted, so that no two values meet.
class Text {
 public:
  Text& Add(const std::string& value) {
    absl::StrAppend(&text_, value.size(), ":\"", value, "\" ");
    return *this;
  }
  Text& Add(int64_t value) {
    absl::StrAppend(&text_, value, " ");
    return *this;
  }
  Text& Add(int32_t value) { return Add(int64_t{value}); }
  Text& Add(bool value) { return Add(int64_t{value}); }
  Text& Add(double value) {
    absl::StrAppendFormat(&text_, "%a ", value);
    return *this;
  }
  Text& Add(float value) { return Add(double{value}); }
  Text& Add(const SkillBelief& belief) {
    return Add(belief.mean).Add(belief.variance);
  }
  Text& Add(const SkillWeight& entry) {
    return Add(entry.skill).Add(entry.weight);
  }
  Text& Add(const Price& price) {
    return Add(price.per_answer).Add(price.per_hour);
  }
  template <typename A, typename B>
  Text& Add(const std::pair<A, B>& pair) {
    return Add(pair.first).Add(pair.second);
  }
  template <typename T>
  Text& Add(const std::optional<T>& value) {
    if (!value.has_value()) {
      absl::StrAppend(&text_, "absent ");
      return *this;
    }
    return Add(*value);
  }
  template <typename T>
  Text& Add(const std::vector<T>& values) {
    absl::StrAppend(&text_, "[");
    for (const T& value : values) Add(value);
    absl::StrAppend(&text_, "] ");
    return *this;
  }

  Text& Add(const Skill& s) {
    return Add(s.name).Add(s.prior_mean).Add(s.prior_variance);
  }
  Text& Add(const LabelSet& s) { return Add(s.name).Add(s.labels); }
  Text& Add(const Policy& p) {
    const ObjectiveWeights& w = p.weights;
    Add(p.name).Add(w.quality).Add(w.cost).Add(w.time).Add(w.explore);
    Add(w.balance)
        .Add(w.fairness)
        .Add(w.fair_answers)
        .Add(w.must_fill)
        .Add(w.min_expected_accuracy);
    Add(w.max_labeler_share).Add(p.confidence.target_confidence);
    return Add(p.confidence.max_answers);
  }
  Text& Add(const LabelerUpdate& u) {
    Add(u.id).Add(u.price).Add(u.capacity).Add(u.qualifications);
    return Add(u.skills).Add(u.correlation_group);
  }
  Text& Add(const Task& t) {
    Add(t.id).Add(t.loading).Add(t.num_classes).Add(t.label_set);
    Add(t.difficulty).Add(t.difficulty_variance).Add(t.prior);
    Add(t.base_seconds).Add(t.redundancy).Add(t.value);
    Add(t.required_qualifications).Add(t.excluded_labelers);
    return Add(t.gold_label);
  }
  Text& Add(const Answer& a) {
    Add(a.task).Add(a.labeler).Add(a.label).Add(a.handling_seconds);
    return Add(a.answered_unix_micros);
  }
  Text& Add(const Lease& l) {
    return Add(l.id).Add(l.task).Add(l.labeler).Add(l.expires_unix_micros);
  }

  void operator()(const PoolUpserted& e) {
    Add(e.pool.id).Add(e.pool.skills).Add(e.pool.label_sets);
    Add(e.pool.policies).Add(e.pool.learning.learn_prior);
    Add(e.pool.learning.drift_per_day).Add(e.pool.learning.difficulty_variance);
  }
  void operator()(const LabelersUpserted& e) { Add(e.labelers); }
  void operator()(const LabelersDeleted& e) { Add(e.ids); }
  void operator()(const TasksRecorded& e) { Add(e.tasks); }
  void operator()(const AnswersRecorded& e) { Add(e.answers); }
  void operator()(const LeasesGranted& e) { Add(e.leases); }
  void operator()(const LeasesRenewed& e) {
    Add(e.ids).Add(e.expires_unix_micros);
  }
  void operator()(const LeasesEnded& e) {
    Add(e.ids).Add(static_cast<int>(e.reason));
  }
  void operator()(const RequestAnswered& e) {
    Add(e.id).Add(static_cast<int64_t>(e.fingerprint)).Add(e.response);
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

constexpr double kDenormal = std::numeric_limits<double>::denorm_min();
constexpr double kHuge = std::numeric_limits<double>::max();
constexpr int64_t kLatest = std::numeric_limits<int64_t>::max();
constexpr int64_t kEarliest = std::numeric_limits<int64_t>::min();

Pool HardPool() {
  Pool pool;
  pool.id = "Ünïcode/日本語 🦉";
  pool.skills = {{"détail \"quoted\" \\ \n", -0.0, kDenormal},
                 {"", kHuge, 0.1 + 0.2},
                 {"digits", 123456789.123456789, 1e-300}};
  pool.label_sets = {{"animals", {"cat", "dog", "🐕", ""}}, {"empty", {}}};
  Policy policy;
  policy.name = "thorough";
  policy.weights.quality = 1.0 / 3;
  policy.weights.cost = -0.0;
  policy.weights.time = 1e-7;
  policy.weights.explore = kDenormal;
  policy.weights.balance = 2;
  policy.weights.must_fill = true;
  policy.weights.min_expected_accuracy = 0.55;
  policy.weights.max_labeler_share = 0.25;
  policy.confidence = {0.999, std::numeric_limits<int32_t>::max()};
  pool.policies = {policy, Policy{}};
  pool.learning = {false, 1e-9, 0.3};
  return pool;
}

std::vector<LabelerUpdate> HardUpdates() {
  LabelerUpdate bare;
  bare.id = "änne";
  LabelerUpdate full;
  full.id = std::string("nul\0inside", 10);
  full.price = Price{0.1, -0.0};
  full.capacity = std::numeric_limits<int32_t>::max();
  full.qualifications = {"радиология", "a\"b", ""};
  full.skills = {
      {0, {-0.0, kDenormal}}, {255, {-kHuge, 1.0 / 3}}, {7, {1e21, 1e-7}}};
  full.correlation_group = "";
  LabelerUpdate emptied;
  emptied.id = "";
  emptied.qualifications.emplace();  // present, and none
  emptied.capacity = 0;
  emptied.correlation_group = "gpt-family";
  return {bare, full, emptied};
}

std::vector<Task> HardTasks() {
  Task task;
  task.id = "t'1; DROP TABLE answer;--";
  task.loading = {{0, 1.0f / 3},
                  {200, -0.0f},
                  {255, std::numeric_limits<float>::denorm_min()}};
  task.num_classes = 1000;
  task.label_set = "animals";
  task.difficulty = -0.0;
  task.difficulty_variance = 0.0;
  task.prior = {0.1, 0.2, 0.7, kDenormal, -0.0};
  task.base_seconds = 1e308;
  task.redundancy = 64;
  task.value = 3;  // a whole number stays a real one
  task.required_qualifications = {"ärzte", "b"};
  task.excluded_labelers = {"x"};
  task.gold_label = 0;
  return {Task{}, task};
}

}  // namespace

std::string Describe(const Event& event) {
  Text text;
  text.Add(event.pool).Add(event.unix_micros);
  text.Add(static_cast<int64_t>(event.body.index()));
  std::visit(text, event.body);
  return text.text();
}

std::vector<Event> HardEvents() {
  const std::string pool = HardPool().id;
  return {
      {pool, 1, PoolUpserted{HardPool()}},
      {"", kEarliest, PoolUpserted{}},
      {pool, kLatest, LabelersUpserted{HardUpdates()}},
      {pool, 0, LabelersUpserted{}},
      {pool, -1, LabelersDeleted{{"änne", "", "a\nb"}}},
      {pool, 2, LabelersDeleted{}},
      {pool, 3, TasksRecorded{HardTasks()}},
      {pool, 4, TasksRecorded{}},
      {pool, 5,
       AnswersRecorded{{{"t1", "änne", 0, std::nullopt, kLatest},
                        {"t1", "", 999, kDenormal, kEarliest},
                        {"", "änne", 1, -0.0, 0},
                        {"t2", "🦉", 1, 12.0, 1'700'000'000'000'000}}}},
      {pool, 6, AnswersRecorded{}},
      {"another", 7, AnswersRecorded{{{"t1", "änne", 3, 1e300, 8}}}},
      {pool, 8,
       LeasesGranted{
           {{"l1", "t1", "änne", kLatest}, {"l2", "t'", "🦉", kEarliest}}}},
      {pool, 9, LeasesGranted{}},
      {pool, 10, LeasesRenewed{{"l1", "lé"}, kLatest}},
      {pool, 11, LeasesRenewed{{}, kEarliest}},
      {pool, 12, LeasesEnded{{"l1"}, ReleaseReason::kReleased}},
      {pool, 13, LeasesEnded{{"l2", ""}, ReleaseReason::kNotAgainToHer}},
      {pool, 14, LeasesEnded{{}, ReleaseReason::kExpired}},
      {pool, 15,
       RequestAnswered{"Allocate:ü\"", ~uint64_t{0},
                       std::string("nul\0\xff", 5)}},
      {pool, 15, RequestAnswered{"r", 0, ""}},
      {pool, 15, RequestAnswered{}},  // forgotten
      {pool, 16, LeasesEnded{{"l3"}, ReleaseReason::kNever}},
  };
}

Event AnswersEvent(int batch, int count, const std::string& pool) {
  AnswersRecorded recorded;
  for (int i = 0; i < count; ++i) {
    Answer answer;
    answer.task = absl::StrCat("task-", batch, "-", i / 3);
    answer.labeler = absl::StrCat("labeler-", i % 3);
    answer.label = i % 2;
    answer.handling_seconds = 1.5 * i;
    answer.answered_unix_micros = 1'700'000'000'000'000 + batch;
    recorded.answers.push_back(std::move(answer));
  }
  return {pool, batch, std::move(recorded)};
}

absl::StatusOr<int64_t> AppendAtEnd(Store& store,
                                    const std::vector<Event>& events) {
  int64_t last = 0;
  for (size_t begin = 0, end = 0; begin < events.size(); begin = end) {
    const std::string& pool = events[begin].pool;
    while (end < events.size() && events[end].pool == pool) ++end;
    const std::span<const Event> run(&events[begin], end - begin);
    while (true) {
      int64_t after = 0;
      ALLOT_ASSIGN_OR_RETURN(const std::vector<LogEnd> ends, store.Ends());
      for (const LogEnd& known : ends) {
        if (known.pool == pool) after = known.sequence;
      }
      const absl::StatusOr<int64_t> appended = store.Append(pool, after, run);
      if (absl::IsAborted(appended.status())) continue;  // another thread did
      if (!appended.ok()) return appended;
      last = *appended;
      break;
    }
  }
  return last;
}

std::map<int64_t, std::string> LoadAll(Store& store, int64_t after) {
  std::map<int64_t, std::string> events;
  int64_t last = after;
  LogPositions positions;
  const absl::StatusOr<std::vector<LogEnd>> ends = store.Ends();
  EXPECT_TRUE(ends.ok()) << ends.status();
  for (const LogEnd& end : *ends) positions[end.pool] = after;
  const absl::Status status =
      store.LoadAll(positions, [&](int64_t sequence, Event&& event) {
        EXPECT_GT(sequence, last);
        last = sequence;
        events[sequence] = Describe(event);
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  return events;
}

TemporaryFolder::TemporaryFolder() {
  const std::string parent =
      access("/dev/shm", W_OK) == 0 ? "/dev/shm" : testing::TempDir();
  std::string name = parent + "/allot_store_XXXXXX";
  path_ = mkdtemp(name.data());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace allot
