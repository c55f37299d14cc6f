// SPDX-License-Identifier: Apache-2.0
// What admission has to know of a request before it is decoded: whose it is,
// and whether it is small. Reading a few tags costs about a tenth of a
// microsecond, decoding may cost a millisecond.
#ifndef ALLOT_SERVER_PEEK_H_
#define ALLOT_SERVER_PEEK_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/support/byte_buffer.h"

namespace allot {

// Where a request type keeps what is looked for; 0: nowhere.
struct PeekPlan {
  int wrapper = 0;  // the message around it, on a stream
  int pool = 0;     // pool_id, or the pool that has a pool_id
  bool pool_is_message = false;
  int items = 0;  // tasks, items, answers, labelers or leases
  int pulls = 0;  // labeler_ids of an allocation
};
PeekPlan PlanPeek(const google::protobuf::Descriptor& request);

struct Peeked {
  uint64_t pool_hash = 0;  // HashPool() of the first pool_id, of "" if none
  bool single = false;     // at most one item, or one labeler's pull
};
// Never fails: bytes that are no message of the type look like something or
// other, and decoding will say so. A request that gives its pool_id twice is
// found out then, too.
Peeked Peek(const grpc::ByteBuffer& request, const PeekPlan& plan);

// Pools by number: FNV-1a of the first KiB, the same in every process.
uint64_t HashPool(absl::string_view pool_id);

}  // namespace allot

#endif  // ALLOT_SERVER_PEEK_H_
