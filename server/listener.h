// SPDX-License-Identifier: Apache-2.0
// Takes connections for gRPC, which has no limit of its own on how many there
// may be: each costs memory before anybody has sent a call.
#ifndef ALLOT_SERVER_LISTENER_H_
#define ALLOT_SERVER_LISTENER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/mutex.h"

namespace allot {

// Thread-safe.
class Listener {
 public:
  // Owns the connected socket from then on.
  using Take = std::function<void(int listener_fd, int fd)>;

  // Binds; nothing is accepted before Run(). `address` is HOST:PORT, port 0
  // takes a free one; an empty host or [::] is every address. Errors:
  // kInvalidArgument for another shape or an unknown host, kUnavailable if the
  // port cannot be had.
  static absl::StatusOr<std::unique_ptr<Listener>> Bind(
      absl::string_view address, int max_connections);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void Run(Take take);
  // No more connections; those there are stay. Idempotent.
  void Stop();

  int port() const { return port_; }
  // Open now; looks at each of them.
  int connections();
  // Closed at once, because there were too many.
  int64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  int64_t accepted() const { return accepted_.load(std::memory_order_relaxed); }

 private:
  Listener(int fd, int wake_fd, int max_connections);
  void Loop();
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int fd_;
  const int wake_fd_;
  const int max_connections_;
  int port_ = 0;
  Take take_;
  std::thread thread_;
  // gRPC closes its sockets without a word. A file descriptor that is not, or
  // no longer, the same socket was closed.
  struct Socket {
    int fd;
    uint64_t inode;
  };
  Mutex mutex_;
  std::vector<Socket> open_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> refused_{0};
  std::atomic<int64_t> accepted_{0};
};

}  // namespace allot

#endif  // ALLOT_SERVER_LISTENER_H_
