// SPDX-License-Identifier: Apache-2.0
// The yardstick for durable answers: how fast a back end itself makes the same
// rows durable, a batch in one transaction.
#ifndef ALLOT_TESTS_BENCH_RAW_INSERTS_H_
#define ALLOT_TESTS_BENCH_RAW_INSERTS_H_

#include <memory>
#include <string>
#include <vector>

#include "lib/roster/task.h"

namespace allot {

class RawInserts {
 public:
  virtual ~RawInserts() = default;
  // Returns when the batch is durable; ends the program if it cannot be.
  virtual void Insert(const std::vector<Answer>& answers) = 0;
};

// A table with the store's columns and its uniqueness, and one prepared
// statement, as durable as the store.
std::unique_ptr<RawInserts> RawSqliteInserts(const std::string& path);
// Each answer an entry of a stream, in one round trip.
std::unique_ptr<RawInserts> RawRedisInserts(int port);

}  // namespace allot

#endif  // ALLOT_TESTS_BENCH_RAW_INSERTS_H_
