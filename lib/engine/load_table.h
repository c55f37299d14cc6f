// SPDX-License-Identifier: Apache-2.0
// Open leases of each labeler: written by a pool's one writer, read by planners
// at any time. A planner's view may be a moment old; claims are checked again
// by the writer, so that costs a re-plan and never a labeler's capacity.
#ifndef ALLOT_LIB_ENGINE_LOAD_TABLE_H_
#define ALLOT_LIB_ENGINE_LOAD_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace allot {

class LoadTable {
 public:
  int32_t Get(int32_t row) const {
    const Chunk* chunk = chunks_[row / kChunk].load(std::memory_order_acquire);
    return chunk == nullptr
               ? 0
               : (*chunk)[row % kChunk].load(std::memory_order_relaxed);
  }
  // By the one writer only.
  void Add(int32_t row, int32_t change) {
    std::atomic<Chunk*>& slot = chunks_[row / kChunk];
    Chunk* chunk = slot.load(std::memory_order_relaxed);
    if (chunk == nullptr) {
      chunk = new Chunk();
      slot.store(chunk, std::memory_order_release);
    }
    std::atomic<int32_t>& load = (*chunk)[row % kChunk];
    load.store(load.load(std::memory_order_relaxed) + change,
               std::memory_order_relaxed);
  }

  LoadTable() = default;
  LoadTable(const LoadTable&) = delete;
  LoadTable& operator=(const LoadTable&) = delete;
  ~LoadTable() {
    for (std::atomic<Chunk*>& chunk : chunks_) delete chunk.load();
  }

 private:
  static constexpr int kChunk = 8192;
  static constexpr int kChunks = 8192;  // 67 million labelers
  using Chunk = std::array<std::atomic<int32_t>, kChunk>;
  std::array<std::atomic<Chunk*>, kChunks> chunks_{};
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_LOAD_TABLE_H_
