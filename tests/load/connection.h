// SPDX-License-Identifier: Apache-2.0
// How allot-load reaches a server: plain text or TLS, with a bearer token.
#ifndef ALLOT_TESTS_LOAD_CONNECTION_H_
#define ALLOT_TESTS_LOAD_CONNECTION_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace allot {

struct ConnectionOptions {
  std::string target = "127.0.0.1:50051";
  // Files in PEM. A ca_file turns TLS on; cert and key, for mTLS, go together.
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  // Name in the server's certificate, where it is not that of the target.
  std::string server_name;
  // File with the bearer token; its trailing white space is not part of it.
  std::string token_file;
};

class Connector {
 public:
  // Errors: kInvalidArgument for files that cannot be read.
  static absl::StatusOr<Connector> Make(const ConnectionOptions& options);

  // A channel with a connection of its own: channels that share one do not
  // load the server as that many clients would.
  std::shared_ptr<grpc::Channel> NewChannel() const;
  void Authorize(grpc::ClientContext& context) const {
    if (!authorization_.empty()) {
      context.AddMetadata("authorization", authorization_);
    }
  }

 private:
  ConnectionOptions options_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::string authorization_;  // "Bearer ...", or empty
};

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_CONNECTION_H_
