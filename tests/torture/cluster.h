// SPDX-License-Identifier: Apache-2.0
// The programs under torture: allotd processes on one store, and the Redis
// servers where those are the store. Started, killed, stopped, started again.
#ifndef ALLOT_TESTS_TORTURE_CLUSTER_H_
#define ALLOT_TESTS_TORTURE_CLUSTER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/testing/redis_server.h"

namespace allot::torture {

// A child that dies with this process.
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  // Its standard error is appended to `log`.
  absl::Status Start(const std::vector<std::string>& command,
                     const std::string& log);
  // The first line of its standard output.
  absl::StatusOr<std::string> ReadLine(absl::Duration timeout);
  // kill() for SIGSTOP and SIGCONT; anything else also waits for the end.
  void Signal(int signal);
  bool running() const { return pid_ > 0; }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
};

struct ClusterOptions {
  std::string allotd;            // the program
  std::string folder;            // for files of the store and logs
  std::string store = "memory";  // sqlite, redis, redis-cluster
  int replicas = 1;
  // An address as allotd takes it; empty: a store of this cluster's own.
  std::string address;
  // haproxy before the replicas, with the file of deploy/.
  bool proxy = false;
};

class Cluster {
 public:
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(ClusterOptions options);

  int replicas() const { return static_cast<int>(replicas_.size()); }
  // "127.0.0.1:PORT"; stays the same across restarts.
  const std::string& address(int replica) const {
    return replicas_[static_cast<size_t>(replica)]->address;
  }
  // Where clients go: the proxy, if there is one, or all replicas.
  std::vector<std::string> entries() const;
  const std::string& store_address() const { return store_address_; }
  // Servers of Redis: one, the nodes of a cluster, or none.
  int redis_servers() const { return static_cast<int>(redis_.size()); }

  // kill -9, then start again. Returns the time from exec to serving.
  absl::StatusOr<absl::Duration> KillAndRestart(int replica);
  // SIGSTOP, and SIGCONT after `pause`.
  void Pause(int replica, absl::Duration pause);
  // kill -9, start again after `down`.
  absl::Duration KillAndRestartRedis(int server, absl::Duration down);
  void PauseRedis(int server, absl::Duration pause);
  // kill -9 of both at once; Redis is back first.
  absl::Status KillAndRestartBoth(int replica, int server);

 private:
  struct Replica {
    Child child;
    std::string address;
    int port = 0;
    int http_port = 0;
  };

  explicit Cluster(ClusterOptions options) : options_(std::move(options)) {}
  absl::Status StartReplica(size_t replica);
  absl::Status StartProxy();
  RedisServer& Redis(int server) {
    return *redis_[static_cast<size_t>(server)];
  }

  const ClusterOptions options_;
  std::string store_address_;
  std::unique_ptr<RedisServer> one_redis_;
  std::unique_ptr<RedisCluster> redis_cluster_;
  std::vector<RedisServer*> redis_;  // those of the two above
  std::vector<std::unique_ptr<Replica>> replicas_;
  Child proxy_;
  int proxy_port_ = 0;
};

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_CLUSTER_H_
