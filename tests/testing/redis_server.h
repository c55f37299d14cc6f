// SPDX-License-Identifier: Apache-2.0
// Real Redis servers for tests, on free ports, with folders of their own. They
// end with the test program, however that ends.
#ifndef ALLOT_TESTS_TESTING_REDIS_SERVER_H_
#define ALLOT_TESTS_TESTING_REDIS_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace allot {

// On 127.0.0.1, and 10,000 above it too, for the bus of a cluster. Below the
// ports that the kernel gives to connections, so that it stays free while its
// server is down.
int FreePort();

class RedisServer {
 public:
  // Whether there is a redis-server to start.
  static bool Installed();

  // Starts one that syncs every write (appendonly yes, appendfsync always),
  // unless `flags` say otherwise, and waits until it answers.
  explicit RedisServer(std::vector<std::string> flags = {});
  // A sentinel that watches 127.0.0.1:`port` under the name of the-master.
  static std::unique_ptr<RedisServer> Sentinel(int port);
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int port() const { return port_; }
  // "redis://127.0.0.1:PORT"
  std::string address() const;

  void Kill();    // as kill -9 does
  void Start();   // again, with what is on the disk
  void Pause();   // SIGSTOP: connects, but does not answer
  void Resume();  // SIGCONT
  // Removes what it wrote. Requires that it is killed.
  void Wipe();

 private:
  RedisServer(std::vector<std::string> flags, int watched_port);
  void WaitUntilUp();

  std::vector<std::string> flags_;
  int watched_port_ = 0;  // of a sentinel; else 0
  std::string folder_;
  int port_ = 0;
  pid_t process_ = -1;
};

// A cluster of three masters.
class RedisCluster {
 public:
  // Their files are in `folder`, if that is not empty: node.0, ...
  explicit RedisCluster(const std::string& folder = "");
  // Of all nodes.
  std::string address() const;
  size_t size() const { return nodes_.size(); }
  RedisServer& node(size_t number) { return *nodes_[number]; }

 private:
  std::vector<std::unique_ptr<RedisServer>> nodes_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_TESTING_REDIS_SERVER_H_
