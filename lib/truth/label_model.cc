// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/label_model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "lib/truth/tempering.h"

namespace allot {
namespace {

constexpr double kMinProbability = 1e-9;
// exp(kLevelLogits).
constexpr std::array<double, kNumLevels> kLevelOdds = {
    1, 2.718281828459045, 7.38905609893065, 20.085536923187668,
    54.598150033144236};

// Normalises log weights in place.
void Softmax(std::vector<double>& x) {
  const double highest = *std::max_element(x.begin(), x.end());
  double total = 0;
  for (double& v : x) total += v = std::exp(v - highest);
  for (double& v : x) v /= total;
}

double Log2Odds(const std::vector<double>& log_weight, int32_t label,
                double power) {
  const double highest =
      *std::max_element(log_weight.begin(), log_weight.end());
  double rivals = 1e-290;
  for (size_t k = 0; k < log_weight.size(); ++k) {
    if (static_cast<int32_t>(k) == label) continue;
    rivals += std::exp(power * (log_weight[k] - highest));
  }
  constexpr double kLog2E = 1.4426950408889634;
  return power * (log_weight[label] - highest) * kLog2E - std::log2(rivals);
}

// w of label_model.h.
double SecondWeight(int32_t num_classes, double answers) {
  constexpr double kAtMost = 0.6;
  constexpr double kFew = 4;
  constexpr double kMany = 12;
  return kAtMost / num_classes *
         std::clamp((kMany - answers) / (kMany - kFew), 0.0, 1.0);
}

}  // namespace

// What the model believes of whoever gave an answer, the shift included.
struct LabelModelScorer::Person {
  size_t slot;  // 0 if not of the fit
  bool known;
  double fitted;  // know_i of the fit
  double know;
  double odds;  // of know, never certain
};

LabelModelScorer::Person LabelModelScorer::PersonOf(const LabelModel& model,
                                                    const ModelAnswer& answer) {
  Person person;
  person.known = answer.slot != kNoSlot;
  person.slot = static_cast<size_t>(person.known ? answer.slot : 0);
  person.fitted = std::clamp<double>(
      person.known ? model.knowing[person.slot] : model.mean_knowing, 0.02,
      0.98);
  person.know = person.fitted;
  person.odds = person.know / (1 - person.know);
  if (answer.shift != 0) {
    person.odds *= std::exp(std::clamp(answer.shift, -8.0, 8.0));
    person.know = std::clamp(person.odds / (1 + person.odds), 0.02, 0.98);
    person.odds = person.know / (1 - person.know);
  }
  return person;
}

// An entry of a matrix with her shift: it moves know and keeps what is answered
// without knowing.
double LabelModelScorer::Shifted(const Person& person, double entry,
                                 bool right) {
  if (person.know == person.fitted) return entry;
  const double guess = std::max(entry - (right ? person.fitted : 0), 0.0);
  return guess * (1 - person.know) / (1 - person.fitted) +
         (right ? person.know : 0);
}

// M(c, label) = know [c = label] + (1 - know) guess.
double LabelModelScorer::Entry(const LabelModel& model, const Person& person,
                               size_t label, size_t c) {
  const size_t classes = static_cast<size_t>(model.num_classes);
  double m = 0;
  if (person.known && model.has_matrices) {
    m = Shifted(person,
                model.matrix[(person.slot * classes + label) * classes + c],
                c == label);
  } else {
    const double guess = model.has_matrices ? model.guess[label * classes + c]
                                            : model.guess[label];
    m = (1 - person.know) * guess + (c == label ? person.know : 0);
  }
  return std::max(m, kMinProbability);
}

double LabelModelScorer::Habit(const LabelModel& model, const Person& person,
                               size_t label) {
  const size_t classes = static_cast<size_t>(model.num_classes);
  return person.known ? model.habit[person.slot * classes + label]
                      : model.mean_habit[label];
}

// s(b): at most 1, where know was clamped.
double LabelModelScorer::Kept(const Person& person, size_t level) {
  return std::min(
      1.0, person.odds / (person.odds + kLevelOdds[level]) / person.know);
}

void LabelModelScorer::Likelihood(const LabelModel& model,
                                  const ModelAnswer& answer, double* out) {
  const auto label = static_cast<size_t>(answer.label);
  const size_t classes = static_cast<size_t>(model.num_classes);
  const Person person = PersonOf(model, answer);
  // The easiest level's row holds M until its turn comes, last.
  for (size_t c = 0; c < classes; ++c) out[c] = Entry(model, person, label, c);
  const double habit = Habit(model, person, label);
  for (size_t h = kNumLevels; h-- > 0;) {
    const double kept = Kept(person, h);
    const double by_habit = (1 - kept) * habit;
    double* row = out + h * classes;
    for (size_t c = 0; c < classes; ++c) row[c] = kept * out[c] + by_habit;
  }
}

double LabelModelScorer::ExpectedAccuracy(const LabelModel& model,
                                          const ModelAnswer& answer) {
  const Person person = PersonOf(model, answer);
  double kept = 0;
  for (size_t h = 0; h < kNumLevels; ++h) {
    kept += model.level_weight[h] * Kept(person, h);
  }
  double right = 0;
  for (size_t c = 0; c < model.class_prior.size(); ++c) {
    right += model.class_prior[c] * (kept * Entry(model, person, c, c) +
                                     (1 - kept) * Habit(model, person, c));
  }
  return right;
}

void LabelModelScorer::ClassEvidence(const LabelModel& model,
                                     std::span<const double> prior,
                                     std::span<const ModelAnswer> answers) {
  const size_t classes = static_cast<size_t>(model.num_classes);
  const size_t cells = classes * kNumLevels;
  likelihood_.resize(cells);
  product_.resize(cells);
  evidence_.resize(classes);
  for (size_t h = 0; h < kNumLevels; ++h) {
    std::fill_n(product_.begin() + static_cast<std::ptrdiff_t>(h * classes),
                classes, model.level_weight[h]);
  }
  // Factors of at least 1e-9 each: so many fit a double with room to spare.
  constexpr int kPending = 24;
  int pending = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    Likelihood(model, answers[i], likelihood_.data());
    if (weight_[i] == 1) {
      for (size_t x = 0; x < cells; ++x) product_[x] *= likelihood_[x];
    } else {
      for (size_t x = 0; x < cells; ++x) {
        product_[x] *= std::pow(likelihood_[x], weight_[i]);
      }
    }
    if (++pending < kPending) continue;
    const double highest = *std::max_element(product_.begin(), product_.end());
    for (double& p : product_) p = std::max(p / highest, 1e-90);
    pending = 0;
  }
  for (size_t h = 0; h < kNumLevels; ++h) {
    for (size_t c = 0; c < classes; ++c) {
      product_[h * classes + c] *=
          prior.empty() ? model.class_prior[c] : prior[c];
    }
  }
  SumLevels(product_);
}

// evidence_ from cells [levels x K].
void LabelModelScorer::SumLevels(const std::vector<double>& cells) {
  const size_t classes = evidence_.size();
  for (size_t c = 0; c < classes; ++c) {
    double sum = 1e-300;
    for (size_t h = 0; h < kNumLevels; ++h) sum += cells[h * classes + c];
    evidence_[c] = std::log(sum);
  }
}

// second_ and its parts; second_weight_ is 0 without it.
void LabelModelScorer::SecondEvidence(const LabelModel& model,
                                      std::span<const double> prior,
                                      std::span<const ModelAnswer> answers) {
  second_weight_ = 0;
  if (model.second_matrix.empty() || answers.empty()) return;
  const size_t classes = static_cast<size_t>(model.num_classes);
  const double n = std::accumulate(weight_.begin(), weight_.end(), 0.0);
  second_weight_ = SecondWeight(model.num_classes, n);
  if (second_weight_ == 0) return;
  second_.resize(classes);
  second_log_.resize(answers.size() * classes);
  for (size_t c = 0; c < classes; ++c) {
    second_[c] = std::log(
        std::max(prior.empty() ? model.second_prior[c] : prior[c], 1e-300));
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    const Person person = PersonOf(model, answers[i]);
    const auto label = static_cast<size_t>(answers[i].label);
    const size_t row = answers[i].slot == kNoSlot
                           ? model.knowing.size()
                           : static_cast<size_t>(answers[i].slot);
    const float* rows = &model.second_matrix[row * classes * classes];
    for (size_t c = 0; c < classes; ++c) {
      const double m = Shifted(person, rows[c * classes + label], c == label);
      const double part = weight_[i] * std::log(std::max(m, kMinProbability));
      second_log_[i * classes + c] = part;
      second_[c] += part;
    }
  }
}

// Into evidence_, without one answer or, beyond the last, with all.
void LabelModelScorer::MixSecond(size_t but_answer) {
  if (second_weight_ == 0) return;
  const size_t classes = evidence_.size();
  for (size_t c = 0; c < classes; ++c) {
    const size_t part = but_answer * classes + c;
    const double second =
        second_[c] - (part < second_log_.size() ? second_log_[part] : 0);
    evidence_[c] += second_weight_ * (second - evidence_[c]);
  }
}

void LabelModelScorer::Score(const LabelModel& model,
                             std::span<const double> prior,
                             std::span<const ModelAnswer> answers, bool explain,
                             TaskPosterior* result) {
  groups_.Find(answers, kGroupCorrelation, weight_);
  const double power = answers.empty()
                           ? 1
                           : EffectiveEvidencePower(std::accumulate(
                                 weight_.begin(), weight_.end(), 0.0));
  ClassEvidence(model, prior, answers);
  SecondEvidence(model, prior, answers);
  MixSecond(answers.size());
  const size_t classes = static_cast<size_t>(model.num_classes);
  std::vector<double>& p = result->probability;
  p.resize(classes);
  for (size_t c = 0; c < classes; ++c) {
    const double stated =
        prior.empty() ? 0 : std::log(std::max(prior[c], 1e-300));
    p[c] = stated + power * (evidence_[c] - stated);
  }
  Softmax(p);
  const auto top = std::max_element(p.begin(), p.end());
  result->label = static_cast<int32_t>(top - p.begin());
  result->confidence = *top;
  result->entropy_bits = 0;
  for (const double x : p) {
    if (x > 0) result->entropy_bits -= x * std::log2(x);
  }
  result->difficulty_mean = 0;
  result->difficulty_variance = 0;
  if (explain) Explain(model, answers, power, result);
}

// Divides one answer at a time out of the product. Cells floored on the way
// are too small to matter with or without it.
void LabelModelScorer::Explain(const LabelModel& model,
                               std::span<const ModelAnswer> answers,
                               double power, TaskPosterior* result) {
  const double with = Log2Odds(evidence_, result->label, power);
  result->contribution_bits.resize(answers.size());
  accuracy_.resize(answers.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    Likelihood(model, answers[i], likelihood_.data());
    for (size_t x = 0; x < likelihood_.size(); ++x) {
      likelihood_[x] = product_[x] /
                       (weight_[i] == 1 ? likelihood_[x]
                                        : std::pow(likelihood_[x], weight_[i]));
    }
    SumLevels(likelihood_);
    MixSecond(i);
    result->contribution_bits[i] =
        with - Log2Odds(evidence_, result->label, power);
    accuracy_[i] = ExpectedAccuracy(model, answers[i]);
  }
}

}  // namespace allot
