// SPDX-License-Identifier: Apache-2.0
#include "server/decode.h"

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "server/grpc_status.h"
#include "server/violations.h"

namespace allot {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr int kMaxDepth = 32;  // deeper than any message of the contract

// Walks the wire format of a message that did not parse, and reports strings
// that are not UTF-8. Returns false where the bytes are no message. Slow, but
// only ever run on the way to an error.
bool FindBadStrings(absl::string_view bytes, const Descriptor& type,
                    const FieldPath& path, int depth, Violations& found) {
  if (depth > kMaxDepth) return false;
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  absl::flat_hash_map<int, int64_t> seen;
  while (true) {
    const uint32_t tag = in.ReadTag();
    if (tag == 0) return in.ConsumedEntireMessage();
    const int number = WireFormatLite::GetTagFieldNumber(tag);
    const FieldDescriptor* field = type.FindFieldByNumber(number);
    if (number == 0) return false;
    if (field == nullptr || WireFormatLite::GetTagWireType(tag) !=
                                WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    uint32_t size = 0;
    if (!in.ReadVarint32(&size)) return false;
    const int start = in.CurrentPosition();
    if (size > bytes.size() || !in.Skip(static_cast<int>(size))) return false;
    const absl::string_view value =
        bytes.substr(static_cast<size_t>(start), size);
    const FieldPath name = path.Field(field->name());
    const FieldPath entry =
        field->is_repeated() ? name.At(seen[number]++) : name;
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      if (!IsUtf8(value)) found.Add(entry, "must be valid UTF-8");
    } else if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      if (!FindBadStrings(value, *field->message_type(), entry, depth + 1,
                          found)) {
        return false;
      }
    }
  }
}

absl::Status Explain(absl::string_view bytes, const Descriptor& type) {
  Violations found;
  if (FindBadStrings(bytes, type, FieldPath(), 0, found) && !found.empty()) {
    return found.ToStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat("the bytes received are not a ",
                                              type.full_name(), " message")),
      "MALFORMED_MESSAGE");
}

}  // namespace

absl::Status DecodeBytes(absl::string_view bytes,
                         google::protobuf::Message* message) {
  if (message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::OkStatus();
  }
  return Explain(bytes, *message->GetDescriptor());
}

absl::Status Decode(const grpc::ByteBuffer& bytes,
                    google::protobuf::Message* message) {
  if (!bytes.Valid()) {
    return absl::CancelledError("the client went before its request was here");
  }
  // Reading does not change the buffer, but the reader's type does not say so.
  grpc::ByteBuffer copy = bytes;
  {
    grpc::ProtoBufferReader reader(&copy);
    if (reader.status().ok() && message->ParseFromZeroCopyStream(&reader)) {
      return absl::OkStatus();
    }
  }
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) {
    return absl::InternalError("the request's bytes cannot be read");
  }
  std::string flat;
  for (const grpc::Slice& slice : slices) {
    flat.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return Explain(flat, *message->GetDescriptor());
}

grpc::ByteBuffer Encode(const google::protobuf::Message& message) {
  grpc::Slice slice(message.ByteSizeLong());
  // A slice of our own making, not shared with anybody yet.
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

bool IsUtf8(absl::string_view text) {
  size_t i = 0;
  const auto byte = [&](size_t at) {
    return static_cast<unsigned char>(text[at]);
  };
  while (i < text.size()) {
    const unsigned char lead = byte(i);
    size_t length = 1;
    uint32_t code = lead;
    if (lead >= 0x80) {
      if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
        code = lead & 0x1F;
      } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        code = lead & 0x0F;
      } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        code = lead & 0x07;
      } else {
        return false;
      }
    }
    if (i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
      code = code << 6 | (byte(i + k) & 0x3F);
    }
    const bool overlong =
        (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (overlong || surrogate || code > 0x10FFFF) return false;
    i += length;
  }
  return true;
}

}  // namespace allot
