// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/demo_data.h"
#include "lib/base/rng.h"

namespace allot {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kSkills = 3;
constexpr const char* kSkillNames[kSkills] = {"indoor", "wildlife", "night"};
constexpr int kLabels = 4;
constexpr const char* kLabelNames[kLabels] = {"cat", "dog", "bird", "other"};
constexpr double kLabelShares[kLabels] = {0.35, 0.3, 0.2, 0.15};
constexpr int64_t kFirstAnswer = 1777626000;  // 2026-05-01T09:00:00Z

struct Person {
  std::string id;
  double skill[kSkills] = {};
  double median_seconds = 8;
  double price = 0;
  int capacity = 12;
};

struct Photo {
  std::string id;
  int kind = 0;           // the skill that matters most
  double difficulty = 0;  // logits, unknown to the service
  int truth = 0;
};

// A team as it is found in practice: many regulars, a few specialists, some
// who click through, one model.
std::vector<Person> MakeTeam(const DemoOptions& options, Rng rng) {
  std::vector<Person> team;
  for (int i = 0; i < options.labelers; ++i) {
    Person person;
    const int tenth = i % 10;
    const char* role = "regular";
    double general = 1.2 + 0.6 * rng.Normal();
    person.price = 0.04;
    if (i == options.labelers - 1) {
      role = "model";
      general = 1.0;
      person.price = 0.001;
      person.capacity = 100000;
    } else if (tenth == 3 || tenth == 7) {
      role = "expert";
      person.price = 0.09;
      person.capacity = 6;
    } else if (tenth == 5) {
      role = "hasty";
      general = -3;
      person.price = 0.03;
    }
    person.id = absl::StrFormat("%s-%02d", role, i + 1);
    for (double& skill : person.skill) skill = general + 0.5 * rng.Normal();
    if (tenth == 3 || tenth == 7) person.skill[rng.Below(kSkills)] += 2.5;
    if (i == options.labelers - 1) {
      person.skill[0] += 1.5;
      person.skill[2] -= 1.5;
    }
    person.median_seconds = role[0] == 'h'   ? 3
                            : role[0] == 'm' ? 0.2
                                             : 8 * std::exp(0.3 * rng.Normal());
    team.push_back(person);
  }
  return team;
}

Photo MakePhoto(std::string id, Rng& rng) {
  Photo photo;
  photo.id = std::move(id);
  photo.kind = static_cast<int>(rng.Below(kSkills));
  photo.difficulty = 0.7 * rng.Normal();
  double rest = rng.Uniform();
  while (photo.truth + 1 < kLabels && rest >= kLabelShares[photo.truth]) {
    rest -= kLabelShares[photo.truth++];
  }
  return photo;
}

v1::Task Specify(const Photo& photo) {
  v1::Task task;
  task.set_task_id(photo.id);
  for (int s = 0; s < kSkills; ++s) {
    (*task.mutable_loading())[kSkillNames[s]] = s == photo.kind ? 0.8F : 0.1F;
  }
  task.mutable_base_handling_time()->set_seconds(8);
  return task;
}

v1::Answer MakeAnswer(const Person& person, const Photo& photo, Rng& rng) {
  double logit = -photo.difficulty;
  for (int s = 0; s < kSkills; ++s) {
    logit += (s == photo.kind ? 0.8 : 0.1) * person.skill[s];
  }
  const double right =
      1.0 / kLabels + (1 - 1.0 / kLabels) / (1 + std::exp(-logit));
  int label = photo.truth;
  if (!rng.Bernoulli(right)) {
    label = static_cast<int>(rng.Below(kLabels - 1));
    if (label >= photo.truth) ++label;
  }
  v1::Answer answer;
  answer.set_task_id(photo.id);
  answer.set_labeler_id(person.id);
  answer.set_label_name(kLabelNames[label]);
  const double seconds = person.median_seconds * std::exp(0.5 * rng.Normal());
  *answer.mutable_handling_time() = TimeUtil::MillisecondsToDuration(
      std::max<int64_t>(50, std::llround(1000 * seconds)));
  return answer;
}

v1::Task Truth(const Photo& photo) {
  v1::Task task;
  task.set_task_id(photo.id);
  task.set_gold_label(photo.truth);
  return task;
}

v1::Pool MakePool() {
  v1::Pool pool;
  pool.set_pool_id("demo");
  for (const char* name : kSkillNames) pool.add_skills()->set_name(name);
  v1::LabelSet& labels = *pool.add_label_sets();
  labels.set_name("animal");
  for (const char* name : kLabelNames) labels.add_labels(name);
  v1::Policy& policy = *pool.add_policies();
  policy.set_name("standard");
  policy.set_quality(0.2);
  policy.set_target_confidence(0.95);
  return pool;
}

}  // namespace

DemoData GenerateDemo(const DemoOptions& options) {
  const Rng root(options.seed);
  DemoData data;
  data.pool = MakePool();
  const std::vector<Person> team = MakeTeam(options, root.Split(1));
  for (const Person& person : team) {
    v1::Labeler& labeler = data.labelers.emplace_back();
    labeler.set_labeler_id(person.id);
    labeler.mutable_price()->set_per_answer(person.price);
    labeler.set_capacity(person.capacity);
  }

  Rng rng = root.Split(2);
  std::vector<int> order(team.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  int64_t now = kFirstAnswer;
  const int redundancy =
      std::min(options.redundancy, static_cast<int>(team.size()));
  for (int t = 0; t < options.tasks; ++t) {
    const Photo photo = MakePhoto(absl::StrFormat("photo-%04d", t + 1), rng);
    data.past_tasks.push_back(Specify(photo));
    data.truth.push_back(Truth(photo));
    if (t % 10 == 0) data.gold.push_back(Truth(photo));
    for (int i = 0; i < redundancy; ++i) {
      // The first `redundancy` places of a shuffle of the team.
      const auto place = static_cast<size_t>(i);
      std::swap(order[place], order[place + rng.Below(order.size() - place)]);
      v1::Answer& answer = data.past_answers.emplace_back(
          MakeAnswer(team[static_cast<size_t>(order[place])], photo, rng));
      now += 1 + static_cast<int64_t>(rng.Below(5));
      *answer.mutable_answered_at() = TimeUtil::SecondsToTimestamp(now);
    }
  }
  for (int t = 0; t < options.batch; ++t) {
    const Photo photo = MakePhoto(absl::StrFormat("new-%03d", t + 1), rng);
    v1::Task& task = data.batch.emplace_back(Specify(photo));
    task.set_redundancy(3);
    data.truth.push_back(Truth(photo));
    for (const Person& person : team) {
      data.batch_answers.push_back(MakeAnswer(person, photo, rng));
    }
  }
  data.explanation = absl::StrCat(
      "A photo-tagging team, generated (seed ", options.seed,
      "): is it a cat, a dog, a bird or something else?\n", team.size(),
      " labelers: most are regulars at 0.04 a photo; one in five is an expert "
      "in one kind of\nphoto at 0.09; one in ten clicks through at 0.03; the "
      "last one is a cheap model.\nPhotos are indoor, wildlife or night shots, "
      "and every labeler is better at some than at others.\nNobody told allot "
      "who is who: it learns from ",
      data.past_answers.size(), " answers to ", options.tasks,
      " photos, of which ", data.gold.size(),
      " have a known truth,\nand then plans ", options.batch,
      " new ones, 3 labelers each.\n");
  return data;
}

}  // namespace allot
