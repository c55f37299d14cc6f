// SPDX-License-Identifier: Apache-2.0
// The programs under torture: allotd processes on one store, and a redis-server
// where that is the store. Started, killed, stopped, started again.
#ifndef ALLOT_TESTS_TORTURE_CLUSTER_H_
#define ALLOT_TESTS_TORTURE_CLUSTER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

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
  std::string allotd;  // the program
  std::string folder;  // for files of the store and logs
  std::string store = "memory";
  int replicas = 1;
  // An address as allotd takes it; empty: a store of this cluster's own.
  std::string address;
};

class Cluster {
 public:
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(ClusterOptions options);

  int replicas() const { return static_cast<int>(replicas_.size()); }
  // "127.0.0.1:PORT"; stays the same across restarts.
  const std::string& address(int replica) const {
    return replicas_[static_cast<size_t>(replica)]->address;
  }
  const std::string& store_address() const { return store_address_; }
  bool has_redis() const { return redis_ != nullptr; }

  // kill -9, then start again. Returns the time from exec to serving.
  absl::StatusOr<absl::Duration> KillAndRestart(int replica);
  // SIGSTOP, and SIGCONT after `pause`.
  void Pause(int replica, absl::Duration pause);
  absl::StatusOr<absl::Duration> KillAndRestartRedis();

 private:
  struct Replica {
    Child child;
    std::string address;
  };

  explicit Cluster(ClusterOptions options) : options_(std::move(options)) {}
  absl::Status StartReplica(size_t replica);
  absl::Status StartRedis();

  const ClusterOptions options_;
  std::string store_address_;
  int redis_port_ = 0;
  std::unique_ptr<Child> redis_;
  std::vector<std::unique_ptr<Replica>> replicas_;
};

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_CLUSTER_H_
