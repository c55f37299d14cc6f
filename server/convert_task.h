// SPDX-License-Identifier: Apache-2.0
// Tasks and answers from the wire to the domain.
#ifndef ALLOT_SERVER_CONVERT_TASK_H_
#define ALLOT_SERVER_CONVERT_TASK_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "allot/v1/task.pb.h"
#include "lib/roster/task.h"
#include "server/convert_pool.h"
#include "server/violations.h"

namespace allot {

// What the labels of a task mean.
struct TaskClasses {
  std::string label_set;  // empty: classes have no names
  int32_t num_classes = 2;
};

// The classes of a task that the request does not describe.
using FindClasses = absl::FunctionRef<TaskClasses(absl::string_view task_id)>;

// Those of a task that says nothing: the pool's first label set, else two
// classes without names.
TaskClasses DefaultClasses(const Pool& pool);

// After a violation the result is only good for going on with the checks.
Task ToTask(const FieldPath& path, const v1::Task& in, const PoolNames& names,
            Violations& found);

// Whether the message holds a task's id and nothing else.
bool IsIdOnly(const v1::Task& in);

// The class that an answer names, and when and how fast it came. `classes` are
// those of its task. Absent answered_at becomes `now_unix_micros`. Ids are left
// to the caller.
Answer ToAnswer(const FieldPath& path, const v1::Answer& in,
                const TaskClasses& classes, const PoolNames& names,
                int64_t now_unix_micros, Violations& found);

}  // namespace allot

#endif  // ALLOT_SERVER_CONVERT_TASK_H_
