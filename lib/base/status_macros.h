// SPDX-License-Identifier: Apache-2.0
// Early return on a bad absl::Status, which Abseil itself does not offer.
#ifndef ALLOT_LIB_BASE_STATUS_MACROS_H_
#define ALLOT_LIB_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define ALLOT_RETURN_IF_ERROR(expression)                               \
  do {                                                                  \
    if (absl::Status allot_status_ = (expression); !allot_status_.ok()) \
      return allot_status_;                                             \
  } while (false)

// ALLOT_ASSIGN_OR_RETURN(auto x, F()); returns F()'s error or moves its value
// into x.
#define ALLOT_ASSIGN_OR_RETURN(left, expression)                           \
  ALLOT_ASSIGN_OR_RETURN_(ALLOT_CONCAT_(allot_status_or_, __LINE__), left, \
                          expression)
#define ALLOT_ASSIGN_OR_RETURN_(temporary, left, expression) \
  auto temporary = (expression);                             \
  if (!temporary.ok()) return std::move(temporary).status(); \
  left = *std::move(temporary)
#define ALLOT_CONCAT_(a, b) ALLOT_CONCAT_INNER_(a, b)
#define ALLOT_CONCAT_INNER_(a, b) a##b

#endif  // ALLOT_LIB_BASE_STATUS_MACROS_H_
