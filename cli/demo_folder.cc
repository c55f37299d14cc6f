// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/data_folder.h"
#include "cli/demo_data.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr int kBatchRedundancy = 3;

// Share of the batch that majority vote over all its answers gets right, ties
// shared; -1 if no truth is known.
double MajorityAccuracy(const DataFolder& folder,
                        const std::vector<bool>& in_batch,
                        const std::vector<int32_t>& truth) {
  std::vector<std::vector<int>> votes(
      folder.tasks.size(), std::vector<int>(folder.classes.size(), 0));
  for (const LabelAnswer& answer : folder.answers) {
    ++votes[static_cast<size_t>(answer.task)]
           [static_cast<size_t>(answer.label)];
  }
  double right = 0;
  int known = 0;
  for (size_t t = 0; t < votes.size(); ++t) {
    if (!in_batch[t] || truth[t] < 0) continue;
    const int top = *std::max_element(votes[t].begin(), votes[t].end());
    const auto ties = std::count(votes[t].begin(), votes[t].end(), top);
    if (votes[t][static_cast<size_t>(truth[t])] == top) {
      right += 1.0 / static_cast<double>(ties);
    }
    ++known;
  }
  return known == 0 ? -1 : right / known;
}

}  // namespace

absl::StatusOr<DemoData> DemoFromFolder(const std::string& folder_path,
                                        const DemoOptions& options) {
  ALLOT_ASSIGN_OR_RETURN(const DataFolder folder, ReadDataFolder(folder_path));
  if (folder.kind != AnswerKind::kCategorical || folder.classes.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder_path, ": its answers are measurements or all the same; the ",
        "service plans and scores tasks with 2 to 1000 labels"));
  }
  std::vector<int32_t> truth(folder.tasks.size(), -1);
  for (const GoldLabel& gold : folder.truth) {
    truth[static_cast<size_t>(gold.task)] = gold.label;
  }
  std::vector<int> answers(folder.tasks.size(), 0);
  for (const LabelAnswer& answer : folder.answers) {
    ++answers[static_cast<size_t>(answer.task)];
  }

  // Hold back tasks with several answers, those with a known truth first.
  std::vector<size_t> order(folder.tasks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Rng rng(options.seed);
  Shuffle(order, rng);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const auto rank = [&](size_t t) {
      return (answers[t] >= 2 ? 2 : 0) + (truth[t] >= 0 ? 1 : 0);
    };
    return rank(a) > rank(b);
  });
  const size_t batch =
      std::min(static_cast<size_t>(options.batch), order.size() / 4);
  if (batch == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder_path, ": want at least 4 tasks to hold some back"));
  }
  std::vector<bool> in_batch(folder.tasks.size(), false);
  for (size_t i = 0; i < batch; ++i) in_batch[order[i]] = true;

  DemoData data;
  data.pool.set_pool_id("demo");
  data.pool.add_skills()->set_name("general");
  v1::LabelSet& labels = *data.pool.add_label_sets();
  labels.set_name("labels");
  for (const std::string& name : folder.classes) labels.add_labels(name);
  for (const std::string& id : folder.labelers) {
    v1::Labeler& labeler = data.labelers.emplace_back();
    labeler.set_labeler_id(id);
    labeler.set_capacity(1000);
    labeler.mutable_price()->set_per_answer(0.05);
  }
  std::vector<std::vector<bool>> answered(folder.tasks.size(),
                                          std::vector<bool>());
  for (const LabelAnswer& row : folder.answers) {
    const auto task = static_cast<size_t>(row.task);
    v1::Answer answer;
    answer.set_task_id(folder.tasks[task]);
    answer.set_labeler_id(folder.labelers[static_cast<size_t>(row.labeler)]);
    answer.set_label_name(folder.classes[static_cast<size_t>(row.label)]);
    (in_batch[task] ? data.batch_answers : data.past_answers)
        .push_back(std::move(answer));
    if (!in_batch[task]) continue;
    answered[task].resize(folder.labelers.size());
    answered[task][static_cast<size_t>(row.labeler)] = true;
  }
  for (size_t t = 0; t < folder.tasks.size(); ++t) {
    if (truth[t] >= 0) {
      v1::Task& known = data.truth.emplace_back();
      known.set_task_id(folder.tasks[t]);
      known.set_gold_label(truth[t]);
      // One past task in ten has its truth told, as in a gold set.
      if (!in_batch[t] && t % 10 == 0) data.gold.push_back(known);
    }
    if (!in_batch[t]) continue;
    v1::Task& task = data.batch.emplace_back();
    task.set_task_id(folder.tasks[t]);
    task.set_redundancy(kBatchRedundancy);
    for (size_t i = 0; i < folder.labelers.size(); ++i) {
      if (!answered[t][i]) task.add_excluded_labelers(folder.labelers[i]);
    }
  }
  data.explanation = absl::StrCat(
      "Real answers from ", folder_path, ": ", folder.num_answers(),
      " answers of ", folder.labelers.size(), " labelers to ",
      folder.tasks.size(), " tasks with ", folder.classes.size(),
      " labels.\nallot learns from the answers to all but ", batch,
      " tasks, of which ", data.gold.size(),
      " have a known truth, and then plans those ", batch, ":\nup to ",
      kBatchRedundancy,
      " labelers each, chosen among the ones whose answer is on file.\n");
  if (const double majority = MajorityAccuracy(folder, in_batch, truth);
      majority >= 0) {
    absl::StrAppend(
        &data.explanation,
        absl::StrFormat("Majority vote over all %d answers to these %d tasks "
                        "would be right for %.1f%% of them.\n",
                        data.batch_answers.size(), batch, 100 * majority));
  }
  return data;
}

}  // namespace allot
