// SPDX-License-Identifier: Apache-2.0
// allot.v1.AllocationService.
#ifndef ALLOT_SERVER_ALLOCATION_SERVICE_H_
#define ALLOT_SERVER_ALLOCATION_SERVICE_H_

#include "allot/v1/allocation.grpc.pb.h"
#include "server/method.h"

namespace allot {

using RawAllocationService =
    v1::AllocationService::WithRawCallbackMethod_Allocate<
        v1::AllocationService::WithRawCallbackMethod_AllocateStream<
            v1::AllocationService::WithRawCallbackMethod_RenewLeases<
                v1::AllocationService::WithRawCallbackMethod_ReleaseLeases<
                    v1::AllocationService::Service>>>>;

class AllocationService final : public RawAllocationService {
 public:
  explicit AllocationService(const ServerCore& core);

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
  TypedMethod<v1::AllocateRequest, v1::AllocateResponse> allocate_;
  TypedMethod<v1::AllocateStreamRequest, v1::AllocateStreamResponse>
      allocate_stream_;
  TypedMethod<v1::RenewLeasesRequest, v1::RenewLeasesResponse> renew_leases_;
  TypedMethod<v1::ReleaseLeasesRequest, v1::ReleaseLeasesResponse>
      release_leases_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_ALLOCATION_SERVICE_H_
