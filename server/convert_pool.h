// SPDX-License-Identifier: Apache-2.0
// Pools and policies between the wire and the domain. The convert files are the
// only ones that know both; they check every range that the contract states,
// fill in its defaults and report each field at fault by its path.
#ifndef ALLOT_SERVER_CONVERT_POOL_H_
#define ALLOT_SERVER_CONVERT_POOL_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "allot/v1/pool.pb.h"
#include "lib/engine/calls.h"
#include "server/violations.h"

namespace allot {

// The names of a pool by their row. Holds references into the pool. Not
// thread-safe.
class PoolNames {
 public:
  explicit PoolNames(const Pool& pool) : pool_(pool) {}
  const Pool& pool() const { return pool_; }
  // Row of the skill, -1 if there is none of that name.
  int32_t FindSkill(absl::string_view name) const;
  // nullptr if there is none of that name.
  const LabelSet* FindLabelSet(absl::string_view name) const;

 private:
  const Pool& pool_;
  // Made when a skill is first asked for by name: most requests name none.
  mutable absl::flat_hash_map<absl::string_view, int32_t> skills_;
};

// Errors: kInvalidArgument with violations below "pool".
absl::StatusOr<Pool> ToPool(const v1::Pool& in);

// Ranges and defaults of a policy; its name is checked by the caller, who knows
// whether it matters.
Policy ToPolicy(const FieldPath& path, const v1::Policy& in, Violations& found);

// The objective of a call: a policy of the pool by name, one given inline, or
// the pool's first, or the built-in one. Works on every request with this
// oneof. Adds violations for a bad inline policy; returns kNotFound
// (POLICY_NOT_FOUND) for an unknown name.
template <typename Request>
absl::StatusOr<Policy> ResolvePolicy(const Request& request, const Pool& pool,
                                     Violations& found);

void ToProto(const Policy& in, v1::Policy* out);
void ToProto(const Pool& in, v1::Pool* out);
void ToProto(const PoolStats& in, const Pool& pool, v1::PoolStats* out);

// A pool_id on the way in. Errors: kInvalidArgument.
absl::Status CheckPoolId(absl::string_view id);

// ---- details ----

absl::StatusOr<Policy> FindPolicy(absl::string_view name, const Pool& pool);
Policy DefaultPolicy(const Pool& pool);

template <typename Request>
absl::StatusOr<Policy> ResolvePolicy(const Request& request, const Pool& pool,
                                     Violations& found) {
  switch (request.objective_case()) {
    case Request::kPolicyName:
      return FindPolicy(request.policy_name(), pool);
    case Request::kPolicy:
      return ToPolicy(FieldPath().Field("policy"), request.policy(), found);
    default:
      return DefaultPolicy(pool);
  }
}

}  // namespace allot

#endif  // ALLOT_SERVER_CONVERT_POOL_H_
