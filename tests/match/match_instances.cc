// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "tests/match/match_laws.h"
#include "tests/match/match_testing.h"

namespace allot {
namespace {

RandomShape SmallShape(Rng& rng) {
  RandomShape shape;
  shape.tasks = 1 + static_cast<int>(rng.Below(5));
  shape.labelers = 1 + static_cast<int>(rng.Below(5));
  shape.density = 0.4 + 0.6 * rng.Uniform();
  return shape;
}

Problem NearDegenerate(Rng& rng) {
  RandomShape shape = SmallShape(rng);
  shape.lowest = 0;
  shape.highest = 3;
  Problem problem = RandomProblem(shape, rng);
  for (double& w : problem.utility) w = 1 + std::ldexp(w, -18);
  return problem;
}

Problem Contested(Rng& rng) {
  RandomShape shape;
  shape.tasks = 5 + static_cast<int>(rng.Below(36));
  shape.labelers = 5 + static_cast<int>(rng.Below(16));
  shape.density = 0.2 + 0.6 * rng.Uniform();
  shape.highest = rng.Bernoulli(0.5) ? 1000 : 5;
  shape.most_penalty = rng.Bernoulli(0.5) ? 100 : 0;
  return RandomProblem(shape, rng);
}

Problem Geometric(Rng& rng) {
  const int tasks = 4 + static_cast<int>(rng.Below(20));
  const int labelers = 4 + static_cast<int>(rng.Below(20));
  std::vector<std::pair<double, double>> place(labelers);
  Problem problem;
  for (auto& [x, y] : place) {
    x = rng.Uniform();
    y = rng.Uniform();
    problem.capacity.push_back(1 + static_cast<int32_t>(rng.Below(3)));
  }
  for (int t = 0; t < tasks; ++t) {
    const double x = rng.Uniform(), y = rng.Uniform();
    std::vector<Pair> pairs;
    for (int l = 0; l < labelers; ++l) {
      pairs.push_back(
          {l, 0.8 - std::hypot(x - place[l].first, y - place[l].second)});
    }
    AddTask(pairs, 1 + static_cast<int>(rng.Below(3)), problem);
  }
  return problem;
}

// As many pairs as fit, counted by augmenting paths of their own.
class PairCounter {
 public:
  explicit PairCounter(const Problem& problem)
      : problem_(problem),
        taken_(problem.num_edges(), false),
        load_(problem.num_labelers(), 0) {}
  int Count() {
    int count = 0;
    for (int t = 0; t < problem_.num_tasks(); ++t) {
      for (int k = 0; k < problem_.redundancy[t]; ++k) {
        seen_.assign(problem_.num_labelers(), false);
        if (Place(t)) ++count;
      }
    }
    return count;
  }

 private:
  // One more labeler for the task, others moving aside.
  bool Place(int task) {
    for (int e = problem_.offset[task]; e < problem_.offset[task + 1]; ++e) {
      const int l = problem_.labeler[e];
      if (taken_[e] || seen_[l] || problem_.capacity[l] == 0) continue;
      seen_[l] = true;
      if (load_[l] < problem_.capacity[l]) {
        ++load_[l];
        taken_[e] = true;
        return true;
      }
      for (int u = 0; u < problem_.num_tasks(); ++u) {
        for (int f = problem_.offset[u]; f < problem_.offset[u + 1]; ++f) {
          if (!taken_[f] || problem_.labeler[f] != l || !Place(u)) continue;
          taken_[f] = false;
          taken_[e] = true;
          return true;
        }
      }
    }
    return false;
  }

  const Problem& problem_;
  std::vector<bool> taken_, seen_;
  std::vector<int> load_;
};

}  // namespace

const char* FamilyName(Family family) {
  switch (family) {
    case Family::kSmall:
      return "small";
    case Family::kSmallPenalties:
      return "small, penalties";
    case Family::kSmallTies:
      return "small, ties";
    case Family::kNearDegenerate:
      return "near-degenerate";
    case Family::kTies:
      return "one utility";
    case Family::kContested:
      return "contested";
    case Family::kGeometric:
      return "geometric";
    case Family::kMacholWien:
      return "Machol and Wien";
  }
  return "unknown";
}

Instance MakeInstance(uint64_t seed) {
  Instance instance;
  instance.seed = seed;
  Rng rng = Rng(seed).Split(7);
  instance.family = static_cast<Family>(rng.Below(kFamilies));
  RandomShape shape = SmallShape(rng);
  switch (instance.family) {
    case Family::kSmall:
      instance.problem = RandomProblem(shape, rng);
      break;
    case Family::kSmallPenalties:
      shape.lowest = -9;
      shape.most_penalty = 9;
      instance.problem = RandomProblem(shape, rng);
      break;
    case Family::kSmallTies:
      shape.lowest = 0;
      shape.highest = 1;
      instance.problem = RandomProblem(shape, rng);
      break;
    case Family::kNearDegenerate:
      instance.problem = NearDegenerate(rng);
      break;
    case Family::kTies: {
      shape.tasks = 3 + static_cast<int>(rng.Below(15));
      shape.labelers = 3 + static_cast<int>(rng.Below(10));
      shape.density = 0.1 + 0.5 * rng.Uniform();
      shape.lowest = shape.highest = 7;
      instance.problem = RandomProblem(shape, rng);
      instance.best = 7.0 * PairCounter(instance.problem).Count();
      break;
    }
    case Family::kContested:
      instance.problem = Contested(rng);
      break;
    case Family::kGeometric:
      instance.problem = Geometric(rng);
      break;
    case Family::kMacholWien: {
      // Least when the largest i meets the smallest j.
      const int n = 2 + static_cast<int>(rng.Below(20));
      instance.best = 0;
      instance.problem.capacity.assign(n, 1);
      for (int i = 1; i <= n; ++i) {
        std::vector<Pair> pairs;
        for (int j = 1; j <= n; ++j) pairs.push_back({j - 1, -1.0 * i * j});
        AddTask(pairs, 1, instance.problem);
        instance.problem.unfilled_penalty.push_back(1e4);
        *instance.best -= i * (n + 1 - i);
      }
      break;
    }
  }
  return instance;
}

}  // namespace allot
