// SPDX-License-Identifier: Apache-2.0
// Bytes -> problem -> every solver -> certificate: all must agree.
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "lib/match/certificate.h"
#include "lib/match/matcher.h"

namespace allot {
namespace {

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  int Next(int bound) {
    const int byte = at_ < size_ ? data_[at_++] : 0;
    return byte % bound;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

void Require(bool holds) {
  if (!holds) std::abort();
}

Problem Decode(Bytes& bytes) {
  Problem problem;
  const int tasks = bytes.Next(12), labelers = bytes.Next(12);
  const int spread = 1 + bytes.Next(64);
  const bool penalties = bytes.Next(2) == 1;
  const double unit = std::ldexp(1.0, bytes.Next(80) - 40);
  for (int l = 0; l < labelers; ++l) problem.capacity.push_back(bytes.Next(5));
  for (int t = 0; t < tasks; ++t) {
    problem.redundancy.push_back(bytes.Next(5));
    if (penalties) {
      problem.unfilled_penalty.push_back(unit * bytes.Next(spread));
    }
    for (int l = 0; l < labelers; ++l) {
      const int kind = bytes.Next(4);
      if (kind == 0) continue;
      // Repeated labelers, which Validate() must refuse, now and then.
      problem.labeler.push_back(kind == 3 && bytes.Next(64) == 1 ? l / 2 : l);
      problem.utility.push_back(unit * (bytes.Next(spread + 8) - 8));
    }
    problem.offset.push_back(static_cast<int32_t>(problem.labeler.size()));
  }
  return problem;
}

}  // namespace
}  // namespace allot

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using allot::Require;
  using allot::Solver;
  allot::Bytes bytes(data, size);
  const allot::Problem problem = allot::Decode(bytes);
  std::vector<double> price;
  for (int l = 0; l < problem.num_labelers(); ++l) {
    price.push_back(bytes.Next(16) - 4);
  }
  double best = 0;
  bool first = true;
  for (const Solver solver :
       {Solver::kHungarian, Solver::kAuction, Solver::kAuto, Solver::kGreedy}) {
    for (const bool warm : {false, true}) {
      allot::MatchOptions options;
      options.solver = solver;
      if (warm) options.warm_price = price;
      const auto assignment = allot::Match(problem, options);
      if (!assignment.ok()) {
        Require(!allot::Validate(problem).ok());
        return 0;
      }
      Require(allot::CheckAssignment(problem, *assignment).ok());
      const double slack =
          1e-9 + 1e-9 * std::abs(assignment->objective) +
          2 * assignment->quantum * static_cast<double>(problem.num_slots());
      if (solver == Solver::kGreedy) {
        Require(assignment->objective <= best + slack);
        Require(assignment->upper_bound >= best - slack);
        continue;
      }
      Require(assignment->exact);
      if (first) best = assignment->objective;
      first = false;
      Require(std::abs(assignment->objective - best) <= slack);
    }
  }
  return 0;
}
