// SPDX-License-Identifier: Apache-2.0
// Encryption of the gRPC port, and where it may be done without.
#ifndef ALLOT_SERVER_TLS_H_
#define ALLOT_SERVER_TLS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/security/server_credentials.h"

namespace allot {

// Paths of PEM files. They are watched: what is put in their place (by one
// rename, so that key and certificate match) serves the next connections.
struct TlsFiles {
  std::string certificate;  // the chain, the server's own first; empty: no TLS
  std::string key;
  std::string client_ca;  // clients must show a certificate of these; or empty
};

// Errors: kInvalidArgument naming the flag whose file is missing, no PEM, or
// does not fit the others.
absl::Status CheckTlsFiles(const TlsFiles& files);

// Clear text without a certificate. Errors: as CheckTlsFiles().
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsFiles& files);

// When the certificate on disk expires; InfinitePast if it cannot be read.
absl::Time CertificateExpiry(const std::string& certificate);

// Whether an address can be reached from this machine alone.
bool IsLoopback(absl::string_view host);

}  // namespace allot

#endif  // ALLOT_SERVER_TLS_H_
