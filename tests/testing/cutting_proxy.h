// SPDX-License-Identifier: Apache-2.0
// A line to a server that can be cut at the worst moment: the request has been
// carried out, and the reply is lost.
#ifndef ALLOT_TESTS_TESTING_CUTTING_PROXY_H_
#define ALLOT_TESTS_TESTING_CUTTING_PROXY_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace allot {

class CuttingProxy {
 public:
  // To 127.0.0.1:`port`.
  explicit CuttingProxy(int port) : target_(port) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = At(0);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(listener_, 16);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~CuttingProxy() {
    stop_ = true;
    acceptor_.join();
    for (std::thread& line : lines_) line.join();
    close(listener_);
  }

  int port() const { return port_; }
  // The next reply is not passed on, and its line is closed; `meanwhile` runs
  // before that.
  void LoseNextReply(std::function<void()> meanwhile) {
    const std::lock_guard<std::mutex> lock(mutex_);
    meanwhile_ = std::move(meanwhile);
    cut_ = true;
  }
  int cuts() const { return cuts_; }

 private:
  static sockaddr_in At(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }

  void Accept() {
    while (!stop_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (poll(&waiting, 1, 20) != 1) continue;
      const int client = accept(listener_, nullptr, nullptr);
      lines_.emplace_back([this, client] { Carry(client); });
    }
  }

  void Carry(int client) {
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = At(target_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0) {
      std::array<pollfd, 2> ends = {pollfd{client, POLLIN, 0},
                                    pollfd{server, POLLIN, 0}};
      while (!stop_) {
        if (poll(ends.data(), 2, 20) <= 0) continue;
        if (ends[0].revents != 0 && !Copy(client, server)) break;
        if (ends[1].revents != 0) {
          std::function<void()> meanwhile;
          {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (cut_) meanwhile = std::move(meanwhile_);
            cut_ = false;
          }
          if (meanwhile != nullptr) {
            meanwhile();
            ++cuts_;
            break;
          }
          if (!Copy(server, client)) break;
        }
      }
    }
    close(server);
    close(client);
  }

  static bool Copy(int from, int to) {
    std::array<char, 65536> bytes;
    const ssize_t size = read(from, bytes.data(), bytes.size());
    return size > 0 &&
           write(to, bytes.data(), static_cast<size_t>(size)) == size;
  }

  const int target_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<int> cuts_ = 0;
  std::mutex mutex_;
  bool cut_ = false;
  std::function<void()> meanwhile_;
  std::thread acceptor_;
  std::vector<std::thread> lines_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_TESTING_CUTTING_PROXY_H_
