// SPDX-License-Identifier: Apache-2.0
// The small HTTP port beside gRPC: metrics, probes and the status page.
#ifndef ALLOT_SERVER_HTTP_SERVER_H_
#define ALLOT_SERVER_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct mg_context;

namespace allot {

struct HttpResponse {
  int code = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Serves GET and HEAD of fixed paths.
class HttpServer {
 public:
  struct Page {
    std::string path;
    std::function<HttpResponse()> make;  // called from several threads
  };

  // `address` is HOST:PORT; port 0 takes a free one. Errors: kInvalidArgument
  // for another shape, kUnavailable if the port cannot be had.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      absl::string_view address, std::vector<Page> pages);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The port that was bound.
  int port() const { return port_; }

 private:
  explicit HttpServer(std::vector<Page> pages) : pages_(std::move(pages)) {}

  const std::vector<Page> pages_;
  mg_context* context_ = nullptr;
  std::string host_;
  int port_ = 0;
};

// HOST and PORT of an address. [::1]:80 keeps its brackets.
struct HostPort {
  std::string host;
  int port = 0;
};
absl::StatusOr<HostPort> ParseAddress(absl::string_view address);

}  // namespace allot

#endif  // ALLOT_SERVER_HTTP_SERVER_H_
