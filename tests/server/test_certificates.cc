// SPDX-License-Identifier: Apache-2.0
#include "tests/server/test_certificates.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "openssl/bio.h"
#include "openssl/pem.h"
#include "openssl/x509v3.h"

namespace allot {
namespace {

template <typename Write>
std::string Pem(const Write& write) {
  BIO* out = BIO_new(BIO_s_mem());
  write(out);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(out);
  return text;
}

std::string PemOf(X509* certificate) {
  return Pem([&](BIO* out) { PEM_write_bio_X509(out, certificate); });
}

void Extend(X509* certificate, X509* issuer, int what, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, &context, what, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* Make(const std::string& name, EVP_PKEY* key, long serial, int days) {
  X509* made = X509_new();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), serial);
  X509_gmtime_adj(X509_getm_notBefore(made), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made), 86400L * days);
  X509_set_pubkey(made, key);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(made), "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return made;
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name)
    : key_(EVP_EC_gen("P-256")), own_(Make(name, key_, serial_++, 30)) {
  X509_set_issuer_name(own_, X509_get_subject_name(own_));
  Extend(own_, own_, NID_basic_constraints, "critical,CA:TRUE");
  Extend(own_, own_, NID_key_usage, "critical,keyCertSign");
  X509_sign(own_, key_, EVP_sha256());
  certificate_ = PemOf(own_);
}

TestAuthority::~TestAuthority() {
  X509_free(own_);
  EVP_PKEY_free(key_);
}

Certified TestAuthority::Issue(const std::string& name, int days) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* made = Make(name, key, serial_++, days);
  X509_set_issuer_name(made, X509_get_subject_name(own_));
  Extend(made, own_, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  X509_sign(made, key_, EVP_sha256());
  Certified result;
  result.certificate = PemOf(made);
  result.key = Pem([&](BIO* out) {
    PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(made);
  EVP_PKEY_free(key);
  return result;
}

TestFolder::TestFolder() {
  std::string path =
      (std::filesystem::temp_directory_path() / "allot_test_XXXXXX").string();
  path_ = mkdtemp(path.data());
}

TestFolder::~TestFolder() { std::filesystem::remove_all(path_); }

std::string TestFolder::Write(const std::string& name,
                              const std::string& text) {
  const std::string path = path_ + "/" + name;
  const std::string beside = path + ".new";
  std::ofstream(beside) << text;
  std::rename(beside.c_str(), path.c_str());
  return path;
}

}  // namespace allot
