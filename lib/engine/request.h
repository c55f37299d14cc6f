// SPDX-License-Identifier: Apache-2.0
// Idempotency: a call that changes something may carry the caller's id. Its
// response is then appended to the log together with its changes, and whoever
// asks the same again, at any replica, before or after a restart, gets that
// response instead of a second effect.
#ifndef ALLOT_LIB_ENGINE_REQUEST_H_
#define ALLOT_LIB_ENGINE_REQUEST_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace allot {

// The first response to a request, found in the log.
struct Replay {
  std::string response;
  int64_t sequence = 0;  // of the event that holds it
};

// `Result` is what the method returns. Without a Request a call is not
// remembered.
template <typename Result>
struct Request {
  std::string id;            // unique among the pool's calls of the last day
  uint64_t fingerprint = 0;  // the same for the same question only
  // The response as it will be replayed. Called before the append, the pool's
  // other changes waiting; again if another replica is faster. roster_version
  // is 0 when this call makes a new roster: that has the number `sequence`.
  std::function<std::string(const Result& result)> encode;

  // Set by the method. With `replay` the method's result means nothing.
  std::optional<Replay> replay;
  int64_t sequence = 0;  // of the event that holds the response
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_REQUEST_H_
