// SPDX-License-Identifier: Apache-2.0
// Bytes to messages and back. The server takes requests as raw bytes, because
// gRPC itself answers INTERNAL, without a word, to a message that does not
// parse; and a string that is not UTF-8 is the caller's fault and has a name.
#ifndef ALLOT_SERVER_DECODE_H_
#define ALLOT_SERVER_DECODE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"

namespace allot {

// Errors: kInvalidArgument with the path of the string that is not UTF-8, or
// with reason MALFORMED_MESSAGE if the bytes are no such message at all;
// kCancelled if there are none, as gRPC has it when a client goes while it
// sends.
absl::Status Decode(const grpc::ByteBuffer& bytes,
                    google::protobuf::Message* message);
absl::Status DecodeBytes(absl::string_view bytes,
                         google::protobuf::Message* message);

grpc::ByteBuffer Encode(const google::protobuf::Message& message);

bool IsUtf8(absl::string_view text);

}  // namespace allot

#endif  // ALLOT_SERVER_DECODE_H_
