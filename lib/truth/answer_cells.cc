// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/answer_cells.h"

#include <algorithm>

namespace allot {

AnswerCells NumberCells(const AnswerSet& answers) {
  const int64_t n = answers.size();
  const int32_t L = answers.num_labelers;
  // Answers in order of labeler, by counting.
  std::vector<int64_t> next(static_cast<size_t>(L) + 1, 0);
  for (int64_t a = 0; a < n; ++a) ++next[answers.labeler[a] + 1];
  for (int32_t l = 0; l < L; ++l) next[l + 1] += next[l];
  std::vector<uint32_t> order(n);
  {
    std::vector<int64_t> at(next.begin(), next.end() - 1);
    for (int64_t a = 0; a < n; ++a) {
      order[at[answers.labeler[a]]++] = static_cast<uint32_t>(a);
    }
  }
  AnswerCells cells;
  cells.cell.resize(n);
  cells.begin.reserve(static_cast<size_t>(L) + 1);
  cells.begin.push_back(0);
  std::vector<int32_t> cell_of_label(answers.num_classes, -1);
  for (int32_t l = 0; l < L; ++l) {
    for (int64_t i = next[l]; i < next[l + 1]; ++i) {
      const uint32_t a = order[i];
      int32_t& cell = cell_of_label[answers.label[a]];
      if (cell < 0) {
        cell = cells.size();
        cells.label.push_back(answers.label[a]);
      }
      cells.cell[a] = cell;
    }
    for (int32_t c = cells.begin.back(); c < cells.size(); ++c) {
      cell_of_label[cells.label[c]] = -1;
    }
    cells.begin.push_back(cells.size());
  }
  return cells;
}

std::vector<int32_t> CutTasks(const AnswerSet& answers, int parts) {
  std::vector<int32_t> cut = {0};
  for (int p = 1; p < parts; ++p) {
    const int64_t target = answers.size() * p / parts;
    const auto at = std::lower_bound(answers.task_begin.begin(),
                                     answers.task_begin.end() - 1, target);
    const auto task = static_cast<int32_t>(at - answers.task_begin.begin());
    if (task > cut.back()) cut.push_back(task);
  }
  if (answers.num_tasks > cut.back() || cut.size() == 1) {
    cut.push_back(answers.num_tasks);
  }
  return cut;
}

}  // namespace allot
