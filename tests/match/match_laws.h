// SPDX-License-Identifier: Apache-2.0
// Laws that every solver of lib/match obeys on every problem, and families of
// random problems to try them on. A law takes the solver as a function, so that
// a test can hand it a broken one and see the law notice.
#ifndef ALLOT_TESTS_MATCH_MATCH_LAWS_H_
#define ALLOT_TESTS_MATCH_MATCH_LAWS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "lib/match/matcher.h"
#include "lib/match/problem.h"

namespace allot {

enum class Family {
  kSmall,           // up to 5 x 5, k <= 3, c <= 3: brute force can follow
  kSmallPenalties,  // the same with penalties, pairs of negative utility
  kSmallTies,       // the same with utilities of 0 and 1
  kNearDegenerate,  // up to 5 x 5, utilities 2^-18 apart
  kTies,            // one utility: as many pairs as fit
  kContested,       // up to 40 x 20, scarce capacity
  kGeometric,       // nearest by position in a square
  kMacholWien,      // i * j, assigned one to one
};
inline constexpr int kFamilies = 8;
const char* FamilyName(Family family);

struct Instance {
  uint64_t seed = 0;
  Family family = Family::kSmall;
  Problem problem;
  std::optional<double> best;  // where it is known without solving
};
// Family and problem by the seed alone.
Instance MakeInstance(uint64_t seed);

using SolveFunction = std::function<absl::StatusOr<Assignment>(
    const Problem&, const MatchOptions&)>;

struct Law {
  const char* name;
  bool (*applies)(const Instance&);
  // "" if the law holds, else what went wrong.
  std::string (*check)(const Instance&, const SolveFunction&);
};
std::span<const Law> MatchLaws();

}  // namespace allot

#endif  // ALLOT_TESTS_MATCH_MATCH_LAWS_H_
