// SPDX-License-Identifier: Apache-2.0
#include "cli/aggregate.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/aggregate_report.h"
#include "cli/exit_code.h"
#include "lib/base/status_macros.h"
#include "lib/truth/dawid_skene.h"
#include "lib/truth/glad.h"
#include "lib/truth/hierarchical.h"
#include "lib/truth/mace.h"
#include "lib/truth/majority.h"
#include "lib/truth/wawa.h"

namespace allot {
namespace {

struct Method {
  absl::string_view name;
  absl::StatusOr<Aggregation> (*fit)(const AnswerSet&,
                                     std::span<const GoldLabel>, int threads);
};

DawidSkeneOptions OnThreads(int threads) {
  DawidSkeneOptions options;
  options.threads = threads;
  return options;
}

constexpr Method kMethods[] = {
    {"allot",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) -> absl::StatusOr<Aggregation> {
       HierarchicalOptions options;
       options.threads = threads;
       ALLOT_ASSIGN_OR_RETURN(HierarchicalFit fit,
                              FitHierarchical(answers, gold, options));
       return std::move(fit.aggregation);
     }},
    {"majority", [](const AnswerSet& answers, std::span<const GoldLabel> gold,
                    int) { return FitMajority(answers, gold); }},
    {"wawa", [](const AnswerSet& answers, std::span<const GoldLabel> gold,
                int) { return FitWawa(answers, gold); }},
    {"one-coin",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) { return FitOneCoin(answers, gold, OnThreads(threads)); }},
    {"dawid-skene",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) {
       return FitDawidSkene(answers, gold, OnThreads(threads));
     }},
    {"glad",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) -> absl::StatusOr<Aggregation> {
       GladOptions options;
       options.threads = threads;
       ALLOT_ASSIGN_OR_RETURN(GladFit fit, FitGlad(answers, gold, options));
       return std::move(fit.aggregation);
     }},
    {"mace",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) {
       MaceOptions options;
       options.threads = threads;
       return FitMace(answers, gold, options);
     }},
};

constexpr absl::string_view kTypes[] = {
    "auto",    "binary",      "multi-class", "multi-label", "ordinal",
    "numeric", "probability", "pairwise",    "text",        "boxes"};

bool IsNumeric(absl::string_view type) {
  return type == "numeric" || type == "probability";
}

// The type of answers that do not say it, and why, as words for people.
struct Guess {
  absl::string_view type, reason;
};

Guess GuessType(const AggregateOptions& options, const DataFolder& data) {
  if (data.kind == AnswerKind::kNumeric) {
    const bool shares = std::all_of(
        data.measured.begin(), data.measured.end(),
        [](const NumericAnswer& a) { return a.value >= 0 && a.value <= 1; });
    const bool decided =
        !data.measured_truth.empty() &&
        std::all_of(data.measured_truth.begin(), data.measured_truth.end(),
                    [](const NumericGold& known) {
                      return known.value == 0 || known.value == 1;
                    });
    if (shares && decided) {
      return {"probability", "answers within [0, 1] about truths 0 and 1"};
    }
    return {"numeric", "all answers are numbers, many or with fractions"};
  }
  if (!data.pairs.empty() && data.items.size() < data.tasks.size() &&
      BuildComparisons(data).ok()) {
    return {"pairwise", "pairs.csv, with items that meet more than once"};
  }
  if (std::any_of(data.classes.begin(), data.classes.end(),
                  [&](const std::string& name) {
                    return name.find(options.separator) != std::string::npos;
                  })) {
    return {"multi-label", "answers that hold the separator"};
  }
  return data.classes.size() <= 2
             ? Guess{"binary", "at most two different answers"}
             : Guess{"multi-class", "a few different answers"};
}

absl::Status CheckNames(const AggregateOptions& options) {
  if (std::find(std::begin(kTypes), std::end(kTypes), options.type) ==
      std::end(kTypes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--type: must be one of ", absl::StrJoin(kTypes, ", "),
                     ", got \"", options.type, "\""));
  }
  return absl::OkStatus();
}

absl::Status CheckMethod(absl::string_view type, const std::string& method) {
  const std::vector<absl::string_view> known = MethodsFor(type);
  if (std::find(known.begin(), known.end(), method) != known.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("method: for ", type, " answers must be one of ",
                   absl::StrJoin(known, ", "), ", got \"", method, "\""));
}

absl::StatusOr<DataFolder> Read(const AggregateOptions& options) {
  ReadOptions reading;
  reading.classes = options.classes;
  if (options.type != "auto") {
    reading.kind = IsNumeric(options.type) ? AnswerKind::kNumeric
                                           : AnswerKind::kCategorical;
  }
  absl::StatusOr<DataFolder> data =
      ReadDataFolder(options.answers_path, options.truth_path, reading);
  if (!data.ok()) return AsFileError(data.status());
  if (data->num_answers() == 0) {
    return absl::DataLossError(
        absl::StrCat(options.answers_path, ": holds no answers"));
  }
  return data;
}

absl::StatusOr<AggregateReport> Report(const AggregateOptions& options,
                                       absl::string_view type,
                                       const DataFolder& data) {
  if (type == "numeric") return AggregateNumbers(options, data);
  if (type == "probability") return AggregateProbabilities(options, data);
  if (type == "ordinal") return AggregateScale(options, data);
  if (type == "pairwise") return AggregatePairs(options, data);
  if (type == "multi-label") return AggregateLabelSets(options, data);
  if (type == "text") return AggregateTexts(options, data);
  if (type == "boxes") return AggregateBoxes(options, data);
  if (type == "binary" && data.classes.size() > 2) {
    return absl::DataLossError(absl::StrCat(
        options.answers_path,
        ": answer: want at most two different ones of a "
        "binary type, got ",
        data.classes.size(), ": ",
        absl::StrJoin(data.classes.begin(), data.classes.begin() + 3, ", "),
        ", ...; --type multi-class takes more"));
  }
  return AggregateClasses(options, type, data);
}

}  // namespace

std::vector<absl::string_view> AnswerTypes() {
  return {std::begin(kTypes), std::end(kTypes)};
}

std::vector<absl::string_view> AggregationMethods() {
  std::vector<absl::string_view> names;
  for (const Method& method : kMethods) names.push_back(method.name);
  return names;
}

std::vector<absl::string_view> MethodsFor(absl::string_view type) {
  if (type == "binary" || type == "multi-class" || type == "multi-label") {
    return AggregationMethods();
  }
  if (type == "numeric") return {"allot", "mean", "median", "trimmed-mean"};
  return {"allot"};
}

absl::StatusOr<Aggregation> FitMethod(absl::string_view method,
                                      const AnswerSet& answers,
                                      std::span<const GoldLabel> gold,
                                      int threads) {
  for (const Method& known : kMethods) {
    if (known.name == method) return known.fit(answers, gold, threads);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "method: must be one of ", absl::StrJoin(AggregationMethods(), ", "),
      ", got \"", method, "\""));
}

absl::Status Aggregate(const AggregateOptions& options, std::ostream& out,
                       std::ostream& notes) {
  ALLOT_RETURN_IF_ERROR(CheckNames(options));
  absl::string_view type = options.type;
  if (type != "auto") ALLOT_RETURN_IF_ERROR(CheckMethod(type, options.method));
  ALLOT_ASSIGN_OR_RETURN(const DataFolder data, Read(options));
  if (type == "auto") {
    const Guess guess = GuessType(options, data);
    type = guess.type;
    notes << "allot: taking the answers for " << type << " (" << guess.reason
          << "); --type says otherwise\n";
    ALLOT_RETURN_IF_ERROR(CheckMethod(type, options.method));
  }
  ALLOT_ASSIGN_OR_RETURN(const AggregateReport report,
                         Report(options, type, data));
  if (options.labelers_path.has_value()) {
    ALLOT_RETURN_IF_ERROR(WriteLabelers(report, *options.labelers_path));
  }
  Print(report, options.output, out);
  return absl::OkStatus();
}

int RunAggregate(const AggregateOptions& options, std::ostream& out,
                 std::ostream& err) {
  const absl::Status status = Aggregate(options, out, err);
  if (!status.ok()) err << "allot aggregate: " << status.message() << '\n';
  return ExitCodeOf(status);
}

}  // namespace allot
