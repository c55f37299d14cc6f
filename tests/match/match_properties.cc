// SPDX-License-Identifier: Apache-2.0
// Tries every law of lib/match on random problems.
//
//   allot_match_properties [--instances=100000] [--seed=0]
//
// Exit status 1, naming the seed, if a law is broken.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tests/match/match_laws.h"

namespace allot {
namespace {

int Main(int argc, char** argv) {
  int64_t instances = 100'000;
  uint64_t first_seed = 0;
  for (int a = 1; a < argc; ++a) {
    absl::string_view argument = argv[a];
    const bool known =
        (absl::ConsumePrefix(&argument, "--instances=") &&
         absl::SimpleAtoi(argument, &instances) && instances > 0) ||
        (absl::ConsumePrefix(&argument, "--seed=") &&
         absl::SimpleAtoi(argument, &first_seed));
    if (!known) {
      std::fprintf(stderr, "usage: %s [--instances=N] [--seed=N]\n", argv[0]);
      return 2;
    }
  }
  const auto laws = MatchLaws();
  std::vector<int64_t> of_family(kFamilies, 0), of_law(laws.size(), 0);
  int64_t broken = 0;
  for (int64_t i = 0; i < instances; ++i) {
    const Instance instance = MakeInstance(first_seed + i);
    ++of_family[static_cast<int>(instance.family)];
    for (size_t l = 0; l < laws.size(); ++l) {
      if (!laws[l].applies(instance)) continue;
      ++of_law[l];
      const std::string wrong = laws[l].check(instance, &Match);
      if (wrong.empty()) continue;
      ++broken;
      std::printf("BROKEN %s, seed %llu (%s): %s\n", laws[l].name,
                  static_cast<unsigned long long>(instance.seed),
                  FamilyName(instance.family), wrong.c_str());
    }
  }
  std::printf("%lld instances:", static_cast<long long>(instances));
  for (int f = 0; f < kFamilies; ++f) {
    std::printf("%s %lld %s", f == 0 ? "" : ";",
                static_cast<long long>(of_family[f]),
                FamilyName(static_cast<Family>(f)));
  }
  std::printf("\n");
  for (size_t l = 0; l < laws.size(); ++l) {
    std::printf("%-20s %9lld checks\n", laws[l].name,
                static_cast<long long>(of_law[l]));
  }
  std::printf("%lld broken\n", static_cast<long long>(broken));
  return broken == 0 ? 0 : 1;
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) { return allot::Main(argc, argv); }
