// SPDX-License-Identifier: Apache-2.0
// What the tests of stores share: events with values that are hard to keep,
// and a text of an event in which every bit shows.
#ifndef ALLOT_TESTS_STORE_STORE_TESTING_H_
#define ALLOT_TESTS_STORE_STORE_TESTING_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lib/store/store.h"

namespace allot {

// Every field, doubles in hexadecimal: equal text is equal bits.
std::string Describe(const Event& event);

// One event of each kind or more, with unicode and empty strings, denormals,
// -0.0, the largest integers, empty lists and absent optionals.
std::vector<Event> HardEvents();

// `count` new answers; `batch` makes their keys.
Event AnswersEvent(int batch, int count, const std::string& pool = "p");

// Appends the events wherever their pools' logs end; a run of events of one
// pool is one append. The number of the last one; the first error ends it.
absl::StatusOr<int64_t> AppendAtEnd(Store& store,
                                    const std::vector<Event>& events);

// All events above `after`, of all pools of a store with one series. Fails the
// test when Load() does.
std::map<int64_t, std::string> LoadAll(Store& store, int64_t after = 0);

// A folder of its own for each test, removed at the end. In memory where there
// is such a thing: what a sync does to a disk no test here can see, only wait
// for.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string File(const std::string& name) const {
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_STORE_STORE_TESTING_H_
