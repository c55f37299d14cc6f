// SPDX-License-Identifier: Apache-2.0
#include "server/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "server/http_server.h"

namespace allot {
namespace {

constexpr int kBacklog = 1024;

// 0 if it is not a socket, or closed.
uint64_t SocketInode(int fd) {
  struct stat about {};
  if (fstat(fd, &about) != 0 || !S_ISSOCK(about.st_mode)) return 0;
  return about.st_ino;
}

int PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Bind(
    absl::string_view address, int max_connections) {
  ALLOT_ASSIGN_OR_RETURN(HostPort parsed, ParseAddress(address));
  std::string host = parsed.host;
  if (host.size() > 2 && host.front() == '[') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) host = "::";
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), absl::StrCat(parsed.port).c_str(), &hints,
                  &found) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot resolve host \"", host, "\""));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> freed(found,
                                                             freeaddrinfo);
  int error = 0;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const int fd =
        socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      error = errno;
      continue;
    }
    const int on = 1;
    const int off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (at->ai_family == AF_INET6) {
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 &&
        listen(fd, kBacklog) == 0) {
      return std::unique_ptr<Listener>(new Listener(
          fd, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), max_connections));
    }
    error = errno;
    close(fd);
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", std::strerror(error)));
}

Listener::Listener(int fd, int wake_fd, int max_connections)
    : fd_(fd),
      wake_fd_(wake_fd),
      max_connections_(max_connections),
      port_(PortOf(fd)) {}

Listener::~Listener() {
  Stop();
  close(wake_fd_);
}

void Listener::Run(Take take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { Loop(); });
}

void Listener::Stop() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    (void)!write(wake_fd_, &one, sizeof(one));
    thread_.join();
    close(fd_);
  } else if (!take_) {
    take_ = [](int, int) {};
    close(fd_);
  }
}

void Listener::Sweep() {
  std::erase_if(open_, [](const Socket& socket) {
    return SocketInode(socket.fd) != socket.inode;
  });
}

int Listener::connections() {
  MutexLock lock(mutex_);
  Sweep();
  return static_cast<int>(open_.size());
}

void Listener::Loop() {
  auto swept = std::chrono::steady_clock::now();
  while (true) {
    pollfd ready[2] = {{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    poll(ready, 2, -1);
    if (ready[1].revents != 0) return;
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      // Out of file descriptors or memory: what waits will still be there.
      if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      continue;
    }
    bool full = false;
    {
      MutexLock lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      if (static_cast<int>(open_.size()) >= max_connections_ &&
          now - swept > std::chrono::milliseconds(20)) {
        Sweep();
        swept = now;
      }
      full = static_cast<int>(open_.size()) >= max_connections_;
      if (!full) open_.push_back({fd, SocketInode(fd)});
    }
    if (full) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      close(fd);
      continue;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    accepted_.fetch_add(1, std::memory_order_relaxed);
    take_(fd_, fd);
  }
}

}  // namespace allot
