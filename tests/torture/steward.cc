// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/steward.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot::torture {

std::string PoolName(int pool) { return absl::StrCat("pool", pool); }

int64_t NumberOf(const std::string& id) {
  int64_t number = -1;
  (void)absl::SimpleAtoi(absl::string_view(id).substr(1), &number);
  return number;
}

absl::Status Steward::MakePool(int pool, int labelers) {
  v1::UpsertPoolRequest make;
  make.set_request_id("make");
  make.mutable_pool()->set_pool_id(PoolName(pool));
  make.mutable_pool()->add_skills()->set_name("skill");
  auto* set = make.mutable_pool()->add_label_sets();
  set->set_name("labels");
  set->add_labels("no");
  set->add_labels("yes");
  v1::UpsertPoolResponse made;
  ALLOT_RETURN_IF_ERROR(connections_.InsistAt(0, make, &made));
  v1::UpsertLabelersRequest add;
  add.set_request_id("add");
  add.set_pool_id(PoolName(pool));
  for (int i = 0; i < labelers; ++i) {
    auto* labeler = add.add_labelers();
    labeler->set_labeler_id(absl::StrCat("w", i));
    labeler->set_capacity(CapacityOf(i));
  }
  v1::UpsertLabelersResponse added;
  return connections_.InsistAt(0, add, &added);
}

absl::Status Steward::CatchUp(size_t server, int pool) {
  v1::ReleaseLeasesRequest nothing;
  nothing.set_pool_id(PoolName(pool));
  nothing.set_reason(v1::ReleaseLeasesRequest::REASON_RELEASED);
  nothing.add_lease_ids("L0");
  v1::ReleaseLeasesResponse response;
  return connections_.InsistAt(server, nothing, &response);
}

absl::Status Steward::ReadAnswers(size_t server, int pool,
                                  const std::vector<int32_t>& tasks,
                                  std::vector<Kept>& kept) {
  constexpr size_t kTasks = 1000;
  for (size_t begin = 0; begin < tasks.size(); begin += kTasks) {
    v1::ScoreRequest request;
    request.set_pool_id(PoolName(pool));
    request.set_explain(true);
    const size_t end = std::min(begin + kTasks, tasks.size());
    for (size_t i = begin; i < end; ++i) {
      request.add_items()->mutable_task()->set_task_id(
          absl::StrCat("t", tasks[i]));
    }
    v1::ScoreResponse response;
    const absl::Status status =
        connections_.InsistAt(server, request, &response);
    if (absl::IsNotFound(status) && end - begin > 1) {
      // One of them has none any more: find out which.
      for (size_t i = begin; i < end; ++i) {
        ALLOT_RETURN_IF_ERROR(ReadAnswers(server, pool, {tasks[i]}, kept));
      }
      continue;
    }
    if (absl::IsNotFound(status)) continue;  // the checker will miss them
    ALLOT_RETURN_IF_ERROR(status);
    for (const v1::ScoreResult& result : response.results()) {
      for (const auto& answer : result.contributions()) {
        kept.push_back({static_cast<uint8_t>(pool),
                        static_cast<int32_t>(NumberOf(result.task_id())),
                        static_cast<int32_t>(NumberOf(answer.labeler_id())),
                        static_cast<int8_t>(answer.label())});
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Steward::CountOpenLeases(size_t server, int pool) {
  v1::GetPoolRequest request;
  request.set_pool_id(PoolName(pool));
  v1::GetPoolResponse response;
  ALLOT_RETURN_IF_ERROR(connections_.InsistAt(server, request, &response));
  return response.stats().open_leases();
}

}  // namespace allot::torture
