// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace allot {
namespace {

constexpr char kFieldPayload[] = "allot.dev/field";

// Bulk answers fit the server's default limits; a plan of 10,000 tasks with
// explanations may be larger than gRPC's 4 MiB on the way back.
constexpr int kMaxReceiveBytes = 256 << 20;

constexpr char kServiceConfig[] = R"({"methodConfig": [{
  "name": [{"service": "allot.v1.PoolService"},
           {"service": "allot.v1.LabelerService"},
           {"service": "allot.v1.AllocationService"},
           {"service": "allot.v1.ConfidenceService"}],
  "retryPolicy": {
    "maxAttempts": 5,
    "initialBackoff": "0.2s",
    "maxBackoff": "5s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["RESOURCE_EXHAUSTED"]
  }}]})";

// What the reader can do about it.
std::string Advice(const grpc::Status& status, absl::string_view message,
                   const ClientOptions& options) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return "start a server with `allotd`, or name another one with --server "
             "HOST:PORT or ALLOT_SERVER";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return absl::StrCat(
          "no answer within ",
          static_cast<double>(options.timeout.count()) / 1000,
          " s: give it longer with --timeout SECONDS, or ask for less at once");
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "the server is at its limit: try again later, or ask for less at "
             "once";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "this server asks for a token: name a file that holds one with "
             "--token-file or ALLOT_TOKEN_FILE";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "this server does not know the call: is it an allotd of this "
             "version?";
    case grpc::StatusCode::NOT_FOUND:
      if (absl::StrContains(message, "no pool")) {
        return "see `allot pool list`, or make one with `allot pool upsert`";
      }
      if (absl::StrContains(message, "no labeler")) {
        return "see `allot labelers list`, or add her with `allot labelers "
               "import`";
      }
      if (absl::StrContains(message, "no policy")) {
        return "`allot pool get` shows the pool's policies";
      }
      return "";
    default:
      return "";
  }
}

// The file's text; an error goes to `status`, which keeps the first.
std::string ReadFile(absl::string_view flag, const std::string& path,
                     absl::Status& status) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file.good()) text << file.rdbuf();
  if ((!file.good() || text.str().empty()) && status.ok()) {
    status = absl::InvalidArgumentError(
        absl::StrCat(flag, ": cannot read ", path, ", or it is empty"));
  }
  return text.str();
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(
    const ClientOptions& options, absl::Status& status) {
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    status = absl::InvalidArgumentError("--tls-cert and --tls-key go together");
  }
  if (options.tls_ca.empty()) {
    if (!options.tls_cert.empty()) {
      status = absl::InvalidArgumentError("--tls-cert needs --tls-ca too");
    }
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = ReadFile("--tls-ca", options.tls_ca, status);
  if (!options.tls_cert.empty()) {
    tls.pem_cert_chain = ReadFile("--tls-cert", options.tls_cert, status);
    tls.pem_private_key = ReadFile("--tls-key", options.tls_key, status);
  }
  return grpc::SslCredentials(tls);
}

}  // namespace

Client::Client(const ClientOptions& options) : options_(options) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  const auto channel = grpc::CreateCustomChannel(
      options.server, Credentials(options, usable_), arguments);
  if (!options.token_file.empty()) {
    const std::string token =
        ReadFile("--token-file", options.token_file, usable_);
    token_ = absl::StrCat("Bearer ", absl::StripAsciiWhitespace(token));
  }
  pools_ = v1::PoolService::NewStub(channel);
  labelers_ = v1::LabelerService::NewStub(channel);
  allocation_ = v1::AllocationService::NewStub(channel);
  confidence_ = v1::ConfidenceService::NewStub(channel);
}

absl::Status Client::ToAbslStatus(const grpc::Status& status) const {
  std::string message;
  std::string field;
  google::rpc::Status rich;
  std::vector<std::string> violations;
  if (rich.ParseFromString(status.error_details())) {
    for (const auto& detail : rich.details()) {
      google::rpc::BadRequest bad_request;
      if (!detail.UnpackTo(&bad_request)) continue;
      for (const auto& violation : bad_request.field_violations()) {
        if (field.empty()) field = violation.field();
        violations.push_back(
            absl::StrCat(violation.field(), ": ", violation.description()));
      }
    }
  }
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    message = absl::StrCat("cannot reach allotd at ", options_.server, ": ",
                           status.error_message());
  } else if (!violations.empty()) {
    message = absl::StrJoin(violations, "\n");
  } else {
    message = status.error_message();
  }
  if (message.empty()) {
    message = absl::StrCat("the server failed with gRPC code ",
                           static_cast<int>(status.error_code()));
  }
  if (const std::string advice = Advice(status, message, options_);
      !advice.empty()) {
    absl::StrAppend(&message, "\n", advice);
  }
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      message);
  if (!field.empty()) result.SetPayload(kFieldPayload, absl::Cord(field));
  return result;
}

std::string FieldAtFault(const absl::Status& status) {
  const auto field = status.GetPayload(kFieldPayload);
  return field.has_value() ? std::string(*field) : std::string();
}

}  // namespace allot
