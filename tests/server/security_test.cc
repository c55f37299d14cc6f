// SPDX-License-Identifier: Apache-2.0
// Who gets in, and what is on record: over real connections.
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "openssl/sha.h"
#include "tests/server/running_server.h"
#include "tests/server/test_certificates.h"

namespace allot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string HashOf(const std::string& token) {
  std::string hash(32, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return absl::BytesToHexString(hash);
}

std::string Entry(const std::string& name, const std::string& token,
                  const std::string& role, const std::string& pools) {
  return absl::StrCat("{\"name\": \"", name, "\", \"sha256\": \"",
                      HashOf(token), "\", \"role\": \"", role,
                      "\", \"pools\": [", pools, "]}");
}

std::string Tokens(const std::vector<std::string>& entries) {
  return absl::StrCat("{\"tokens\": [\n", absl::StrJoin(entries, ",\n"),
                      "\n]}\n");
}

v1::Pool PoolNamed(const std::string& id) {
  v1::Pool pool;
  pool.set_pool_id(id);
  pool.add_skills()->set_name("s");
  return pool;
}

// Calls as one caller sees them.
class As {
 public:
  As(std::shared_ptr<grpc::Channel> channel, std::string token)
      : channel_(std::move(channel)), token_(std::move(token)) {}

  grpc::Status UpsertPool(const std::string& id) {
    v1::UpsertPoolRequest request;
    *request.mutable_pool() = PoolNamed(id);
    v1::UpsertPoolResponse response;
    return v1::PoolService::NewStub(channel_)->UpsertPool(Context().get(),
                                                          request, &response);
  }
  grpc::Status GetPool(const std::string& id) {
    v1::GetPoolRequest request;
    request.set_pool_id(id);
    v1::GetPoolResponse response;
    return v1::PoolService::NewStub(channel_)->GetPool(Context().get(), request,
                                                       &response);
  }
  std::vector<std::string> ListPools() {
    v1::ListPoolsResponse response;
    const grpc::Status status = v1::PoolService::NewStub(channel_)->ListPools(
        Context().get(), v1::ListPoolsRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> ids;
    for (const v1::Pool& pool : response.pools()) ids.push_back(pool.pool_id());
    return ids;
  }
  grpc::Status Allocate(const std::string& pool) {
    v1::AllocateRequest request;
    request.set_pool_id(pool);
    request.add_tasks()->set_task_id("t");
    v1::AllocateResponse response;
    return v1::AllocationService::NewStub(channel_)->Allocate(
        Context().get(), request, &response);
  }
  grpc::Status AllocateOnAStream(const std::string& pool) {
    const auto context = Context();
    const auto stub = v1::AllocationService::NewStub(channel_);
    const auto stream = stub->AllocateStream(context.get());
    v1::AllocateStreamRequest request;
    request.mutable_request()->set_pool_id(pool);
    request.mutable_request()->add_tasks()->set_task_id("t");
    stream->Write(request);
    stream->WritesDone();
    v1::AllocateStreamResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  }

 private:
  std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(20));
    if (!token_.empty()) {
      context->AddMetadata("authorization", absl::StrCat("Bearer ", token_));
    }
    return context;
  }
  std::shared_ptr<grpc::Channel> channel_;
  std::string token_;
};

class TokensTest : public ::testing::Test {
 protected:
  TokensTest()
      : path_(folder_.Write(
            "tokens.json",
            Tokens({Entry("reader", "red", "read", "\"a\""),
                    Entry("planner", "plum", "allocate", "\"a\", \"c\""),
                    Entry("ops", "orange", "admin", "\"*\"")}))),
        running_(Options(path_)) {
    for (const char* pool : {"a", "b", "c"}) {
      EXPECT_TRUE(Caller("orange").UpsertPool(pool).ok());
    }
  }
  static ServerOptions Options(const std::string& path) {
    ServerOptions options = RunningServer::TestOptions();
    options.tokens = path;
    return options;
  }
  As Caller(const std::string& token) { return {running_.channel(), token}; }

  TestFolder folder_;
  std::string path_;
  RunningServer running_;
};

void ExpectDenied(const grpc::Status& status, grpc::StatusCode code,
                  const std::string& reason) {
  EXPECT_EQ(status.error_code(), code) << status.error_message();
  EXPECT_EQ(ErrorInfoOf(status).reason(), reason);
}

TEST_F(TokensTest, NobodyGetsInWithoutOne) {
  ExpectDenied(Caller("").GetPool("a"), grpc::StatusCode::UNAUTHENTICATED,
               "TOKEN_MISSING");
  ExpectDenied(Caller("").AllocateOnAStream("a"),
               grpc::StatusCode::UNAUTHENTICATED, "TOKEN_MISSING");
  for (const char* wrong : {"re", "redd", "RED", " "}) {
    ExpectDenied(Caller(wrong).GetPool("a"), grpc::StatusCode::UNAUTHENTICATED,
                 "TOKEN_UNKNOWN");
  }
  ExpectDenied(Caller(std::string(8000, 'x')).GetPool("a"),
               grpc::StatusCode::UNAUTHENTICATED, "TOKEN_UNKNOWN");
  EXPECT_EQ(
      running_.Metric("allot_access_denied_total{reason=\"token_missing\"}"),
      2);
  EXPECT_EQ(
      running_.Metric("allot_access_denied_total{reason=\"token_unknown\"}"),
      5);
}

TEST_F(TokensTest, EachRoleMayDoWhatTheOneBelowMay) {
  EXPECT_TRUE(Caller("red").GetPool("a").ok());
  ExpectDenied(Caller("red").Allocate("a"), grpc::StatusCode::PERMISSION_DENIED,
               "ROLE_TOO_LOW");
  ExpectDenied(Caller("red").AllocateOnAStream("a"),
               grpc::StatusCode::PERMISSION_DENIED, "ROLE_TOO_LOW");
  EXPECT_TRUE(Caller("plum").GetPool("a").ok());
  EXPECT_TRUE(Caller("plum").Allocate("a").ok());
  EXPECT_TRUE(Caller("plum").AllocateOnAStream("a").ok());
  ExpectDenied(Caller("plum").UpsertPool("a"),
               grpc::StatusCode::PERMISSION_DENIED, "ROLE_TOO_LOW");
  EXPECT_TRUE(Caller("orange").UpsertPool("a").ok());
  EXPECT_TRUE(Caller("orange").Allocate("a").ok());
}

TEST_F(TokensTest, ATokenIsForItsPoolsAlone) {
  ExpectDenied(Caller("plum").Allocate("b"),
               grpc::StatusCode::PERMISSION_DENIED, "POOL_FORBIDDEN");
  ExpectDenied(Caller("plum").AllocateOnAStream("b"),
               grpc::StatusCode::PERMISSION_DENIED, "POOL_FORBIDDEN");
  ExpectDenied(Caller("plum").GetPool("nowhere"),
               grpc::StatusCode::PERMISSION_DENIED, "POOL_FORBIDDEN");
  EXPECT_THAT(Caller("red").ListPools(), ElementsAre("a"));
  EXPECT_THAT(Caller("plum").ListPools(), ElementsAre("a", "c"));
  EXPECT_THAT(Caller("orange").ListPools(), ElementsAre("a", "b", "c"));
}

TEST_F(TokensTest, APoolGivenTwiceDoesNotSlipIn) {
  // The last one counts for protobuf, the first one for admission.
  v1::GetPoolRequest first, second;
  first.set_pool_id("a");
  second.set_pool_id("b");
  grpc::GenericStub stub(running_.channel());
  const std::string bytes =
      first.SerializeAsString() + second.SerializeAsString();
  const grpc::Slice slice(bytes);
  grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer red");
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(
      &context, "/allot.v1.PoolService/GetPool", request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag;
  bool ok;
  queue.Next(&tag, &ok);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "MALFORMED_MESSAGE");
}

// Until it holds, for as long as a slow machine may need.
bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 400; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST_F(TokensTest, TheFileIsReadAnewWhenItChanges) {
  folder_.Write("tokens.json",
                Tokens({Entry("reader", "blue", "read", "\"a\"")}));
  EXPECT_TRUE(Eventually([&] { return Caller("blue").GetPool("a").ok(); }));
  ExpectDenied(Caller("red").GetPool("a"), grpc::StatusCode::UNAUTHENTICATED,
               "TOKEN_UNKNOWN");
  EXPECT_EQ(running_.Metric("allot_reloads_total{outcome=\"done\"}"), 1);

  folder_.Write("tokens.json", "{\"tokens\": [\n{\"name\": \"x\"}]}");
  EXPECT_TRUE(Eventually([&] {
    return running_.Metric("allot_reloads_total{outcome=\"failed\"}") == 1;
  }));
  EXPECT_TRUE(Caller("blue").GetPool("a").ok()) << "those of before stay";
  EXPECT_THAT(absl::StrJoin(running_.LogLines(), "\n"),
              HasSubstr("tokens.json:2: sha256"));
}

TEST_F(TokensTest, ChangesAreOnRecordAndSecretsAreNot) {
  Caller("plum").UpsertPool("secret-attempt");
  Caller("red").GetPool("a");
  std::vector<nlohmann::json> audit;
  std::string all;
  for (const std::string& line : running_.LogLines()) {
    all += line + "\n";
    const auto json = nlohmann::json::parse(line);
    if (json.value("audit", false)) audit.push_back(json);
  }
  ASSERT_EQ(audit.size(), 4u) << "three pools, one attempt; reading is none";
  EXPECT_EQ(audit[0]["method"], "UpsertPool");
  EXPECT_EQ(audit[0]["caller"], "ops");
  EXPECT_EQ(audit[0]["pool"], "a");
  EXPECT_EQ(audit[0]["code"], "OK");
  EXPECT_THAT(std::string(audit[0]["peer"]), HasSubstr("127.0.0.1"));
  EXPECT_EQ(audit[3]["code"], "PermissionDenied");
  EXPECT_EQ(audit[3]["reason"], "ROLE_TOO_LOW");
  for (const char* token : {"red", "plum", "orange"}) {
    EXPECT_THAT(all, Not(HasSubstr(absl::StrCat("Bearer ", token))));
    EXPECT_THAT(all, Not(HasSubstr(HashOf(token))));
  }
}

TEST(TokenFile, MistakesAreShownWithTheirLineAndWithoutTheHash) {
  const std::string hash(64, 'a');
  const auto error = [](const std::string& text) {
    return std::string(TokenTable::Parse("t.json", text).status().message());
  };
  EXPECT_THAT(error("{"), HasSubstr("t.json:1: not JSON"));
  EXPECT_THAT(error("{\"tokens\": []}"), HasSubstr("t.json:1: tokens:"));
  EXPECT_THAT(error("{\"tokens\": [\n\n{\"name\": \"n\", \"sha256\": \"" +
                    hash + "0\"}]}"),
              HasSubstr("t.json:3: sha256: must be 64 hexadecimal digits"));
  EXPECT_THAT(error("{\"tokens\": [{\"name\": \"n\", \"sha256\": \"" + hash +
                    "\",\n\"role\": \"root\", \"pools\": [\"*\"]}]}"),
              HasSubstr("role: must be read, allocate or admin"));
  const std::string one = "{\"name\": \"n\", \"sha256\": \"" + hash +
                          "\", \"role\": \"read\", \"pools\": [\"*\"]}";
  EXPECT_THAT(error("{\"tokens\": [" + one + ",\n" + one + "]}"),
              HasSubstr("t.json:2: name: must be given, and differ"));
  EXPECT_THAT(error("{\"tokens\": [" + one + "], \"more\": 1}"),
              HasSubstr("unknown member"));
  EXPECT_THAT(error("{\"tokens\": [\n\n{\"name\": \"n\", \"sha256\": \"" +
                    hash + "0\"}]}"),
              Not(HasSubstr("aaaa")));
}

// ---- TLS ----

std::shared_ptr<grpc::Channel> Secure(const std::string& address,
                                      const std::string& ca,
                                      const Certified& own = {}) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ca;
  options.pem_cert_chain = own.certificate;
  options.pem_private_key = own.key;
  grpc::ChannelArguments arguments;
  // Each channel its own connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(options),
                                   arguments);
}

grpc::StatusCode TryToGet(std::shared_ptr<grpc::Channel> channel) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(10));
  v1::ListPoolsResponse response;
  return v1::PoolService::NewStub(channel)
      ->ListPools(&context, v1::ListPoolsRequest(), &response)
      .error_code();
}

class TlsTest : public ::testing::Test {
 protected:
  ServerOptions Options(const Certified& own) {
    ServerOptions options = RunningServer::TestOptions();
    options.tls.certificate = folder_.Write("tls.crt", own.certificate);
    options.tls.key = folder_.Write("tls.key", own.key);
    return options;
  }
  TestFolder folder_;
  TestAuthority authority_{"authority"};
};

TEST_F(TlsTest, ServesThoseWhoTrustItsAuthorityAndNobodyInClearText) {
  RunningServer running(Options(authority_.Issue("allotd")));
  const std::string& address = running.server().grpc_address();
  EXPECT_EQ(TryToGet(Secure(address, authority_.certificate())),
            grpc::StatusCode::OK);
  const TestAuthority other("other");
  EXPECT_EQ(TryToGet(Secure(address, other.certificate())),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(TryToGet(running.channel()), grpc::StatusCode::UNAVAILABLE)
      << "clear text";
  EXPECT_NEAR(
      running.Metric("allot_tls_certificate_expiry_seconds"),
      static_cast<double>(absl::ToUnixSeconds(absl::Now())) + 30 * 86400, 7200);
}

TEST_F(TlsTest, AsksForAClientsCertificateIfToldTo) {
  TestAuthority clients("clients");
  ServerOptions options = Options(authority_.Issue("allotd"));
  options.tls.client_ca = folder_.Write("clients.crt", clients.certificate());
  RunningServer running(options);
  const std::string& address = running.server().grpc_address();
  const std::string& ca = authority_.certificate();
  EXPECT_EQ(TryToGet(Secure(address, ca, clients.Issue("ui"))),
            grpc::StatusCode::OK);
  EXPECT_EQ(TryToGet(Secure(address, ca)), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(TryToGet(Secure(address, ca, authority_.Issue("ui"))),
            grpc::StatusCode::UNAVAILABLE)
      << "of another authority";
}

TEST_F(TlsTest, ANewCertificateServesNewConnectionsWithoutARestart) {
  RunningServer running(Options(authority_.Issue("allotd")));
  const std::string& address = running.server().grpc_address();
  const auto before = Secure(address, authority_.certificate());
  ASSERT_EQ(TryToGet(before), grpc::StatusCode::OK);
  TestAuthority next("next");
  const Certified renewed = next.Issue("allotd");
  folder_.Write("tls.key", renewed.key);
  folder_.Write("tls.crt", renewed.certificate);
  EXPECT_TRUE(Eventually([&] {
    return TryToGet(Secure(address, next.certificate())) ==
           grpc::StatusCode::OK;
  }));
  EXPECT_EQ(TryToGet(before), grpc::StatusCode::OK)
      << "connections that are open stay";
}

TEST_F(TlsTest, FilesThatDoNotFitAreFoundBeforeTheStart) {
  const Certified own = authority_.Issue("allotd");
  const Certified other = authority_.Issue("other");
  const std::string certificate = folder_.Write("c", own.certificate);
  const std::string key = folder_.Write("k", own.key);
  const std::string other_key = folder_.Write("o", other.key);
  const auto error = [](const TlsFiles& files) {
    return std::string(CheckTlsFiles(files).message());
  };
  EXPECT_EQ(error({certificate, key, ""}), "");
  EXPECT_EQ(error({certificate, key, certificate}), "");
  EXPECT_THAT(error({certificate, other_key, ""}),
              HasSubstr("--tls_key: " + other_key + ": is not the key of"));
  EXPECT_THAT(error({certificate, certificate, ""}),
              HasSubstr("must hold a PEM private key"));
  EXPECT_THAT(error({certificate, "", ""}), HasSubstr("--tls_key: must go"));
  EXPECT_THAT(error({"", key, ""}), HasSubstr("needs --tls_cert too"));
  EXPECT_THAT(error({"", "", certificate}),
              HasSubstr("--tls_client_ca: " + certificate + ": needs"));
  EXPECT_THAT(error({key, key, ""}), HasSubstr("--tls_cert: " + key));
  EXPECT_THAT(error({certificate, key, key}), HasSubstr("--tls_client_ca"));
  EXPECT_THAT(error({"/nowhere", key, ""}), HasSubstr("cannot be read"));
}

TEST(SecureDefaults, APublicAddressInClearTextHasToBeAskedFor) {
  const auto error = [](const std::string& listen, const std::string& http,
                        bool grpc_too, bool http_too) {
    ServerOptions options = RunningServer::TestOptions();
    options.listen = listen;
    options.http_listen = http;
    options.cleartext_grpc = grpc_too;
    options.cleartext_http = http_too;
    return std::string(CheckOptions(options).message());
  };
  EXPECT_EQ(error("127.0.0.1:0", "localhost:0", false, false), "");
  EXPECT_EQ(error("127.8.9.1:0", "[::1]:0", false, false), "");
  for (const char* open : {"0.0.0.0:0", "[::]:0", ":0", "10.0.0.1:0",
                           "example.org:0", "1270.0.0.1:0"}) {
    EXPECT_THAT(error(open, "", false, true), HasSubstr("--listen: ")) << open;
    EXPECT_THAT(error("127.0.0.1:0", open, true, false),
                HasSubstr("--http_listen: "))
        << open;
    EXPECT_EQ(error(open, open, true, true), "") << open;
  }
}

}  // namespace
}  // namespace allot
