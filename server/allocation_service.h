// SPDX-License-Identifier: Apache-2.0
// allot.v1.AllocationService.
#ifndef ALLOT_SERVER_ALLOCATION_SERVICE_H_
#define ALLOT_SERVER_ALLOCATION_SERVICE_H_

#include <memory>

#include "absl/time/time.h"
#include "allot/v1/allocation.grpc.pb.h"
#include "server/method.h"
#include "server/micro_batcher.h"
#include "server/plan_reserve.h"

namespace allot {

using RawAllocationService =
    v1::AllocationService::WithRawCallbackMethod_Allocate<
        v1::AllocationService::WithRawCallbackMethod_AllocateStream<
            v1::AllocationService::WithRawCallbackMethod_RenewLeases<
                v1::AllocationService::WithRawCallbackMethod_ReleaseLeases<
                    v1::AllocationService::Service>>>>;

class AllocationService final : public RawAllocationService {
 public:
  // Single-task calls within `batch_window` are solved as one; 0: each alone.
  AllocationService(const ServerCore& core, absl::Duration batch_window);
  // Requires that no call is left.
  void Stop() { batcher_.reset(); }

  grpc::ServerUnaryReactor* Allocate(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* AllocateStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* RenewLeases(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ReleaseLeases(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;

 private:
  PlanReserve reserve_;
  std::unique_ptr<MicroBatcher> batcher_;
  TypedMethod<v1::AllocateRequest, v1::AllocateResponse> allocate_;
  TypedMethod<v1::AllocateStreamRequest, v1::AllocateStreamResponse>
      allocate_stream_;
  TypedMethod<v1::RenewLeasesRequest, v1::RenewLeasesResponse> renew_leases_;
  TypedMethod<v1::ReleaseLeasesRequest, v1::ReleaseLeasesResponse>
      release_leases_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_ALLOCATION_SERVICE_H_
