// SPDX-License-Identifier: Apache-2.0
// A seeded, splittable source of randomness that draws the same numbers on
// every machine. The distributions of <random> differ between libraries, so
// the draws here are our own.
//
// Generator: xoshiro256** 1.0, seeded by SplitMix64 (Blackman and Vigna 2021,
// doi:10.1145/3460772).
#ifndef ALLOT_LIB_BASE_RNG_H_
#define ALLOT_LIB_BASE_RNG_H_

#include <cstdint>
#include <utility>

namespace allot {

// Not thread-safe: give each thread its own, by Split().
class Rng {
 public:
  explicit Rng(uint64_t seed);

  uint64_t NextU64();
  // Uniform on [0, 1), 53 random bits.
  double Uniform();
  // Uniform on {0, ..., bound-1}, unbiased. Requires bound >= 1.
  uint64_t Below(uint64_t bound);
  // Standard normal (Marsaglia's polar method).
  double Normal();
  // Exponential with mean 1.
  double Exponential();
  // Gamma with the given shape > 0 and scale 1 (Marsaglia and Tsang 2000,
  // doi:10.1145/358407.358414).
  double Gamma(double shape);
  // Beta(a, b). Requires a, b > 0.
  double Beta(double a, double b);
  bool Bernoulli(double probability) { return Uniform() < probability; }

  // An independent generator, for stream number `stream` of this seed.
  // Does not advance this generator.
  Rng Split(uint64_t stream) const;

  // UniformRandomBitGenerator, for std::shuffle-like helpers of our own.
  using result_type = uint64_t;
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }
  uint64_t operator()() { return NextU64(); }

 private:
  uint64_t state_[4];
  double spare_normal_ = 0;
  bool has_spare_normal_ = false;
};

// Fisher-Yates, the same order on every machine.
template <typename Container>
void Shuffle(Container& items, Rng& rng) {
  for (uint64_t i = items.size(); i > 1; --i) {
    const uint64_t j = rng.Below(i);
    using std::swap;
    swap(items[i - 1], items[j]);
  }
}

}  // namespace allot

#endif  // ALLOT_LIB_BASE_RNG_H_
