// SPDX-License-Identifier: Apache-2.0
#include "server/tls.h"

#include <arpa/inet.h>

#include <ctime>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "lib/base/status_macros.h"
#include "openssl/bio.h"
#include "openssl/err.h"
#include "openssl/pem.h"
#include "openssl/x509.h"
#include "server/json_file.h"

namespace allot {
namespace {

constexpr unsigned kWatchSeconds = 1;

struct Free {
  void operator()(X509* x) const { X509_free(x); }
  void operator()(EVP_PKEY* x) const { EVP_PKEY_free(x); }
  void operator()(BIO* x) const { BIO_free(x); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

absl::Status Wrong(absl::string_view flag, const std::string& path,
                   absl::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, ": ", path, ": ", what));
}

absl::StatusOr<Owned<X509>> ReadCertificate(absl::string_view flag,
                                            const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return Wrong(flag, path, "cannot be read");
  const Owned<BIO> in(
      BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  Owned<X509> certificate(
      PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    return Wrong(flag, path, "must hold a PEM certificate");
  }
  return certificate;
}

}  // namespace

absl::Status CheckTlsFiles(const TlsFiles& files) {
  if (files.certificate.empty()) {
    for (const auto& [flag, path] : {std::pair{"tls_key", files.key},
                                     {"tls_client_ca", files.client_ca}}) {
      if (!path.empty()) return Wrong(flag, path, "needs --tls_cert too");
    }
    return absl::OkStatus();
  }
  if (files.key.empty()) {
    return absl::InvalidArgumentError("--tls_key: must go with --tls_cert");
  }
  ALLOT_ASSIGN_OR_RETURN(const Owned<X509> certificate,
                         ReadCertificate("tls_cert", files.certificate));
  const absl::StatusOr<std::string> text = ReadWholeFile(files.key);
  if (!text.ok()) return Wrong("tls_key", files.key, "cannot be read");
  const Owned<BIO> in(
      BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  // An empty passphrase, or OpenSSL would ask for one at the terminal.
  char none[] = "";
  const Owned<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, none));
  if (key == nullptr) {
    return Wrong("tls_key", files.key,
                 "must hold a PEM private key without a passphrase");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Wrong("tls_key", files.key,
                 absl::StrCat("is not the key of ", files.certificate));
  }
  if (!files.client_ca.empty()) {
    ALLOT_RETURN_IF_ERROR(
        ReadCertificate("tls_client_ca", files.client_ca).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsFiles& files) {
  ALLOT_RETURN_IF_ERROR(CheckTlsFiles(files));
  if (files.certificate.empty()) return grpc::InsecureServerCredentials();
  namespace tls = grpc::experimental;
  tls::TlsServerCredentialsOptions options(
      std::make_shared<tls::FileWatcherCertificateProvider>(
          files.key, files.certificate, files.client_ca, kWatchSeconds));
  options.watch_identity_key_cert_pairs();
  if (files.client_ca.empty()) {
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  } else {
    options.watch_root_certs();
    options.set_cert_request_type(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return tls::TlsServerCredentials(options);
}

absl::Time CertificateExpiry(const std::string& path) {
  const auto certificate = ReadCertificate("tls_cert", path);
  std::tm when{};
  if (!certificate.ok() ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate->get()), &when) != 1) {
    return absl::InfinitePast();
  }
  return absl::FromTM(when, absl::UTCTimeZone());
}

bool IsLoopback(absl::string_view host) {
  if (host == "localhost" || host == "[::1]" || host == "::1") return true;
  in_addr address{};
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 &&
         ntohl(address.s_addr) >> 24 == 127;
}

}  // namespace allot
