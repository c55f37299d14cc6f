// SPDX-License-Identifier: Apache-2.0
// gRPC's side of a call: from its arrival on one of gRPC's threads, over the
// worker pool, to its last byte.
#ifndef ALLOT_SERVER_REACTORS_H_
#define ALLOT_SERVER_REACTORS_H_

#include "grpcpp/grpcpp.h"
#include "server/method.h"

namespace allot {

// One request, one response. A call is refused at once when the queue is full,
// and dropped unserved when its deadline has passed or its client has gone
// before a worker takes it up. The reactor deletes itself.
grpc::ServerUnaryReactor* StartUnary(const Method& method,
                                     grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response);

// A stream of requests, each answered in its turn: the next one is read when
// the last one's answer is written, so that gRPC's flow control slows down a
// client who sends faster than it is served. The first error ends the stream.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartStream(
    const Method& method, grpc::CallbackServerContext* context);

}  // namespace allot

#endif  // ALLOT_SERVER_REACTORS_H_
