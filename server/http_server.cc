// SPDX-License-Identifier: Apache-2.0
#include "server/http_server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "civetweb.h"

namespace allot {
namespace {

// A request holds a thread until it is complete: whoever sends his byte by byte
// must not keep probes from being answered.
constexpr char kThreads[] = "16";
constexpr char kRequestTimeoutMs[] = "1000";

int Send(mg_connection* connection, const HttpResponse& response, bool body) {
  mg_printf(connection,
            "HTTP/1.1 %d %s\r\n"
            "Content-Type: %s\r\n"
            "Content-Length: %zu\r\n"
            "Cache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Security-Policy: default-src 'none'; "
            "style-src 'unsafe-inline'\r\n\r\n",
            response.code, mg_get_response_code_text(connection, response.code),
            response.content_type.c_str(), response.body.size());
  if (body) mg_write(connection, response.body.data(), response.body.size());
  return response.code;
}

int Serve(mg_connection* connection, void* page) {
  const mg_request_info* request = mg_get_request_info(connection);
  const absl::string_view method = request->request_method;
  if (method != "GET" && method != "HEAD") {
    return Send(connection, {405, "text/plain", "only GET and HEAD\n"}, true);
  }
  return Send(connection, static_cast<const HttpServer::Page*>(page)->make(),
              method == "GET");
}

// Civetweb binds numeric hosts only; a name is looked up here.
absl::StatusOr<std::string> Numeric(const std::string& host) {
  if (host.empty() || host.front() == '[') return host;
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot resolve host \"", host, "\""));
  }
  char text[NI_MAXHOST] = "";
  getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), nullptr, 0,
              NI_NUMERICHOST);
  freeaddrinfo(found);
  return std::string(text);
}

// Connects to the port and hangs up, after mg_stop() has had time to begin.
void Visit(const std::string& host, int port) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  in_addr bound{};
  if (inet_pton(AF_INET, host.c_str(), &bound) == 1 &&
      bound.s_addr != htonl(INADDR_ANY)) {
    to.sin_addr = bound;
  }
  const int visitor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (visitor < 0) return;
  (void)connect(visitor, reinterpret_cast<sockaddr*>(&to), sizeof(to));
  close(visitor);
}

}  // namespace

absl::StatusOr<HostPort> ParseAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  HostPort result;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &result.port) ||
      result.port < 0 || result.port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be HOST:PORT, got \"", address, "\""));
  }
  result.host = std::string(address.substr(0, colon));
  return result;
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    absl::string_view address, std::vector<Page> pages) {
  absl::StatusOr<HostPort> parsed = ParseAddress(address);
  if (!parsed.ok()) return parsed.status();
  absl::StatusOr<std::string> host = Numeric(parsed->host);
  if (!host.ok()) return host.status();
  const std::string port =
      absl::StrCat(*host, host->empty() ? "" : ":", parsed->port);
  const char* options[] = {
      "listening_ports",    port.c_str(),      "num_threads", kThreads,
      "request_timeout_ms", kRequestTimeoutMs, nullptr};
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(pages)));
  server->host_ = *host;
  mg_init_library(0);
  mg_callbacks callbacks{};
  // What civetweb itself has to say about broken requests is of no use to an
  // operator, and it would go to a file.
  callbacks.log_message = [](const mg_connection*, const char*) { return 1; };
  server->context_ = mg_start(&callbacks, nullptr, options);
  if (server->context_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
  }
  mg_server_port bound{};
  if (mg_get_server_ports(server->context_, 1, &bound) == 1) {
    server->port_ = bound.port;
  }
  for (const Page& page : server->pages_) {
    // "$" ends the pattern: nothing below the path matches.
    mg_set_request_handler(server->context_,
                           absl::StrCat(page.path, "$").c_str(), Serve,
                           const_cast<Page*>(&page));
  }
  return server;
}

HttpServer::~HttpServer() {
  if (context_ != nullptr) {
    // Civetweb looks up from its listening socket every two seconds only, and
    // stopping waits for that; a visitor makes it look up at once.
    std::thread stopping([this] { mg_stop(context_); });
    Visit(host_, port_);
    stopping.join();
  }
  mg_exit_library();
}

}  // namespace allot
