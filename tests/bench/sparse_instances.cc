// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/sparse_instances.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "lib/base/rng.h"

namespace allot::bench {
namespace {

constexpr int kSkills = 16;
constexpr double kUnit = 1e6;
constexpr double kPerfectPenalty = 1e8;

std::vector<float> SkillVectors(int rows, const std::vector<double>& centre,
                                Rng& rng) {
  const int clusters = static_cast<int>(centre.size()) / kSkills;
  std::vector<float> skill;
  for (int i = 0; i < rows; ++i) {
    const int c = static_cast<int>(rng.Below(clusters));
    for (int d = 0; d < kSkills; ++d) {
      skill.push_back(
          static_cast<float>(centre[c * kSkills + d] + 0.25 * rng.Normal()));
    }
  }
  return skill;
}

float Dot(const float* a, const float* b) {
  float sum = 0;
  for (int d = 0; d < kSkills; ++d) sum += a[d] * b[d];
  return sum;
}

using Row = std::vector<std::pair<int32_t, double>>;  // labeler, cost

class Generator {
 public:
  Generator(const Family& f, int tasks, int labelers, Rng& rng)
      : f_(f), labelers_(labelers), rng_(rng), taken_(labelers, -1) {
    if (!f.nearest) return;
    std::vector<double> centre(64 * kSkills);
    for (double& x : centre) x = 0.6 * rng.Normal();
    task_skill_ = SkillVectors(tasks, centre, rng);
    labeler_skill_ = SkillVectors(labelers, centre, rng);
    index_.resize(labelers);
    std::iota(index_.begin(), index_.end(), 0);
  }

  // `sure` is a labeler that must be listed, or -1.
  Row Make(int task, int sure) {
    Row row;
    const auto add = [&](int labeler) {
      taken_[labeler] = task;
      row.emplace_back(labeler, Cost(task, labeler));
    };
    const int edges = std::min(f_.edges_per_task, labelers_);
    if (f_.nearest) {
      // The best of a random sample, which keeps large instances cheap to make.
      const int sample = std::min(labelers_, 2000);
      std::vector<std::pair<float, int32_t>> score(sample);
      for (int i = 0; i < sample; ++i) {
        if (sample < labelers_) {
          std::swap(index_[i], index_[i + rng_.Below(labelers_ - i)]);
        }
        score[i] = {-Dot(&task_skill_[size_t{1} * task * kSkills],
                         &labeler_skill_[size_t{1} * index_[i] * kSkills]),
                    index_[i]};
      }
      std::nth_element(score.begin(), score.begin() + (edges - 1), score.end());
      for (int i = 0; i < edges; ++i) add(score[i].second);
      if (sure >= 0 && taken_[sure] != task) add(sure);
    } else {
      if (sure >= 0) add(sure);
      while (static_cast<int>(row.size()) < edges) {
        const int labeler = static_cast<int>(rng_.Below(labelers_));
        if (taken_[labeler] != task) add(labeler);
      }
    }
    std::sort(row.begin(), row.end());
    return row;
  }

 private:
  double Cost(int task, int labeler) {
    if (!f_.nearest) return 1.0 + static_cast<double>(rng_.Below(1'000'000));
    const double dot = Dot(&task_skill_[size_t{1} * task * kSkills],
                           &labeler_skill_[size_t{1} * labeler * kSkills]);
    return std::round(kUnit * (1 - 1 / (1 + std::exp(-dot))));
  }

  const Family& f_;
  const int labelers_;
  Rng& rng_;
  std::vector<int> taken_;
  std::vector<float> task_skill_, labeler_skill_;
  std::vector<int32_t> index_;
};

int Between(int least, int most, Rng& rng) {
  return least + static_cast<int>(rng.Below(most - least + 1));
}

}  // namespace

const std::vector<Family>& Families() {
  static const std::vector<Family> families = {
      {"s10k-uni", false, 10000, 10000, 32, 1, 1, 1, 1, true, 25, 3},
      {"s10k-knn", true, 10000, 10000, 32, 1, 1, 1, 1, true, 20, 3},
      {"t1k-uni", false, 1000, 10000, 64, 3, 3, 1, 5, false, 30, 0},
      {"t1k-knn", true, 1000, 10000, 64, 3, 3, 1, 5, false, 30, 0},
      {"t10k-uni", false, 10000, 2000, 64, 3, 3, 20, 20, false, 25, 0},
      {"t10k-knn", true, 10000, 2000, 64, 3, 3, 20, 20, false, 8, 3},
      {"t10k-scarce", true, 10000, 2000, 64, 3, 3, 8, 12, false, 6, 0},
      {"t100k-uni", false, 100000, 20000, 32, 1, 5, 1, 31, false, 25, 0},
      {"t100k-knn", true, 100000, 20000, 32, 1, 5, 1, 31, false, 30, 3},
  };
  return families;
}

Problem MakeInstance(const Family& f, double scale) {
  const int tasks = std::max(1, static_cast<int>(f.tasks * scale));
  const int labelers = std::max(1, static_cast<int>(f.labelers * scale));
  Rng rng(1234 + f.name[0] * 31 + tasks * 7 + labelers + (f.nearest ? 5 : 0));
  Problem p;
  for (int t = 0; t < tasks; ++t) {
    p.redundancy.push_back(Between(f.least_redundancy, f.most_redundancy, rng));
  }
  for (int l = 0; l < labelers; ++l) {
    p.capacity.push_back(Between(f.least_capacity, f.most_capacity, rng));
  }
  p.unfilled_penalty.assign(tasks, f.perfect ? kPerfectPenalty : kUnit);
  std::vector<int32_t> partner;
  if (f.perfect) {
    partner.resize(tasks);
    std::iota(partner.begin(), partner.end(), 0);
    Shuffle(partner, rng);
  }
  Generator generator(f, tasks, labelers, rng);
  for (int t = 0; t < tasks; ++t) {
    for (const auto& pair : generator.Make(t, f.perfect ? partner[t] : -1)) {
      p.labeler.push_back(pair.first);
      p.utility.push_back(-pair.second);
    }
    p.offset.push_back(static_cast<int32_t>(p.labeler.size()));
  }
  return p;
}

Problem Replace(const Problem& problem, double share, uint64_t seed) {
  Problem p = problem;
  Rng rng(seed);
  for (int t = 0; t < p.num_tasks(); ++t) {
    if (!rng.Bernoulli(share)) continue;
    for (int e = p.offset[t]; e < p.offset[t + 1]; ++e) {
      const double cost = -p.utility[e] * (0.9 + 0.2 * rng.Uniform());
      p.utility[e] = -std::clamp(std::round(cost), 1.0, kUnit);
    }
  }
  return p;
}

}  // namespace allot::bench
