// SPDX-License-Identifier: Apache-2.0
#include "server/method.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "server/grpc_status.h"

namespace allot {

uint64_t Fingerprint(const google::protobuf::Message& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&out);
  }
  constexpr uint64_t kMix = 0x9e3779b97f4a7c15;
  uint64_t hash = bytes.size() * kMix;
  for (size_t at = 0; at < bytes.size(); at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at,
                std::min(sizeof(word), bytes.size() - at));
    hash = (hash ^ word) * kMix;
    hash ^= hash >> 29;
  }
  return hash;
}

absl::Status Guarded(absl::FunctionRef<absl::Status()> work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return WithReason(absl::ResourceExhaustedError("out of memory"),
                      "OUT_OF_MEMORY");
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

absl::Status Method::CheckPool(const CallContext& call) const {
  if (HashPool(call.pool) != call.pool_hash) {
    // It was admitted on another pool's account.
    return WithReason(
        absl::InvalidArgumentError("the request gives its pool twice"),
        "MALFORMED_MESSAGE");
  }
  if (call.pool.empty()) return absl::OkStatus();
  absl::Status allowed = call.caller.CheckPool(call.pool);
  if (!allowed.ok()) core().metrics->Denied(Denial::kPool);
  return allowed;
}

}  // namespace allot
