// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace allot {
namespace {

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

bool IsFree(int port) {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(probe, reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address)) == 0;
  close(probe);
  return free;
}

bool Answers(int port, const char* command, const char* wanted) {
  redisContext* context =
      redisConnectWithTimeout("127.0.0.1", port, timeval{1, 0});
  bool good = false;
  if (context != nullptr && context->err == 0) {
    auto* reply = static_cast<redisReply*>(redisCommand(context, command));
    // A server that wants a password is up, too.
    good = reply != nullptr && reply->str != nullptr &&
           (absl::StrContains(reply->str, wanted) ||
            absl::StrContains(reply->str, "NOAUTH"));
    if (reply != nullptr) freeReplyObject(reply);
  }
  if (context != nullptr) redisFree(context);
  return good;
}

void Until(const std::string& what, const auto& done) {
  const auto start = std::chrono::steady_clock::now();
  while (!done()) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(120)) {
      Give(what);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace

int FreePort() {
  static std::random_device device;
  for (int tries = 0; tries < 1000; ++tries) {
    const int port = 10'000 + static_cast<int>(device() % 12'000);
    if (IsFree(port) && IsFree(port + 10'000)) return port;
  }
  Give("no free port");
}

bool RedisServer::Installed() {
  return std::system("redis-server --version >/dev/null 2>&1") == 0;
}

RedisServer::RedisServer(std::vector<std::string> flags)
    : RedisServer(std::move(flags), 0) {}

std::unique_ptr<RedisServer> RedisServer::Sentinel(int port) {
  return std::unique_ptr<RedisServer>(new RedisServer({}, port));
}

RedisServer::RedisServer(std::vector<std::string> flags, int watched_port)
    : flags_(std::move(flags)), watched_port_(watched_port), port_(FreePort()) {
  const std::string parent =
      access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  folder_ = parent + "/allot_redis_XXXXXX";
  if (mkdtemp(folder_.data()) == nullptr) Give("cannot make a folder");
  Start();
}

RedisServer::~RedisServer() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string RedisServer::address() const {
  return absl::StrCat("redis://127.0.0.1:", port_);
}

void RedisServer::Start() {
  std::vector<std::string> words = {
      "redis-server", "--port",      absl::StrCat(port_),
      "--bind",       "127.0.0.1",   "--dir",
      folder_,        "--save",      "",
      "--appendonly", "yes",         "--appendfsync",
      "always",       "--daemonize", "no"};
  words.insert(words.end(), flags_.begin(), flags_.end());
  if (watched_port_ != 0) {
    const std::string file = folder_ + "/sentinel.conf";
    std::ofstream(file) << "port " << port_ << "\nbind 127.0.0.1\ndir "
                        << folder_ << "\nsentinel monitor the-master 127.0.0.1 "
                        << watched_port_ << " 1\n";
    words = {"redis-server", file, "--sentinel"};
  }
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string log = folder_ + "/log";
  process_ = fork();
  if (process_ < 0) Give("cannot fork");
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  WaitUntilUp();
}

void RedisServer::WaitUntilUp() {
  Until(absl::StrCat("redis-server did not start: ", folder_, "/log"),
        [&] { return Answers(port_, "PING", "PONG"); });
}

void RedisServer::Kill() {
  if (process_ < 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

void RedisServer::Pause() { kill(process_, SIGSTOP); }
void RedisServer::Resume() { kill(process_, SIGCONT); }

void RedisServer::Wipe() {
  std::filesystem::remove_all(folder_ + "/appendonlydir");
}

RedisCluster::RedisCluster(const std::string& folder) {
  std::string create = "redis-cli --cluster create";
  for (int i = 0; i < 3; ++i) {
    std::vector<std::string> flags = {"--cluster-enabled", "yes",
                                      "--cluster-require-full-coverage", "yes"};
    if (!folder.empty()) {
      const std::string mine = absl::StrCat(folder, "/node.", i);
      std::filesystem::create_directories(mine);
      flags.insert(flags.end(), {"--dir", mine});
    }
    nodes_.push_back(std::make_unique<RedisServer>(std::move(flags)));
    absl::StrAppend(&create, " 127.0.0.1:", nodes_.back()->port());
  }
  create += " --cluster-yes >/dev/null 2>&1";
  if (std::system(create.c_str()) != 0)
    Give("cannot make a cluster: " + create);
  for (const auto& node : nodes_) {
    Until("the cluster does not come up", [&] {
      return Answers(node->port(), "CLUSTER INFO", "cluster_state:ok");
    });
  }
}

std::string RedisCluster::address() const {
  std::string address = "redis://";
  for (const auto& node : nodes_) {
    if (node != nodes_.front()) address += ',';
    absl::StrAppend(&address, "127.0.0.1:", node->port());
  }
  return address;
}

}  // namespace allot
