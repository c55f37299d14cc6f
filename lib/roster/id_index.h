// SPDX-License-Identifier: Apache-2.0
// A persistent map from labeler id to roster row: a change makes a new map
// that shares all but a path of nodes with the old one, so readers keep theirs.
//
// A hash array mapped trie, 32-way (Bagwell 2001, "Ideal hash trees").
//
// Cost     Find O(log32 n), no allocation. Insert copies O(log32 n) nodes.
// Threads  Any number of readers; a value is immutable once copied out.
#ifndef ALLOT_LIB_ROSTER_ID_INDEX_H_
#define ALLOT_LIB_ROSTER_ID_INDEX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace allot {

class IdIndex {
 public:
  std::optional<int32_t> Find(absl::string_view id) const;
  // Writes the rows of many ids, -1 where one is absent; `rows` is as long as
  // `ids`. Several walks down the trie go side by side, so that they wait for
  // memory together: five ids of 10,000 cost little more than two.
  void Find(std::span<const absl::string_view> ids,
            std::span<int32_t> rows) const;
  // Requires that `id` is absent.
  void Insert(absl::string_view id, int32_t row);

 private:
  struct Node;
  using NodePtr = std::shared_ptr<const Node>;
  // The entries of one 64-bit hash: one, but for miracles.
  struct Entry {
    std::string id;
    int32_t row;
    std::shared_ptr<const Entry> next;
  };
  // A subtree, or (below == null) entries.
  struct Slot {
    NodePtr below;
    uint64_t hash = 0;
    std::shared_ptr<const Entry> entries;
  };
  struct Node {
    uint32_t present = 0;     // bit c: there is a slot for digit c
    std::vector<Slot> slots;  // in order of digit
  };

  // The slot that the walk to `hash` passes in `node`, null if none.
  static const Slot* Step(const Node& node, uint64_t hash, int shift);
  // The row among the entries of one hash, -1 if none is `id`'s.
  static int32_t RowOf(const Entry* entry, absl::string_view id);
  static NodePtr InsertAt(const Node* node, int shift, uint64_t hash,
                          Entry entry);

  NodePtr root_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ROSTER_ID_INDEX_H_
