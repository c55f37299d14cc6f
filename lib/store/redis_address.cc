// SPDX-License-Identifier: Apache-2.0
#include "lib/store/redis_address.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("store: redis: ", what));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

absl::StatusOr<std::string> Decode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return Bad("% must be followed by two hexadecimal digits");
    }
    decoded += static_cast<char>(16 * high + low);
    i += 2;
  }
  return decoded;
}

absl::StatusOr<RedisHost> ParseHost(absl::string_view text, int port) {
  RedisHost host;
  host.port = port;
  absl::string_view name = text;
  absl::string_view number;
  const size_t bracket = text.rfind(']');  // [::1]:6379
  const size_t colon = text.rfind(':');
  if (colon != absl::string_view::npos &&
      (bracket == absl::string_view::npos || colon > bracket)) {
    name = text.substr(0, colon);
    number = text.substr(colon + 1);
    if (!absl::SimpleAtoi(number, &host.port) || host.port < 1 ||
        host.port > 65535) {
      return Bad(
          absl::StrCat("port must be in [1, 65535], got \"", number, "\""));
    }
  }
  if (absl::ConsumePrefix(&name, "[")) absl::ConsumeSuffix(&name, "]");
  if (name.empty()) return Bad("a host has no name");
  host.host = std::string(name);
  return host;
}

absl::Status ParseOption(absl::string_view option, RedisAddress& address) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(option, absl::MaxSplits('=', 1));
  ALLOT_ASSIGN_OR_RETURN(const std::string value, Decode(parts.second));
  if (parts.first == "password_file") {
    address.password_file = value;
  } else if (parts.first == "prefix") {
    if (value.empty() || absl::StrContains(value, '{')) {
      return Bad("prefix must not be empty nor hold a {");
    }
    address.prefix = value;
  } else if (parts.first == "timeout") {
    if (!absl::ParseDuration(value, &address.timeout) ||
        address.timeout < absl::Milliseconds(10) ||
        address.timeout > absl::Minutes(1)) {
      return Bad(absl::StrCat("timeout must be in [10ms, 1m], got ", value));
    }
  } else if (parts.first == "keep_events") {
    if (value == "all") {
      address.keep_events = -1;
    } else if (!absl::SimpleAtoi(value, &address.keep_events) ||
               address.keep_events < 0) {
      return Bad(
          absl::StrCat("keep_events must be 0 or more, or all, got ", value));
    }
  } else if (parts.first == "require_durable") {
    if (value != "0" && value != "1") {
      return Bad("require_durable must be 0 or 1");
    }
    address.require_durable = value == "1";
  } else {
    return Bad(absl::StrCat(
        "unknown option \"", parts.first,
        "\"; there are password_file, prefix, timeout, keep_events and "
        "require_durable"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RedisAddress> ParseRedisAddress(absl::string_view text) {
  RedisAddress address;
  absl::string_view rest = text;
  const bool sentinel = absl::ConsumePrefix(&rest, "redis+sentinel://");
  if (!sentinel && !absl::ConsumePrefix(&rest, "redis://")) {
    return Bad("the address must begin with redis:// or redis+sentinel://");
  }
  // The options first: their values may hold any character.
  const size_t question = rest.find('?');
  absl::string_view options;
  if (question != absl::string_view::npos) {
    options = rest.substr(question + 1);
    rest = rest.substr(0, question);
  }
  const size_t at = rest.rfind('@');
  if (at != absl::string_view::npos) {
    const absl::string_view who = rest.substr(0, at);
    rest = rest.substr(at + 1);
    const size_t colon = who.find(':');
    ALLOT_ASSIGN_OR_RETURN(address.user, Decode(who.substr(0, colon)));
    if (colon != absl::string_view::npos) {
      ALLOT_ASSIGN_OR_RETURN(address.password, Decode(who.substr(colon + 1)));
    }
  }
  std::vector<absl::string_view> path = absl::StrSplit(rest, '/');
  for (const absl::string_view host : absl::StrSplit(path[0], ',')) {
    ALLOT_ASSIGN_OR_RETURN(RedisHost parsed,
                           ParseHost(host, sentinel ? 26379 : 6379));
    address.hosts.push_back(std::move(parsed));
  }
  path.erase(path.begin());
  if (sentinel) {
    if (path.empty() || path[0].empty()) {
      return Bad(
          "the sentinels' name of the master is missing: "
          "redis+sentinel://HOST/MASTER");
    }
    ALLOT_ASSIGN_OR_RETURN(address.master, Decode(path[0]));
    path.erase(path.begin());
  }
  if (!path.empty() && !path[0].empty()) {
    if (!absl::SimpleAtoi(path[0], &address.database) || address.database < 0) {
      return Bad(
          absl::StrCat("the database must be a number, got \"", path[0], "\""));
    }
    path.erase(path.begin());
  }
  if (path.size() > 1 || (path.size() == 1 && !path[0].empty())) {
    return Bad("the address has too many parts");
  }
  if (!options.empty()) {
    for (const absl::string_view option : absl::StrSplit(options, '&')) {
      ALLOT_RETURN_IF_ERROR(ParseOption(option, address));
    }
  }
  if (!address.password.empty() && !address.password_file.empty()) {
    return Bad("give the password or password_file, not both");
  }
  return address;
}

}  // namespace allot
