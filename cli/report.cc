// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/aggregate.h"
#include "cli/exit_code.h"
#include "cli/page_file.h"
#include "cli/report_parts.h"
#include "lib/base/status_macros.h"
#include "lib/truth/agreement.h"

namespace allot {
namespace {

constexpr absl::string_view kCompared[] = {"majority", "dawid-skene"};
constexpr int kResamples = 200;

absl::Status Validate(const ReportOptions& options) {
  if (!(options.price > 0) || !std::isfinite(options.price)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--price: want > 0, got ", options.price));
  }
  if (options.draws < 1 || options.draws > 1000) {
    return absl::InvalidArgumentError(
        absl::StrCat("--draws: want 1 to 1000, got ", options.draws));
  }
  return absl::OkStatus();
}

// Where the largest posterior is.
std::vector<GoldLabel> LabelsOf(const MatrixF& posterior) {
  std::vector<GoldLabel> labels;
  for (Eigen::Index t = 0; t < posterior.rows(); ++t) {
    Eigen::Index top = 0;
    posterior.row(t).maxCoeff(&top);
    labels.push_back({static_cast<int32_t>(t), static_cast<int32_t>(top)});
  }
  return labels;
}

std::string Summarise(const ReportOptions& options, const DataFolder& data,
                      const AnswerSet& answers) {
  std::string text = absl::StrFormat(
      "%d answers of %d labelers to %d tasks (%.1f a task), %d classes.",
      answers.size(), answers.num_labelers, answers.num_tasks,
      static_cast<double>(answers.size()) / std::max(1, answers.num_tasks),
      answers.num_classes);
  AlphaOptions resampling;
  resampling.resamples = kResamples;
  resampling.threads = options.threads;
  const auto alpha = KrippendorffAlpha(answers, Scale::kNominal, resampling);
  if (alpha.ok()) {
    absl::StrAppendFormat(
        &text,
        "\nAgreement: Krippendorff's alpha %.3f (95%% interval %.3f to "
        "%.3f; 1 is perfect, 0 is chance).",
        alpha->alpha, alpha->low, alpha->high);
  }
  if (data.truth.empty()) {
    absl::StrAppend(&text,
                    "\nThe truth of no task is known: what follows says how "
                    "far answers agree, not how right they are. A file "
                    "truth.csv (task,truth) for some tasks changes that.");
  } else {
    absl::StrAppendFormat(&text, "\nThe truth is known of %d tasks (%.0f%%).",
                          data.truth.size(),
                          100.0 * static_cast<double>(data.truth.size()) /
                              std::max(1, answers.num_tasks));
  }
  return text;
}

}  // namespace

absl::StatusOr<Page> MakeReport(const ReportOptions& options,
                                const DataFolder& data) {
  ALLOT_RETURN_IF_ERROR(Validate(options));
  if (data.kind != AnswerKind::kCategorical) {
    return absl::FailedPreconditionError(absl::StrCat(
        options.answers_path,
        ": the answers are measurements; a report is of classes, use "
        "`allot aggregate` for these"));
  }
  if (data.answers.empty()) {
    return absl::DataLossError(
        absl::StrCat(options.answers_path, ": holds no answers"));
  }
  if (data.classes.size() < 2) {
    return absl::DataLossError(
        absl::StrCat(options.answers_path, ": all answers are \"",
                     data.classes[0], "\": there is nothing to tell apart"));
  }
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet answers, BuildAnswerSet(data));
  std::vector<FittedMethod> methods;
  for (const absl::string_view name : kCompared) {
    ALLOT_ASSIGN_OR_RETURN(Aggregation fit,
                           FitMethod(name, answers, {}, options.threads));
    methods.push_back({std::string(name), std::move(fit)});
  }
  HierarchicalOptions hierarchical;
  hierarchical.threads = options.threads;
  ALLOT_ASSIGN_OR_RETURN(HierarchicalFit own,
                         FitHierarchical(answers, {}, hierarchical));
  methods.push_back({"allot", own.aggregation});
  const std::vector<GoldLabel> reference =
      data.truth.empty() ? LabelsOf(own.aggregation.posterior) : data.truth;
  const ReportInput input{options, data, answers, methods, own, reference};
  Page page;
  page.title = absl::StrCat("Answers in ", options.answers_path);
  page.summary = Summarise(options, data, answers);
  ALLOT_RETURN_IF_ERROR(AddMethods(input, page));
  ALLOT_RETURN_IF_ERROR(AddCurves(input, page));
  ALLOT_RETURN_IF_ERROR(AddLabelers(input, page));
  return page;
}

absl::Status WriteReport(const ReportOptions& options, std::ostream& notes) {
  ALLOT_RETURN_IF_ERROR(Validate(options));
  const auto data = ReadDataFolder(options.answers_path, options.truth_path);
  if (!data.ok()) return AsFileError(data.status());
  ALLOT_ASSIGN_OR_RETURN(const Page page, MakeReport(options, *data));
  ALLOT_RETURN_IF_ERROR(WritePage(page, options.page_path));
  notes << "wrote " << options.page_path << "; open it in a browser\n";
  return absl::OkStatus();
}

}  // namespace allot
