// SPDX-License-Identifier: Apache-2.0
// The file of settings: values for flags by their names, and quotas.
//
//   {
//     "listen": "0.0.0.0:50051",
//     "tls_cert": "/etc/allot/tls.crt", "tls_key": "/etc/allot/tls.key",
//     "workers": 8,
//     "quotas": [{"pool": "*", "in_flight": 64}]  // see quotas.h
//   }
#ifndef ALLOT_SERVER_CONFIG_H_
#define ALLOT_SERVER_CONFIG_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/options.h"

namespace allot {

class Config {
 public:
  // Reads the command line, and the file it names with --config. Sets the
  // flags: to the file's values, then to the command line's. Exits as
  // absl::ParseCommandLine() does, for --help or an unknown flag.
  // "--check-config" is as good as "--check_config".
  // Errors: kInvalidArgument "FILE:LINE: ..." or "--FLAG: ...".
  static absl::StatusOr<Config> FromCommandLine(int argc, char** argv);

  // Reads the file again. On an error the flags are as they were.
  absl::Status Reload();

  // As OptionsFromFlags() and CheckOptions(), with the file's line where it is
  // at fault, with quotas and sources.
  absl::StatusOr<ServerOptions> Options() const;

  bool check_only() const;

 private:
  struct Entry {
    std::string name;
    std::string value;
    int line = 0;
  };

  absl::Status ReadFile();
  absl::Status SetFlags() const;
  const Entry* Find(absl::string_view flag) const;

  std::string path_;  // empty: none
  std::vector<Entry> entries_;
  std::vector<QuotaRule> quotas_;
  std::set<std::string> given_;  // on the command line
};

// Those settings that differ and take effect only at a start.
std::vector<std::string> NeedsRestart(const ServerOptions& now,
                                      const ServerOptions& next);

}  // namespace allot

#endif  // ALLOT_SERVER_CONFIG_H_
