// SPDX-License-Identifier: Apache-2.0
// The population behind a file of answers: how labelers' skills and tasks'
// difficulties spread, how active and how fast people are; what a simulated
// crowd like it would be drawn from.
//
// Model    P(right) = 1/K + (1 - 1/K) sigmoid(s - b), s ~ N(m, v) by labeler,
//          b ~ N(0, w) by task: that of crowd.h with one domain.
// Method   Moments: the share of right answers, and how far it varies between
//          labelers and between tasks, each less what chance alone would make
//          (r (r - 1) / (n (n - 1)) of r right answers in n is an unbiased
//          estimate of p^2). Solved by bisection in turns.
// Fit      The observed accuracies of labelers and of tasks are set beside
// those
//          of a crowd drawn from the fit that gives as many answers to the same
//          tasks; `distance` is Kolmogorov and Smirnov's, the largest
//          difference of the two distribution functions.
#ifndef ALLOT_LIB_STUDY_POPULATION_H_
#define ALLOT_LIB_STUDY_POPULATION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "lib/study/answer_book.h"
#include "lib/truth/answer_set.h"

namespace allot {

// A distribution as observed and as fitted, at the same 21 even quantiles.
struct FitCheck {
  std::vector<double> observed, fitted;
  double distance = 0;
};

struct LogNormal {
  double median = 0;
  double sd = 0;  // of the logarithm
};

struct PopulationFit {
  double skill_mean = 0, skill_sd = 0;  // logits
  double difficulty_sd = 0;             // logits
  LogNormal activity;                   // answers of a labeler
  // Seconds of an answer; 0 where none are given. speed_sd between labelers,
  // seconds.sd within.
  LogNormal seconds;
  double speed_sd = 0;
  double accuracy = 0;
  FitCheck labelers, tasks;  // of their accuracies
};

// `seconds` [answers] beside `answers`, NaN where unknown, or empty. Only
// answers of labelers and tasks with at least two count for the spreads.
// Deterministic.
PopulationFit FitPopulation(const AnswerBook& book,
                            std::span<const LabelAnswer> answers,
                            std::span<const double> seconds);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_POPULATION_H_
