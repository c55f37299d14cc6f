// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/cluster.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "lib/base/status_macros.h"

namespace allot::torture {
namespace {

constexpr absl::Duration kStartTimeout = absl::Minutes(5);

}  // namespace

Child::~Child() {
  if (running()) Signal(SIGKILL);
}

absl::Status Child::Start(const std::vector<std::string>& command,
                          const std::string& log) {
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) return absl::InternalError("pipe");
  std::vector<char*> words;
  for (const std::string& word : command) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  const int error_file =
      open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(pipe[1], STDOUT_FILENO);
    dup2(error_file, STDERR_FILENO);
    execvp(words[0], words.data());
    _exit(127);
  }
  close(pipe[1]);
  close(error_file);
  if (output_ >= 0) close(output_);
  output_ = pipe[0];
  if (pid_ < 0) return absl::InternalError("fork");
  return absl::OkStatus();
}

absl::StatusOr<std::string> Child::ReadLine(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  std::string line;
  while (true) {
    pollfd wait{output_, POLLIN, 0};
    const int64_t left = absl::ToInt64Milliseconds(end - absl::Now());
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) == 0) {
      return absl::DeadlineExceededError("it did not get ready");
    }
    char byte = 0;
    if (read(output_, &byte, 1) != 1) {
      return absl::UnavailableError("it ended before it was ready");
    }
    if (byte == '\n') return line;
    line.push_back(byte);
  }
}

void Child::Signal(int signal) {
  if (!running()) return;
  kill(pid_, signal);
  if (signal == SIGSTOP || signal == SIGCONT) return;
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Start(
    ClusterOptions options) {
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(options)));
  const ClusterOptions& given = cluster->options_;
  const bool redis = absl::StartsWith(given.store, "redis");
  if (given.replicas > 1 && !redis) {
    return absl::InvalidArgumentError(
        "only a redis store can serve several replicas");
  }
  if (redis && given.address.empty() && !RedisServer::Installed()) {
    return absl::FailedPreconditionError("there is no redis-server");
  }
  if (!given.address.empty()) {
    cluster->store_address_ = given.address;
  } else if (given.store == "redis") {
    cluster->one_redis_ = std::make_unique<RedisServer>(
        std::vector<std::string>{"--dir", given.folder});
    cluster->redis_ = {cluster->one_redis_.get()};
    cluster->store_address_ = cluster->one_redis_->address();
  } else if (given.store == "redis-cluster") {
    cluster->redis_cluster_ = std::make_unique<RedisCluster>(given.folder);
    for (size_t i = 0; i < cluster->redis_cluster_->size(); ++i) {
      cluster->redis_.push_back(&cluster->redis_cluster_->node(i));
    }
    cluster->store_address_ = cluster->redis_cluster_->address();
  } else if (given.store == "sqlite") {
    cluster->store_address_ =
        absl::StrCat("sqlite:", given.folder, "/allot.db");
  } else {
    cluster->store_address_ = "memory:";
  }
  for (int i = 0; i < given.replicas; ++i) {
    cluster->replicas_.push_back(std::make_unique<Replica>());
    Replica& replica = *cluster->replicas_.back();
    replica.port = FreePort();
    replica.http_port = FreePort();
    replica.address = absl::StrCat("127.0.0.1:", replica.port);
    ALLOT_RETURN_IF_ERROR(cluster->StartReplica(static_cast<size_t>(i)));
  }
  if (given.proxy) ALLOT_RETURN_IF_ERROR(cluster->StartProxy());
  return cluster;
}

absl::Status Cluster::StartReplica(size_t number) {
  Replica& replica = *replicas_[number];
  ALLOT_RETURN_IF_ERROR(replica.child.Start(
      {options_.allotd, absl::StrCat("--store=", store_address_),
       absl::StrCat("--listen=", replica.address),
       absl::StrCat("--http_listen=127.0.0.1:", replica.http_port),
       // Nothing is refused for its latency.
       "--queue=2000", "--latency_target=0", "--log_level=info",
       // One that waits for a commit computes nothing.
       "--workers=16"},
      absl::StrCat(options_.folder, "/allotd.", number, ".log")));
  const absl::StatusOr<std::string> line =
      replica.child.ReadLine(kStartTimeout);
  if (!line.ok()) {
    return absl::Status(line.status().code(),
                        absl::StrCat("allotd: ", line.status().message()));
  }
  return absl::OkStatus();
}

absl::Status Cluster::StartProxy() {
  std::ifstream file(ALLOT_SOURCE_DIR "/deploy/proxies/haproxy.cfg");
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  proxy_port_ = FreePort();
  text = absl::StrReplaceAll(
      text.substr(0, text.find("    server one ")),
      {{"127.0.0.1:50050", absl::StrCat("127.0.0.1:", proxy_port_)}});
  for (size_t i = 0; i < replicas_.size(); ++i) {
    absl::StrAppend(&text, "    server replica", i, " ", replicas_[i]->address,
                    " proto h2 port ", replicas_[i]->http_port,
                    " check-proto h1\n");
  }
  const std::string path = absl::StrCat(options_.folder, "/haproxy.cfg");
  if (!(std::ofstream(path) << text).flush()) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path));
  }
  return proxy_.Start({"haproxy", "-q", "-db", "-f", path},
                      absl::StrCat(options_.folder, "/haproxy.log"));
}

std::vector<std::string> Cluster::entries() const {
  if (proxy_port_ > 0) return {absl::StrCat("127.0.0.1:", proxy_port_)};
  std::vector<std::string> addresses;
  for (const auto& replica : replicas_) addresses.push_back(replica->address);
  return addresses;
}

absl::StatusOr<absl::Duration> Cluster::KillAndRestart(int replica) {
  const auto number = static_cast<size_t>(replica);
  replicas_[number]->child.Signal(SIGKILL);
  const absl::Time start = absl::Now();
  ALLOT_RETURN_IF_ERROR(StartReplica(number));
  return absl::Now() - start;
}

void Cluster::Pause(int replica, absl::Duration pause) {
  Child& child = replicas_[static_cast<size_t>(replica)]->child;
  child.Signal(SIGSTOP);
  absl::SleepFor(pause);
  child.Signal(SIGCONT);
}

absl::Duration Cluster::KillAndRestartRedis(int server, absl::Duration down) {
  Redis(server).Kill();
  absl::SleepFor(down);
  const absl::Time start = absl::Now();
  Redis(server).Start();
  return absl::Now() - start;
}

void Cluster::PauseRedis(int server, absl::Duration pause) {
  Redis(server).Pause();
  absl::SleepFor(pause);
  Redis(server).Resume();
}

absl::Status Cluster::KillAndRestartBoth(int replica, int server) {
  replicas_[static_cast<size_t>(replica)]->child.Signal(SIGKILL);
  Redis(server).Kill();
  Redis(server).Start();
  return StartReplica(static_cast<size_t>(replica));
}

}  // namespace allot::torture
