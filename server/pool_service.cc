// SPDX-License-Identifier: Apache-2.0
#include "server/pool_service.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "lib/base/status_macros.h"
#include "server/checks.h"
#include "server/convert_pool.h"
#include "server/grpc_status.h"
#include "server/once.h"
#include "server/reactors.h"

namespace allot {
namespace {

constexpr char kService[] = "allot.v1.PoolService";
constexpr absl::string_view kPoolToken = "pool:";

absl::Status Upsert(const ServerCore& core,
                    const v1::UpsertPoolRequest& request,
                    v1::UpsertPoolResponse* response) {
  Violations found;
  const FieldPath root;
  CheckOptionalId(root.Field("request_id"), request.request_id(), found);
  ALLOT_RETURN_IF_ERROR(found.ToStatus());
  ALLOT_ASSIGN_OR_RETURN(Pool pool, ToPool(request.pool()));
  const absl::StatusOr<std::optional<PoolChange>> change = Once<PoolChange>(
      core, request.pool().pool_id(), request, response,
      [&](Request<PoolChange>* once) {
        return core.engine->UpsertPool(std::move(pool), once);
      },
      [&](const PoolChange& made) {
        ToProto(*made.pool, response->mutable_pool());
        response->set_created(made.created);
      });
  if (!change.ok()) {
    // The engine names the field that the pool's history forbids to change; a
    // store that refuses names none.
    const bool history =
        change.status().code() == absl::StatusCode::kFailedPrecondition &&
        absl::StartsWith(change.status().message(), "pool.");
    return history ? WithReason(change.status(), "POOL_CHANGE_FORBIDDEN",
                                {{"pool_id", request.pool().pool_id()}})
                   : change.status();
  }
  return absl::OkStatus();
}

absl::Status Get(const ServerCore& core, const v1::GetPoolRequest& request,
                 v1::GetPoolResponse* response) {
  ALLOT_RETURN_IF_ERROR(FindPool(*core.engine, request.pool_id()).status());
  ALLOT_ASSIGN_OR_RETURN(const PoolInfo info,
                         core.engine->GetPool(request.pool_id()));
  ToProto(*info.pool, response->mutable_pool());
  ToProto(info.stats, *info.pool, response->mutable_stats());
  return absl::OkStatus();
}

absl::Status List(const ServerCore& core, const Caller& caller,
                  const v1::ListPoolsRequest& request,
                  v1::ListPoolsResponse* response) {
  Violations found;
  const FieldPath root;
  CheckRange(root.Field("page_size"), int64_t{request.page_size()}, 0, 1000,
             found);
  // The token is the last id that was given out.
  std::string after;
  if (!request.page_token().empty()) {
    std::string token;
    if (absl::WebSafeBase64Unescape(request.page_token(), &token) &&
        absl::StartsWith(token, kPoolToken)) {
      after = token.substr(kPoolToken.size());
    } else {
      found.Add(root.Field("page_token"),
                "must be the next_page_token of a response");
    }
  }
  ALLOT_RETURN_IF_ERROR(found.ToStatus());
  const int limit = request.page_size() == 0 ? 100 : request.page_size();
  for (const PoolInfo& info : core.engine->ListPools()) {
    if (!request.page_token().empty() && info.pool->id <= after) continue;
    if (!caller.MayUse(info.pool->id)) continue;
    if (response->pools_size() == limit) {
      const std::string& last = response->pools(limit - 1).pool_id();
      response->set_next_page_token(absl::WebSafeBase64Escape(
          absl::StrCat(std::string(kPoolToken), last)));
      break;
    }
    ToProto(*info.pool, response->add_pools());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Pool>> FindPool(
    const Engine& engine, absl::string_view pool_id) {
  ALLOT_RETURN_IF_ERROR(CheckPoolId(pool_id));
  absl::StatusOr<std::shared_ptr<const Pool>> pool = engine.FindPool(pool_id);
  if (!pool.ok()) {
    return WithReason(pool.status(), "POOL_NOT_FOUND", {{"pool_id", pool_id}});
  }
  return pool;
}

PoolService::PoolService(const ServerCore& core)
    : upsert_pool_(core, core.metrics->AddRpc("unary", kService, "UpsertPool"),
                   {Role::kAdmin, Priority::kBatch},
                   [&core](CallContext&, const auto& request, auto* response) {
                     return Upsert(core, request, response);
                   }),
      get_pool_(core, core.metrics->AddRpc("unary", kService, "GetPool"),
                {Role::kRead},
                [&core](CallContext&, const auto& request, auto* response) {
                  return Get(core, request, response);
                }),
      list_pools_(
          core, core.metrics->AddRpc("unary", kService, "ListPools"),
          {Role::kRead, Priority::kBatch},
          [&core](CallContext& call, const auto& request, auto* response) {
            return List(core, call.caller, request, response);
          }) {}

grpc::ServerUnaryReactor* PoolService::UpsertPool(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(upsert_pool_, context, request, response);
}

grpc::ServerUnaryReactor* PoolService::GetPool(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(get_pool_, context, request, response);
}

grpc::ServerUnaryReactor* PoolService::ListPools(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(list_pools_, context, request, response);
}

}  // namespace allot
