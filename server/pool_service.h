// SPDX-License-Identifier: Apache-2.0
// allot.v1.PoolService.
#ifndef ALLOT_SERVER_POOL_SERVICE_H_
#define ALLOT_SERVER_POOL_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "allot/v1/pool.grpc.pb.h"
#include "server/method.h"

namespace allot {

// The methods take raw bytes; see decode.h for why.
using RawPoolService = v1::PoolService::WithRawCallbackMethod_UpsertPool<
    v1::PoolService::WithRawCallbackMethod_GetPool<
        v1::PoolService::WithRawCallbackMethod_ListPools<
            v1::PoolService::Service>>>;

class PoolService final : public RawPoolService {
 public:
  explicit PoolService(const ServerCore& core);

  grpc::ServerUnaryReactor* UpsertPool(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetPool(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListPools(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;

 private:
  TypedMethod<v1::UpsertPoolRequest, v1::UpsertPoolResponse> upsert_pool_;
  TypedMethod<v1::GetPoolRequest, v1::GetPoolResponse> get_pool_;
  TypedMethod<v1::ListPoolsRequest, v1::ListPoolsResponse> list_pools_;
};

// The pool of a call. Errors: kInvalidArgument for a malformed id, kNotFound
// (POOL_NOT_FOUND).
absl::StatusOr<std::shared_ptr<const Pool>> FindPool(const Engine& engine,
                                                     absl::string_view pool_id);

}  // namespace allot

#endif  // ALLOT_SERVER_POOL_SERVICE_H_
