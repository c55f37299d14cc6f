// SPDX-License-Identifier: Apache-2.0
// The tables of online.h.
#ifndef ALLOT_TESTS_EVAL_ONLINE_REPORT_H_
#define ALLOT_TESTS_EVAL_ONLINE_REPORT_H_

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/eval/online.h"

namespace allot {

class OnlineReport {
 public:
  // The share of gold in the second protocol.
  static constexpr double kGoldShare = 0.05;

  struct Figure {
    std::string method, metric;
    double value;
  };
  // Takes in a set's results without gold and with; returns their figures.
  std::vector<Figure> Add(const std::string& set, const OnlineResult& without,
                          const OnlineResult& with_gold);
  void Print(std::ostream& out) const;

 private:
  void PrintProtocol(bool gold, std::ostream& out) const;

  struct Row {
    std::string set;
    OnlineResult without, with_gold;
  };
  std::vector<Row> rows_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_EVAL_ONLINE_REPORT_H_
