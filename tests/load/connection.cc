// SPDX-License-Identifier: Apache-2.0
#include "tests/load/connection.h"

#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read ", path));
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

absl::StatusOr<Connector> Connector::Make(const ConnectionOptions& options) {
  Connector connector;
  connector.options_ = options;
  connector.credentials_ = grpc::InsecureChannelCredentials();
  if (!options.ca_file.empty()) {
    grpc::SslCredentialsOptions ssl;
    ALLOT_ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadFile(options.ca_file));
    ALLOT_ASSIGN_OR_RETURN(ssl.pem_cert_chain, ReadFile(options.cert_file));
    ALLOT_ASSIGN_OR_RETURN(ssl.pem_private_key, ReadFile(options.key_file));
    connector.credentials_ = grpc::SslCredentials(ssl);
  }
  ALLOT_ASSIGN_OR_RETURN(std::string token, ReadFile(options.token_file));
  absl::StripAsciiWhitespace(&token);
  if (!token.empty()) {
    connector.authorization_ = absl::StrCat("Bearer ", token);
  }
  return connector;
}

std::shared_ptr<grpc::Channel> Connector::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // A server that restarts should be found again at once.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  if (!options_.server_name.empty()) {
    arguments.SetSslTargetNameOverride(options_.server_name);
  }
  return grpc::CreateCustomChannel(options_.target, credentials_, arguments);
}

}  // namespace allot
