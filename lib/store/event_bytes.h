// SPDX-License-Identifier: Apache-2.0
// Events as bytes, for stores that keep them as such. What is read back equals
// what was written, bit for bit.
//
// Format: a version, the kind (the index of the alternative in EventBody), the
// time, then the fields in the order of the struct. Whole numbers as variable
// length integers, real ones as their bits, little-endian; strings and lists by
// length. The pool is not in it: a store keeps a log for each.
//
// Kinds and fields are only ever added at the end, and a program that reads a
// kind or version it does not know says so: during an upgrade the old version
// stops at the first event of the new kind.
#ifndef ALLOT_LIB_STORE_EVENT_BYTES_H_
#define ALLOT_LIB_STORE_EVENT_BYTES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/store/event.h"

namespace allot {

// `event.pool` is left out.
std::string ToBytes(const Event& event);

// kFailedPrecondition: written by a newer version. kDataLoss: no such bytes
// were ever written.
absl::StatusOr<Event> ParseEventBytes(absl::string_view pool,
                                      absl::string_view bytes);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_EVENT_BYTES_H_
