// SPDX-License-Identifier: Apache-2.0
// Whatever comes in on the ports, the others are served. Real sockets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// A plain TCP connection.
class Raw {
 public:
  explicit Raw(const std::string& address) {
    const std::vector<std::string> parts = absl::StrSplit(address, ':');
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(parts[1], &port));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, parts[0].c_str(), &to.sin_addr);
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connected_ = fd_ >= 0 && connect(fd_, reinterpret_cast<sockaddr*>(&to),
                                     sizeof(to)) == 0;
  }
  Raw(Raw&& other) noexcept : fd_(other.fd_), connected_(other.connected_) {
    other.fd_ = -1;
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  ~Raw() {
    if (fd_ >= 0) close(fd_);
  }

  bool connected() const { return connected_; }
  bool Send(const std::string& bytes) {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // Whether the other side hangs up within that time.
  bool HungUp(int seconds) {
    timeval limit{seconds, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    char buffer[4096];
    ssize_t got = 0;
    while ((got = recv(fd_, buffer, sizeof(buffer), 0)) > 0) {
    }
    return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

std::string Frame(uint32_t length, char type, char flags, uint32_t stream,
                  const std::string& payload) {
  std::string frame;
  for (const int shift : {16, 8, 0}) {
    frame += static_cast<char>(length >> shift);
  }
  frame += type;
  frame += flags;
  for (const int shift : {24, 16, 8, 0}) {
    frame += static_cast<char>(stream >> shift);
  }
  return frame + payload;
}
std::string Settings() { return Frame(0, 4, 0, 0, ""); }

class RobustnessTest : public ::testing::Test {
 protected:
  RobustnessTest() : running_(Options()) { running_.AddPool(); }

  static ServerOptions Options() {
    ServerOptions options = RunningServer::TestOptions();
    options.http_listen = "127.0.0.1:0";
    options.max_connections = 300;
    options.max_request_bytes = 64 << 10;
    return options;
  }

  Raw Connect() { return Raw(running_.server().grpc_address()); }
  // On the connection there is, or on one of its own.
  grpc::Status Get(std::shared_ptr<grpc::Channel> channel) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(15));
    v1::GetPoolRequest request;
    request.set_pool_id("animals");
    v1::GetPoolResponse response;
    return v1::PoolService::NewStub(channel)->GetPool(&context, request,
                                                      &response);
  }
  std::shared_ptr<grpc::Channel> NewChannel() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(running_.server().grpc_address(),
                                     grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  void ExpectServed() {
    const grpc::Status status = Get(running_.channel());
    EXPECT_TRUE(status.ok()) << "who is connected: " << status.error_message();
    EXPECT_TRUE(Get(NewChannel()).ok()) << "who comes";
  }

  RunningServer running_;
};

TEST_F(RobustnessTest, Slowloris) {
  std::vector<Raw> slow;
  for (int i = 0; i < 60; ++i) {
    slow.push_back(Connect());
    ASSERT_TRUE(slow.back().connected());
    // Some say nothing, some half of the preface, some a header's beginning.
    if (i % 3 == 1) slow.back().Send(std::string(kPreface).substr(0, 9));
    if (i % 3 == 2) {
      slow.back().Send(kPreface + Settings() + Frame(100, 1, 0, 1, "x"));
    }
  }
  ExpectServed();
  EXPECT_TRUE(slow[0].HungUp(20)) << "the handshake has a time limit";
  ExpectServed();
}

TEST_F(RobustnessTest, SlowReadersOfThePages) {
  const std::string& address = running_.server().http_address();
  std::vector<Raw> slow;
  for (int i = 0; i < 40; ++i) {
    slow.emplace_back(address);
    slow.back().Send("GET /heal");
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(running_.Get("/healthz"), "ok\n");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
}

TEST_F(RobustnessTest, MoreConnectionsThanThereMayBe) {
  ASSERT_TRUE(Get(running_.channel()).ok());
  {
    std::vector<Raw> many;
    for (int i = 0; i < 1000; ++i) {
      many.push_back(Connect());
      if (!many.back().connected()) break;
    }
    EXPECT_EQ(many.size(), 1000u) << "they are taken, and hung up on";
    EXPECT_TRUE(Get(running_.channel()).ok()) << "who was there before";
    EXPECT_TRUE(many.back().HungUp(10));
    EXPECT_LE(running_.Metric("allot_connections"), 300);
    EXPECT_GE(running_.Metric("allot_connections_refused_total"), 690);
  }
  // They have gone: there is room again.
  const auto start = std::chrono::steady_clock::now();
  while (!Get(NewChannel()).ok() &&
         std::chrono::steady_clock::now() - start < std::chrono::seconds(30)) {
  }
  ExpectServed();
}

TEST_F(RobustnessTest, ThousandsOfConnects) {
  for (int i = 0; i < 2'000; ++i) {
    Raw raw = Connect();
    if (i % 500 == 0) {
      EXPECT_TRUE(Get(running_.channel()).ok()) << i;
    }
  }
  ExpectServed();
}

TEST_F(RobustnessTest, HalfOpenConnectionsAreCounted) {
  {
    std::vector<Raw> gone;
    for (int i = 0; i < 50; ++i) {
      gone.push_back(Connect());
      gone.back().Send(kPreface + Settings());
    }
    ExpectServed();
  }
  const auto start = std::chrono::steady_clock::now();
  while (running_.Metric("allot_connections") > 10 &&
         std::chrono::steady_clock::now() - start < std::chrono::seconds(20)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LE(running_.Metric("allot_connections"), 10);
}

TEST_F(RobustnessTest, FramesThatAreTooLong) {
  Raw raw = Connect();
  raw.Send(kPreface + Settings() + Frame(0xFFFFFF, 0, 0, 1, "data"));
  EXPECT_TRUE(raw.HungUp(20)) << "16 KiB is the most that was agreed on";
  ExpectServed();
}

TEST_F(RobustnessTest, RequestsThatAreTooLong) {
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.set_request_id(std::string(80 << 10, 'x'));
  grpc::ClientContext context;
  v1::AllocateResponse response;
  EXPECT_EQ(
      running_.allocation().Allocate(&context, request, &response).error_code(),
      grpc::StatusCode::RESOURCE_EXHAUSTED);
  ExpectServed();
}

TEST_F(RobustnessTest, HeadersThatAreTooLong) {
  grpc::ClientContext context;
  for (int i = 0; i < 40; ++i) {
    context.AddMetadata(absl::StrCat("k", i), std::string(1000, 'v'));
  }
  v1::GetPoolRequest request;
  request.set_pool_id("animals");
  v1::GetPoolResponse response;
  // Not on the others' connection, which may end with it.
  EXPECT_FALSE(v1::PoolService::NewStub(NewChannel())
                   ->GetPool(&context, request, &response)
                   .ok());
  ExpectServed();
}

// Bytes that are nothing, and frames of every type with nonsense in them.
TEST_F(RobustnessTest, Garbage) {
  uint64_t random = 42;
  const auto next = [&] {
    random = random * 6364136223846793005 + 1442695040888963407;
    return static_cast<uint32_t>(random >> 33);
  };
  for (int round = 0; round < 200; ++round) {
    Raw raw = Connect();
    std::string bytes;
    if (round % 4 != 0) bytes = kPreface + Settings();
    for (int i = 0; i < 20; ++i) {
      std::string payload;
      for (uint32_t n = next() % 64; n > 0; --n) {
        payload += static_cast<char>(next());
      }
      const auto length = static_cast<uint32_t>(payload.size());
      bytes += round % 4 == 0
                   ? payload
                   : Frame(next() % 5 == 0 ? next() % 100 : length,
                           static_cast<char>(next() % 12),
                           static_cast<char>(next()), next() % 6, payload);
    }
    raw.Send(bytes);
    if (round % 50 == 0) {
      EXPECT_TRUE(Get(running_.channel()).ok()) << round;
    }
  }
  ExpectServed();
}

// Streams opened and reset as fast as can be ("rapid reset").
TEST_F(RobustnessTest, StreamsThatAreResetAtOnce) {
  Raw raw = Connect();
  raw.Send(kPreface + Settings());
  // HPACK: :method POST, :scheme http, :path / as indexed fields.
  const std::string headers = "\x83\x86\x84";
  for (uint32_t stream = 1; stream < 4001; stream += 2) {
    const std::string reset(4, '\0');
    if (!raw.Send(Frame(3, 1, 4, stream, headers) +
                  Frame(4, 3, 0, stream, reset))) {
      break;  // hung up on, which is as good
    }
  }
  ExpectServed();
}

TEST_F(RobustnessTest, CancelledStreams) {
  for (int i = 0; i < 100; ++i) {
    grpc::ClientContext context;
    const auto stream = running_.allocation().AllocateStream(&context);
    v1::AllocateStreamRequest request;
    request.mutable_request()->set_pool_id("animals");
    request.mutable_request()->add_tasks()->set_task_id("t");
    if (i % 2 == 0) stream->Write(request);
    if (i % 3 == 0) stream->WritesDone();
    context.TryCancel();
    stream->Finish();
  }
  ExpectServed();
  while (running_.server().workers().running() > 0 ||
         running_.server().workers().waiting() > 0) {
    std::this_thread::yield();
  }
}

}  // namespace
}  // namespace allot
