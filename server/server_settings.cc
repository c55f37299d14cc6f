// SPDX-License-Identifier: Apache-2.0
// Settings and tokens that are read anew while the server runs.
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/base/status_macros.h"
#include "server/config.h"
#include "server/server.h"

namespace allot {
namespace {

// What tells one version of a file from another.
std::string StampOf(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return "";
  return absl::StrCat(about.st_ino, " ", about.st_size, " ",
                      about.st_mtim.tv_sec, ".", about.st_mtim.tv_nsec, " ",
                      about.st_ctim.tv_sec, ".", about.st_ctim.tv_nsec);
}

}  // namespace

absl::Status Server::ReadTokens(const std::string& path) {
  MutexLock lock(tokens_mutex_);
  if (path.empty()) {
    access_.Set(nullptr);
  } else {
    // Looked at first: what changes while it is read is read again.
    const std::string stamp = StampOf(path);
    if (path == tokens_path_ && stamp == tokens_stamp_) return absl::OkStatus();
    tokens_path_ = path;
    tokens_stamp_ = stamp;
    ALLOT_ASSIGN_OR_RETURN(auto table, TokenTable::Read(path));
    log_.Log(Severity::kInfo, "tokens read",
             {{"file", path}, {"tokens", static_cast<int64_t>(table->size())}});
    access_.Set(std::move(table));
  }
  tokens_path_ = path;
  return absl::OkStatus();
}

void Server::WatchTokens() {
  std::string path;
  {
    MutexLock lock(tokens_mutex_);
    if (tokens_path_.empty() || StampOf(tokens_path_) == tokens_stamp_) return;
    path = tokens_path_;
  }
  const absl::Status read = ReadTokens(path);
  if (!read.ok()) {
    log_.Log(Severity::kError, "the tokens of before stay",
             {{"error", read.message()}});
  }
  metrics_.Reloaded(read.ok());
}

void Server::Reload(const absl::StatusOr<ServerOptions>& options) {
  absl::Status status = options.status();
  if (status.ok()) status = ReadTokens(options->tokens);
  if (status.ok()) {
    Apply(*options);
  } else {
    log_.Log(Severity::kError, "the settings of before stay",
             {{"error", status.message()}});
  }
  // Last: whoever sees the count may rely on what was read.
  metrics_.Reloaded(status.ok());
}

void Server::Apply(const ServerOptions& options) {
  admission_.quotas().Set(options.quotas);
  admission_.set_target_nanos(absl::ToInt64Nanoseconds(options.latency_target));
  core_.slow_call_nanos = absl::ToInt64Nanoseconds(options.slow_call);
  log_.set_least(options.log_level);
  const std::string restart =
      absl::StrJoin(NeedsRestart(options_, options), ", ");
  log_.Log(restart.empty() ? Severity::kInfo : Severity::kWarning,
           restart.empty() ? "settings read"
                           : "settings read; some wait for a restart",
           {{"restart", restart},
            {"quotas", static_cast<int64_t>(options.quotas.size())}});
  MutexLock lock(state_mutex_);
  settings_ = options.settings;
}

}  // namespace allot
