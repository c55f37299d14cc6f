// SPDX-License-Identifier: Apache-2.0
#include "tests/eval/offline.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/aggregate.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/truth/numeric.h"
#include "lib/truth/ordinal.h"
#include "lib/truth/pairwise.h"

namespace allot {
namespace {

// Methods that are compared with gold; the others would only repeat the story.
constexpr const char* kGoldMethods[] = {"allot", "majority", "dawid-skene"};

ScoringRules& operator+=(ScoringRules& sum, const ScoringRules& rules) {
  sum.accuracy += rules.accuracy;
  sum.ece += rules.ece;
  sum.brier += rules.brier;
  sum.log_loss += rules.log_loss;
  return sum;
}

ScoringRules Divided(ScoringRules sum, double n) {
  sum.accuracy /= n;
  sum.ece /= n;
  sum.brier /= n;
  sum.log_loss /= n;
  return sum;
}

double MeanAbsoluteError(const VectorD& value,
                         const std::vector<GoldLabel>& truth) {
  double sum = 0;
  for (const GoldLabel& known : truth) {
    sum += std::abs(value[known.task] - known.label);
  }
  return sum / static_cast<double>(truth.size());
}

// A vote share of 0 for the truth would make the log loss infinite: votes are
// spread as if one more answer had been shared by all classes.
ScoringRules Spread(const AnswerSet& answers, const MatrixF& posterior,
                    const std::vector<GoldLabel>& truth, ScoringRules rules) {
  MatrixF spread = posterior;
  for (const GoldLabel& known : truth) {
    const auto n = static_cast<float>(answers.task_begin[known.task + 1] -
                                      answers.task_begin[known.task]);
    spread.row(known.task) = (posterior.row(known.task).array() * n +
                              1.0F / static_cast<float>(answers.num_classes)) /
                             (n + 1);
  }
  if (const auto judged = EvaluatePosteriors(spread, truth); judged.ok()) {
    rules.log_loss = judged->log_loss;
  }
  return rules;
}

absl::StatusOr<ScoringRules> Judge(const std::string& method,
                                   const AnswerSet& answers,
                                   const std::vector<GoldLabel>& gold,
                                   const std::vector<GoldLabel>& truth,
                                   int threads) {
  ALLOT_ASSIGN_OR_RETURN(const Aggregation fit,
                         FitMethod(method, answers, gold, threads));
  ALLOT_ASSIGN_OR_RETURN(const ScoringRules rules,
                         EvaluatePosteriors(fit.posterior, truth));
  return method == "majority" || method == "wawa"
             ? Spread(answers, fit.posterior, truth, rules)
             : rules;
}

}  // namespace

void Findings::Add(absl::string_view method, const ScoringRules& rules,
                   absl::string_view suffix) {
  Add(method, absl::StrCat("accuracy", suffix), rules.accuracy);
  Add(method, absl::StrCat("ece", suffix), rules.ece);
  Add(method, absl::StrCat("brier", suffix), rules.brier);
  Add(method, absl::StrCat("log_loss", suffix), rules.log_loss);
}

FolderTraits ReadTraits(const std::string& folder, const DataFolder& data) {
  FolderTraits traits;
  std::ifstream meta(folder + "/META.md");
  std::string line;
  if (!meta) {
    traits.ordinal = data.classes.size() >= 3 &&
                     std::all_of(data.classes.begin(), data.classes.end(),
                                 [](const std::string& name) {
                                   double number = 0;
                                   return absl::SimpleAtod(name, &number);
                                 });
    return traits;
  }
  while (std::getline(meta, line)) {
    if (!absl::StartsWith(line, "- kind:")) continue;
    traits.ordinal = absl::StartsWith(line, "- kind: ordinal");
    traits.truth_on_own_scale = absl::StrContains(line, "another scale");
    break;
  }
  return traits;
}

absl::Status EvaluateOffline(const DataFolder& data, const FolderTraits& traits,
                             const OfflineOptions& options,
                             Findings& findings) {
  if (data.kind == AnswerKind::kNumeric) {
    return EvaluateNumbers(data, traits, findings);
  }
  if (!data.pairs.empty()) {
    ALLOT_RETURN_IF_ERROR(EvaluatePreferences(data, findings));
  }
  if (data.truth.empty()) {
    findings.notes.push_back(
        "accuracy and calibration: no task has a known truth");
    return absl::OkStatus();
  }
  if (data.classes.size() < 2) {
    findings.notes.push_back(
        "accuracy and calibration: all answers are the same");
    return absl::OkStatus();
  }
  ALLOT_RETURN_IF_ERROR(EvaluateLabels(data, options, findings));
  if (traits.ordinal) ALLOT_RETURN_IF_ERROR(EvaluateScale(data, findings));
  ALLOT_RETURN_IF_ERROR(EvaluateWithGold(data, options, findings));
  return EvaluateReplay(data, options, findings);
}

absl::Status EvaluateLabels(const DataFolder& data,
                            const OfflineOptions& options, Findings& findings) {
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet answers, BuildAnswerSet(data));
  for (const std::string& method : options.methods) {
    ALLOT_ASSIGN_OR_RETURN(
        const ScoringRules rules,
        Judge(method, answers, {}, data.truth, options.threads));
    findings.Add(method, rules);
  }
  return absl::OkStatus();
}

absl::Status EvaluateWithGold(const DataFolder& data,
                              const OfflineOptions& options,
                              Findings& findings) {
  if (options.gold_seeds < 1) return absl::OkStatus();
  const auto told = std::max<int64_t>(
      1, std::llround(options.gold_share *
                      static_cast<double>(data.truth.size())));
  if (told >= static_cast<int64_t>(data.truth.size())) {
    findings.notes.push_back("with gold: too few tasks have a known truth");
    return absl::OkStatus();
  }
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet answers, BuildAnswerSet(data));
  for (const std::string method : kGoldMethods) {
    if (std::find(options.methods.begin(), options.methods.end(), method) ==
        options.methods.end()) {
      continue;
    }
    ScoringRules sum;
    for (int seed = 1; seed <= options.gold_seeds; ++seed) {
      std::vector<GoldLabel> rest = data.truth;
      Rng rng(static_cast<uint64_t>(seed));
      Shuffle(rest, rng);
      const std::vector<GoldLabel> gold(rest.begin(), rest.begin() + told);
      rest.erase(rest.begin(), rest.begin() + told);
      ALLOT_ASSIGN_OR_RETURN(
          const ScoringRules rules,
          Judge(method, answers, gold, rest, options.threads));
      sum += rules;
    }
    findings.Add(method, Divided(sum, options.gold_seeds), "_gold5");
  }
  return absl::OkStatus();
}

absl::Status EvaluateScale(const DataFolder& data, Findings& findings) {
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet answers, BuildAnswerSet(data));
  ALLOT_ASSIGN_OR_RETURN(const OrdinalFit fit, FitOrdinal(answers));
  std::vector<NumericAnswer> numbers;
  for (const LabelAnswer& answer : data.answers) {
    numbers.push_back(
        {answer.task, answer.labeler, static_cast<double>(answer.label)});
  }
  ALLOT_ASSIGN_OR_RETURN(const NumericAnswerSet values,
                         NumericAnswerSet::Build(
                             answers.num_tasks, answers.num_labelers, numbers));
  findings.Add("allot", "mae", MeanAbsoluteError(fit.value, data.truth));
  findings.Add("median", "mae", MeanAbsoluteError(Medians(values), data.truth));
  findings.Add("mean", "mae",
               MeanAbsoluteError(TrimmedMeans(values, 0), data.truth));
  return absl::OkStatus();
}

absl::Status EvaluatePreferences(const DataFolder& data, Findings& findings) {
  const absl::StatusOr<std::vector<Comparison>> all = BuildComparisons(data);
  if (!all.ok()) {
    findings.notes.push_back(
        absl::StrCat("preferences: ", all.status().message()));
    return absl::OkStatus();
  }
  constexpr size_t kFolds = 5;
  std::vector<Comparison> rows = *all;
  if (rows.size() < kFolds * 2) {
    findings.notes.push_back("preferences: too few comparisons to hold out");
    return absl::OkStatus();
  }
  Rng rng(1);
  Shuffle(rows, rng);
  const auto items = static_cast<int32_t>(data.items.size());
  const auto labelers = static_cast<int32_t>(data.labelers.size());
  struct Sum {
    double loss = 0, right = 0;
    void Count(double p, double wins) {
      p = std::clamp(p, 1e-12, 1 - 1e-12);
      loss -= wins * std::log(p) + (1 - wins) * std::log(1 - p);
      right += p == 0.5 || wins == 0.5 ? 0.5 : (p > 0.5) == (wins > 0.5);
    }
  } own, typical;
  for (size_t fold = 0; fold < kFolds; ++fold) {
    std::vector<Comparison> known, held;
    for (size_t i = 0; i < rows.size(); ++i) {
      (i % kFolds == fold ? held : known).push_back(rows[i]);
    }
    ALLOT_ASSIGN_OR_RETURN(const PairwiseFit fit,
                           FitPairwise(items, labelers, known));
    for (const Comparison& c : held) {
      own.Count(PredictPreference(fit, c.left, c.right, c.labeler),
                c.left_wins);
      typical.Count(PredictPreference(fit, c.left, c.right, -1), c.left_wins);
    }
  }
  const auto n = static_cast<double>(rows.size());
  findings.Add("allot", "heldout_log_loss", own.loss / n);
  findings.Add("allot", "heldout_accuracy", own.right / n);
  findings.Add("allot, labeler unknown", "heldout_log_loss", typical.loss / n);
  return absl::OkStatus();
}

}  // namespace allot
