// SPDX-License-Identifier: Apache-2.0
#include "tests/server/running_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace allot {
namespace {

template <typename T>
T DetailOf(const grpc::Status& status) {
  google::rpc::Status trailer;
  trailer.ParseFromString(status.error_details());
  T detail;
  for (const google::protobuf::Any& any : trailer.details()) {
    if (any.Is<T>()) any.UnpackTo(&detail);
  }
  return detail;
}

}  // namespace

ServerOptions RunningServer::TestOptions() {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.http_listen = "";
  options.store = "memory:";
  options.workers = 2;
  options.lame_duck = absl::ZeroDuration();
  return options;
}

RunningServer::RunningServer(ServerOptions options) {
  log_ = std::make_unique<Logger>(&clock_, options.log_level,
                                  [this](absl::string_view line) {
                                    MutexLock lock(mutex_);
                                    lines_.emplace_back(line);
                                  });
  auto server = Server::Start(options, &clock_, log_.get());
  EXPECT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  channel_ = grpc::CreateChannel(server_->grpc_address(),
                                 grpc::InsecureChannelCredentials());
  pools_ = v1::PoolService::NewStub(channel_);
  labelers_ = v1::LabelerService::NewStub(channel_);
  allocation_ = v1::AllocationService::NewStub(channel_);
  confidence_ = v1::ConfidenceService::NewStub(channel_);
}

void RunningServer::AddPool() {
  v1::UpsertPoolRequest request;
  request.mutable_pool()->set_pool_id("animals");
  request.mutable_pool()->add_skills()->set_name("cats");
  request.mutable_pool()->add_skills()->set_name("dogs");
  v1::LabelSet* set = request.mutable_pool()->add_label_sets();
  set->set_name("species");
  set->add_labels("cat");
  set->add_labels("dog");
  set = request.mutable_pool()->add_label_sets();
  set->set_name("reversed");
  set->add_labels("dog");
  set->add_labels("cat");
  v1::UpsertPoolResponse response;
  grpc::ClientContext context;
  const grpc::Status status = pools_->UpsertPool(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

void RunningServer::AddLabelers(int count, int capacity, double mean) {
  for (int first = 0; first < count; first += 10'000) {
    v1::UpsertLabelersRequest request;
    request.set_pool_id("animals");
    for (int i = first; i < count && i < first + 10'000; ++i) {
      v1::Labeler* labeler = request.add_labelers();
      labeler->set_labeler_id(absl::StrCat("l", i));
      labeler->set_capacity(capacity);
      for (const char* skill : {"cats", "dogs"}) {
        v1::SkillEstimate* estimate = labeler->add_skills();
        estimate->set_skill(skill);
        estimate->set_mean(mean);
        estimate->set_variance(0.25);
      }
    }
    v1::UpsertLabelersResponse response;
    grpc::ClientContext context;
    const grpc::Status status =
        labelers_->UpsertLabelers(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
}

std::string RunningServer::Get(absl::string_view path, int* code) {
  const std::vector<std::string> address =
      absl::StrSplit(server_->http_address(), ':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address[1], &port));
  to.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, address[0].c_str(), &to.sin_addr);
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(connect(socket_fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
            0);
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: test\r\n\r\n");
  EXPECT_EQ(write(socket_fd, request.data(), request.size()),
            static_cast<ssize_t>(request.size()));
  std::string reply;
  char buffer[65536];
  for (ssize_t n; (n = read(socket_fd, buffer, sizeof(buffer))) > 0;) {
    reply.append(buffer, static_cast<size_t>(n));
  }
  close(socket_fd);
  if (code != nullptr && reply.size() > 12) {
    EXPECT_TRUE(absl::SimpleAtoi(reply.substr(9, 3), code));
  }
  const size_t body = reply.find("\r\n\r\n");
  return body == std::string::npos ? "" : reply.substr(body + 4);
}

double RunningServer::Metric(absl::string_view series) {
  const std::string scrape = server_->metrics().Scrape();
  for (const absl::string_view line : absl::StrSplit(scrape, '\n')) {
    if (!absl::StartsWith(line, series)) continue;
    const absl::string_view rest = line.substr(series.size());
    double value = 0;
    if (!rest.empty() && rest[0] == ' ' &&
        absl::SimpleAtod(rest.substr(1), &value)) {
      return value;
    }
  }
  return -1;
}

std::vector<std::string> RunningServer::LogLines() {
  MutexLock lock(mutex_);
  return lines_;
}

google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status) {
  return DetailOf<google::rpc::ErrorInfo>(status);
}
google::rpc::BadRequest BadRequestOf(const grpc::Status& status) {
  return DetailOf<google::rpc::BadRequest>(status);
}
google::rpc::RetryInfo RetryInfoOf(const grpc::Status& status) {
  return DetailOf<google::rpc::RetryInfo>(status);
}

}  // namespace allot
