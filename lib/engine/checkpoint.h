// SPDX-License-Identifier: Apache-2.0
// A pool's folded state as bytes: a short cut for the next start, never the
// truth. A checkpoint that cannot be read is no loss; the log has it all.
//
// Format: little-endian numbers, strings and arrays by length, between a magic
// number with a version in front and a CRC-32 behind. Beliefs are kept bit by bit,
// so that folding on from a checkpoint and folding from the start agree.
#ifndef ALLOT_LIB_ENGINE_CHECKPOINT_H_
#define ALLOT_LIB_ENGINE_CHECKPOINT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/engine/pool_state.h"

namespace allot {

// O(labelers * D + answers) time and bytes.
std::string SaveCheckpoint(const PoolState& state);

// Requires a fresh `state`. kDataLoss if the bytes are of another version, cut
// short or inconsistent; `state` is then as fresh as before.
absl::Status RestoreCheckpoint(absl::string_view bytes, PoolState& state);

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_CHECKPOINT_H_
