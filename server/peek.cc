// SPDX-License-Identifier: Apache-2.0
#include "server/peek.h"

#include <algorithm>
#include <string>

#include "google/protobuf/io/coded_stream.h"
#include "grpcpp/support/proto_buffer_reader.h"

namespace allot {
namespace {

using google::protobuf::io::CodedInputStream;

// A pull names one labeler after the tasks she may choose from; beyond so many
// fields nobody looks for her.
constexpr int kMostFields = 64;
// Longer ids are refused anyway; no more of them is looked at.
constexpr uint32_t kMostPoolBytes = 1024;

constexpr int kVarint = 0;
constexpr int kFixed64 = 1;
constexpr int kBytes = 2;
constexpr int kFixed32 = 5;

bool Skip(CodedInputStream& in, uint32_t tag) {
  uint64_t number = 0;
  uint32_t length = 0;
  switch (tag & 7) {
    case kVarint:
      return in.ReadVarint64(&number);
    case kFixed64:
      return in.Skip(8);
    case kBytes:
      return in.ReadVarint32(&length) && in.Skip(static_cast<int>(length));
    case kFixed32:
      return in.Skip(4);
    default:
      return false;
  }
}

uint64_t HashNext(CodedInputStream& in, uint32_t length) {
  char text[kMostPoolBytes];
  const auto size = static_cast<int>(std::min(length, kMostPoolBytes));
  if (!in.ReadRaw(text, size)) return HashPool("");
  return HashPool({text, static_cast<size_t>(size)});
}

bool IsField(uint32_t tag, int field) {
  return field != 0 && tag == (static_cast<uint32_t>(field) << 3 | kBytes);
}

// Steps into the next field of that number; false if there is none.
bool Enter(CodedInputStream& in, int field) {
  uint32_t length = 0;
  while (const uint32_t tag = in.ReadTag()) {
    if (IsField(tag, field)) {
      if (!in.ReadVarint32(&length)) return false;
      in.PushLimit(static_cast<int>(length));
      return true;
    }
    if (!Skip(in, tag)) return false;
  }
  return false;
}

}  // namespace

uint64_t HashPool(absl::string_view pool_id) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : pool_id.substr(0, kMostPoolBytes)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  // The low bits choose the lane.
  return hash ^ (hash >> 32);
}

PeekPlan PlanPeek(const google::protobuf::Descriptor& request) {
  const auto number = [](const google::protobuf::Descriptor& type,
                         const char* name) {
    const auto* field = type.FindFieldByName(name);
    return field == nullptr ? 0 : field->number();
  };
  PeekPlan plan;
  const google::protobuf::Descriptor* type = &request;
  if (const auto* inner = request.FindFieldByName("request")) {
    plan.wrapper = inner->number();
    type = inner->message_type();
  }
  plan.pool = number(*type, "pool_id");
  if (plan.pool == 0) {
    plan.pool = number(*type, "pool");
    plan.pool_is_message = plan.pool != 0;
  }
  plan.pulls = number(*type, "labeler_ids");
  for (const char* name :
       {"items", "answers", "labelers", "lease_ids", "tasks", "labeler_ids"}) {
    if (plan.items == 0) plan.items = number(*type, name);
  }
  // Named to be deleted or asked for, labelers are the items themselves.
  if (plan.pulls == plan.items) plan.pulls = 0;
  return plan;
}

Peeked Peek(const grpc::ByteBuffer& request, const PeekPlan& plan) {
  Peeked result;
  result.pool_hash = HashPool("");
  // Reading does not change the buffer, but the reader's type does not say so.
  grpc::ByteBuffer copy = request;
  grpc::ProtoBufferReader reader(&copy);
  if (!reader.status().ok()) return result;
  CodedInputStream in(&reader);
  if (plan.wrapper != 0 && !Enter(in, plan.wrapper)) return result;
  bool pool_found = plan.pool == 0;
  int items = 0;
  int pulls = 0;
  for (int fields = 0; !pool_found || fields < kMostFields; ++fields) {
    const uint32_t tag = in.ReadTag();
    if (tag == 0) {
      result.single = items <= 1 || pulls == 1;
      return result;
    }
    if (!pool_found && IsField(tag, plan.pool)) {
      uint32_t length = 0;
      if (!in.ReadVarint32(&length)) return result;
      pool_found = true;
      if (plan.pool_is_message) {
        const auto outer = in.PushLimit(static_cast<int>(length));
        // pool_id is the first field of Pool.
        uint32_t inner = 0;
        if (Enter(in, 1)) {
          inner = static_cast<uint32_t>(std::max(in.BytesUntilLimit(), 0));
          result.pool_hash = HashNext(in, inner);
        }
        in.PopLimit(outer);
        return result;  // a change of a pool is never a small call
      }
      result.pool_hash = HashNext(in, length);
      if (length > kMostPoolBytes) return result;  // it will be refused
      continue;
    }
    items += IsField(tag, plan.items);
    pulls += IsField(tag, plan.pulls);
    if (!Skip(in, tag)) return result;
    if (pool_found && items > 1 && plan.pulls == 0) return result;
  }
  return result;
}

}  // namespace allot
