// SPDX-License-Identifier: Apache-2.0
// The offline measurements as tables: one for each metric and group of sets
// that were measured with the same methods, with a mean.
#ifndef ALLOT_TESTS_EVAL_RESULT_TABLES_H_
#define ALLOT_TESTS_EVAL_RESULT_TABLES_H_

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace allot {

class ResultTables {
 public:
  void Add(const std::string& set, const std::string& method,
           const std::string& metric, double value);
  // Methods that begin with "online" have a table of their own elsewhere and
  // are left out; the replay's metrics share one table.
  void Print(std::ostream& out) const;

 private:
  struct Row {
    std::string set;
    std::vector<std::string> methods;  // in order of measurement
    std::map<std::string, double> values;
  };

  void PrintMetric(const std::string& metric, std::ostream& out) const;
  void PrintReplay(std::ostream& out) const;

  std::vector<std::string> metrics_;  // in order of first appearance
  std::map<std::string, std::vector<Row>> rows_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_EVAL_RESULT_TABLES_H_
