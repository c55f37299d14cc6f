// SPDX-License-Identifier: Apache-2.0
// The connection to allotd: typed calls with a deadline, errors as
// absl::Status whose message a person can act on.
#ifndef ALLOT_CLI_CLIENT_H_
#define ALLOT_CLI_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "allot/v1/allocation.grpc.pb.h"
#include "allot/v1/confidence.grpc.pb.h"
#include "allot/v1/labeler.grpc.pb.h"
#include "allot/v1/pool.grpc.pb.h"

namespace allot {

struct ClientOptions {
  std::string server = "127.0.0.1:50051";
  std::chrono::milliseconds timeout{60000};  // of one call
  // Paths of PEM files. An authority turns on TLS; certificate and key are this
  // client's own, where the server asks for one.
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  // Path of a file with a bearer token, and nothing else.
  std::string token_file;
};

// The first field at fault of an error, "answers[17].label"; empty if the
// error names none.
std::string FieldAtFault(const absl::Status& status);

class Client {
 public:
  // Reads the files. What is wrong with them is the error of every call.
  explicit Client(const ClientOptions& options);

  v1::PoolService::Stub& pools() { return *pools_; }
  v1::LabelerService::Stub& labelers() { return *labelers_; }
  v1::AllocationService::Stub& allocation() { return *allocation_; }
  v1::ConfidenceService::Stub& confidence() { return *confidence_; }

  // Calls `method` of `stub`. A server that is busy (RESOURCE_EXHAUSTED) is
  // asked again, a few times and ever later.
  // Errors: the server's, with all that its error details say.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(
      Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request) {
    if (!usable_.ok()) return usable_;
    grpc::ClientContext context;
    if (!token_.empty()) context.AddMetadata("authorization", token_);
    context.set_deadline(std::chrono::system_clock::now() + options_.timeout);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return ToAbslStatus(status);
    return response;
  }

 private:
  absl::Status ToAbslStatus(const grpc::Status& status) const;

  ClientOptions options_;
  absl::Status usable_;
  std::string token_;  // as it is sent: "Bearer ..."
  std::unique_ptr<v1::PoolService::Stub> pools_;
  std::unique_ptr<v1::LabelerService::Stub> labelers_;
  std::unique_ptr<v1::AllocationService::Stub> allocation_;
  std::unique_ptr<v1::ConfidenceService::Stub> confidence_;
};

}  // namespace allot

#endif  // ALLOT_CLI_CLIENT_H_
