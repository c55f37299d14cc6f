// SPDX-License-Identifier: Apache-2.0
// Certificates made on the spot, for tests alone.
#ifndef ALLOT_TESTS_SERVER_TEST_CERTIFICATES_H_
#define ALLOT_TESTS_SERVER_TEST_CERTIFICATES_H_

#include <string>

#include "openssl/evp.h"
#include "openssl/x509.h"

namespace allot {

// PEM.
struct Certified {
  std::string certificate;
  std::string key;
};

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  // For "localhost" and 127.0.0.1, valid for `days`.
  Certified Issue(const std::string& name, int days = 30);
  const std::string& certificate() const { return certificate_; }

 private:
  EVP_PKEY* key_;
  X509* own_;
  std::string certificate_;
  long serial_ = 1;
};

// A folder that is removed in the end.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  // Replaced by a rename, as an operator would. Returns the path.
  std::string Write(const std::string& name, const std::string& text);

 private:
  std::string path_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_SERVER_TEST_CERTIFICATES_H_
