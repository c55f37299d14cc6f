// SPDX-License-Identifier: Apache-2.0
// Small made-up crowds whose answers are all on file.
#ifndef ALLOT_TESTS_STUDY_CROWDS_H_
#define ALLOT_TESTS_STUDY_CROWDS_H_

#include <cstdint>
#include <vector>

#include "lib/base/rng.h"
#include "lib/study/answer_book.h"

namespace allot {

// Each labeler answers each task, rightly with her own probability.
inline AnswerBook FullBook(int32_t tasks, const std::vector<double>& accuracy,
                           int32_t classes = 2, uint64_t seed = 1) {
  Rng rng(seed);
  std::vector<LabelAnswer> answers;
  std::vector<GoldLabel> truth;
  for (int32_t t = 0; t < tasks; ++t) {
    const auto label = static_cast<int32_t>(rng.Below(classes));
    truth.push_back({t, label});
    for (size_t i = 0; i < accuracy.size(); ++i) {
      const bool right = rng.Bernoulli(accuracy[i]);
      const auto off = static_cast<int32_t>(1 + rng.Below(classes - 1));
      answers.push_back({t, static_cast<int32_t>(i),
                         right ? label : (label + off) % classes});
    }
  }
  return *AnswerBook::Build(tasks, static_cast<int32_t>(accuracy.size()),
                            classes, answers, truth);
}

}  // namespace allot

#endif  // ALLOT_TESTS_STUDY_CROWDS_H_
