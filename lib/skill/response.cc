// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/response.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace allot {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The pair (sigma(z), sigma(-z)), each to full relative precision.
struct Knowledge {
  double knows, guesses;
};

Knowledge KnowledgeAt(double z) {
  const double e = std::exp(-std::abs(z));
  const double larger = 1 / (1 + e);
  const double smaller = e * larger;
  return z >= 0 ? Knowledge{larger, smaller} : Knowledge{smaller, larger};
}

double XLog2(double x, double argument) {
  return x > 0 ? x * std::log2(argument) : 0;
}

// The part of the information that does not depend on the posterior.
double ChannelBits(double accuracy, int classes) {
  const double k = classes;
  return XLog2(accuracy, accuracy * k) +
         XLog2(1 - accuracy, (1 - accuracy) * k / (k - 1));
}

}  // namespace

double ScaledLogit(double mean, double variance, double difficulty) {
  return (mean - difficulty) / std::sqrt(1 + std::numbers::pi / 8 * variance);
}

double ExpectedAccuracy(double mean, double variance, double difficulty,
                        int classes) {
  const double guess = 1.0 / classes;
  return guess + (1 - guess) *
                     KnowledgeAt(ScaledLogit(mean, variance, difficulty)).knows;
}

AccuracyGradient ExpectedAccuracyGradient(double mean, double variance,
                                          double difficulty, int classes) {
  const double guess = 1.0 / classes;
  const double spread = 1 + std::numbers::pi / 8 * variance;
  const double root = std::sqrt(spread);
  const double z = (mean - difficulty) / root;
  const Knowledge knowledge = KnowledgeAt(z);
  const double by_z = (1 - guess) * knowledge.knows * knowledge.guesses;
  return {guess + (1 - guess) * knowledge.knows, by_z / root,
          by_z * z * (-std::numbers::pi / 16 / spread)};
}

double LogitForAccuracy(double accuracy, int classes) {
  const double guess = 1.0 / classes;
  if (accuracy <= guess) return -kInfinity;
  if (accuracy >= 1) return kInfinity;
  return std::log((accuracy - guess) / (1 - accuracy));
}

double InformationBits(double accuracy, int classes) {
  return std::max(0.0, ChannelBits(accuracy, classes));
}

double InformationBits(double accuracy, std::span<const double> posterior) {
  const int classes = static_cast<int>(posterior.size());
  const double knowledge = (accuracy * classes - 1) / (classes - 1);
  double sum = 0;
  for (double probability : posterior) {
    const double u = 1 + knowledge * (classes * probability - 1);
    sum += XLog2(u, u);
  }
  return std::max(0.0, ChannelBits(accuracy, classes) - sum / classes);
}

double InformationSlope(double accuracy, int classes) {
  return std::log2(accuracy * (classes - 1) / (1 - accuracy));
}

double SkillBits(double mean, double variance, double difficulty, int classes) {
  const double guess = 1.0 / classes;
  const double spread = 1 + std::numbers::pi / 8 * variance;
  const Knowledge knowledge =
      KnowledgeAt((mean - difficulty) / std::sqrt(spread));
  const double accuracy = guess + (1 - guess) * knowledge.knows;
  // (dp/dm)^2 / (p (1 - p)), with the common factor (1 - p) cancelled.
  const double fisher = (1 - guess) * knowledge.knows * knowledge.knows *
                        knowledge.guesses / (spread * accuracy);
  return -0.5 * std::log2(1 - variance * fisher);
}

}  // namespace allot
