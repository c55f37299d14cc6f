// SPDX-License-Identifier: Apache-2.0
// What the alternatives of EventBody are called in the column event.kind.
#ifndef ALLOT_LIB_STORE_SQLITE_EVENT_KINDS_H_
#define ALLOT_LIB_STORE_SQLITE_EVENT_KINDS_H_

#include <iterator>
#include <variant>

#include "absl/strings/string_view.h"
#include "lib/store/event.h"

namespace allot {

// By EventBody::index(). Names are in users' files: never change one.
inline constexpr absl::string_view kEventKinds[] = {
    "pool_upserted",  "labelers_upserted", "labelers_deleted",
    "tasks_recorded", "answers_recorded",  "leases_granted",
    "leases_renewed", "leases_ended",      "request_answered",
};
static_assert(std::size(kEventKinds) == std::variant_size_v<EventBody>);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_SQLITE_EVENT_KINDS_H_
