// SPDX-License-Identifier: Apache-2.0
// How sure are we of one categorical task's label, given its answers so far?
// The request path.
//
//   P(z = k | answers)  is proportional to
//       prior[k] * integral N(b; difficulty) prod_i P(answer_i | z = k, b) db
//
// Each labeler either knows the answer, or guesses:
//
//   P(answer_i = l | z = k, b) = know_i(b) [l = k] + (1 - know_i(b)) G_i[k][l]
//   know_i(b) = sigmoid((m_i - b) / sqrt(1 + pi/8 v_i))
//
// m_i and v_i are mean and variance of the labeler's logit on this task, before
// difficulty is taken off; the square root is MacKay's approximation of the
// integral over the labeler's unknown skill. G_i is what a labeler answers who
// does not know: uniform by default, which makes the expected accuracy
// 1/K + (1 - 1/K) know_i; else any row-stochastic K x K matrix (habits such as
// "if in doubt, no", classes that are mistaken for each other). A labeler whose
// answers are worse than chance is expressed by a low m_i and their G_i.
//
// The integral over the difficulty b is what keeps the confidence honest when
// answers disagree: disagreement raises b, and with it the doubt in every
// answer. Nine Gauss-Hermite nodes: with a handful of answers the posterior is
// within 1e-3 of the exact integral up to a standard deviation of 1 logit, and
// within 0.01 up to 2; sharper likelihoods fall between the nodes, which then
// costs calibration, never sanity.
//
// Correlated answers (copies of one model, labelers sharing a screen) carry one
// group number. n answers of a group count as n / (1 + (n - 1) rho) of them
// (the design effect of Kish 1965): each one's likelihood is raised to the
// power 1 / (1 + (n - 1) rho).
//
// Units    logits are natural; entropy and contributions are bits (base 2).
// Shapes   K classes, n answers, Q nodes (1 if the difficulty is known).
// Cost     O(Q (n + K)); n answers with a guess matrix add O(Q n K)
//          multiplications. No allocation beyond result and
//          scratch, both of which keep their capacity between calls.
// Numerics products with a binary exponent of their own, which costs no
//          logarithms: no underflow at 10^4 answers. A labeler is never
//          believed beyond 1 - 1e-12, and no entry of G is taken below 1e-9.
// Order    the order of the answers matters only to the last bits of rounding.
// Errors   kInvalidArgument names the field: K outside [2, kMaxClasses], a
//          prior or matrix of the wrong size, a prior entry that is negative or
//          not finite or all of them 0, a label outside [0, K), a logit that is
//          not finite, a negative variance. That rows of G sum to 1 is trusted.
//
// MacKay (1992), doi:10.1162/neco.1992.4.5.720. Whitehill et al. (2009), "Whose
// vote should count more" (difficulty). Hovy et al. (2013), "Learning whom to
// trust with MACE" (know or guess).
#ifndef ALLOT_LIB_TRUTH_POSTERIOR_H_
#define ALLOT_LIB_TRUTH_POSTERIOR_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "lib/truth/group_weights.h"

namespace allot {

inline constexpr int32_t kMaxClasses = 65536;

struct ScoredAnswer {
  int32_t label = 0;
  double logit_mean = 0;
  double logit_variance = 0;
  // [K x K] row-major, rows = truth; empty = uniform. Borrowed.
  std::span<const float> guess;
  // Answers with the same group >= 0 are correlated; -1 stands alone.
  int32_t group = -1;
};

struct ScoredTask {
  int32_t num_classes = 2;
  std::span<const double> prior;  // [K], any positive scale; empty = uniform
  double difficulty_mean = 0;
  double difficulty_variance = 0;
  double group_correlation = kGroupCorrelation;  // rho, in [0, 1]
};

struct TaskPosterior {
  std::vector<double> probability;  // [K]
  int32_t label = 0;                // the most probable; the lowest index wins
  double confidence = 0;            // probability[label]
  double entropy_bits = 0;          // 0 = certain, log2 K = uniform
  // [n] What each answer did for `label`: log2 odds of the label with all
  // answers minus log2 odds without this one, all else, the weights of its
  // group included, being equal. Positive supports, negative speaks against.
  // With a known difficulty and K = 2 they add up to the odds gained over the
  // prior; in general they need not.
  std::vector<double> contribution_bits;
  // What the answers say of the difficulty.
  double difficulty_mean = 0;
  double difficulty_variance = 0;
};

// Not thread-safe: it owns the scratch. One for each thread.
class PosteriorScorer {
 public:
  // Without `explain` contribution_bits stays empty.
  absl::Status Score(const ScoredTask& task,
                     std::span<const ScoredAnswer> answers,
                     TaskPosterior* result, bool explain = true);

  // How many the answers of the last Score() count as: the sum of their shares
  // in their groups.
  double effective_answers() const;

 private:
  absl::Status Validate(const ScoredTask& task,
                        std::span<const ScoredAnswer> answers) const;
  void AddEvidence(const ScoredTask& task,
                   std::span<const ScoredAnswer> answers);
  void Weigh(const ScoredTask& task);
  void Normalise(const ScoredTask& task, TaskPosterior* result);
  void LeaveOneOut(const ScoredTask& task,
                   std::span<const ScoredAnswer> answers,
                   TaskPosterior* result);

  // A product of many factors: value * 2^(256 exponent).
  struct Product {
    double value = 1;
    int32_t exponent = 0;

    void Multiply(double factor);
  };

  int nodes_ = 0;
  std::vector<double> power_;   // [n] the answer's share in its group
  std::vector<double> odds_;    // [n x nodes] know / (1 - know)
  std::vector<double> node_b_;  // [nodes] difficulty
  std::vector<Product> node_;   // [nodes] divides all classes alike
  std::vector<Product> class_;  // [K] what no node changes
  std::vector<Product> cell_;   // [nodes x K] what both change
  std::vector<double> weight_;  // [nodes x K] joint of difficulty and class
  std::vector<double> rivals_;  // [nodes] weight of all but the label
  std::vector<double> undo_;    // [K] what one answer did by its guess matrix
  GroupWeights groups_;
};

// The guess matrix G with which know [l = k] + (1 - know) G is closest to a
// given row-stochastic `confusion` [K x K]: what labelers with that confusion
// matrix do when they do not know. Entries below 0 (a class they answer worse
// than `know` says) become 0 and the row is scaled to sum to 1.
// Requires 0 <= know < 1.
std::vector<float> GuessMatrix(std::span<const float> confusion,
                               int32_t num_classes, double know);

// 1/K + (1 - 1/K) sigmoid((m - b) / sqrt(1 + pi/8 v)).
double ExpectedAccuracy(int32_t num_classes, double logit_mean,
                        double logit_variance, double difficulty);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_POSTERIOR_H_
