// SPDX-License-Identifier: Apache-2.0
#include "lib/roster/id_index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace allot {
namespace {

constexpr int kBits = 5;

// FNV-1a, then SplitMix64's finaliser: the trie consumes the hash from the low
// end, so that every bit must depend on every byte.
uint64_t Hash(absl::string_view id) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : id) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

uint32_t DigitBit(uint64_t hash, int shift) {
  return uint32_t{1} << ((hash >> shift) & 31);
}

int SlotOf(uint32_t present, uint32_t bit) {
  return std::popcount(present & (bit - 1));
}

}  // namespace

const IdIndex::Slot* IdIndex::Step(const Node& node, uint64_t hash, int shift) {
  const uint32_t bit = DigitBit(hash, shift);
  if ((node.present & bit) == 0) return nullptr;
  return &node.slots[SlotOf(node.present, bit)];
}

int32_t IdIndex::RowOf(const Entry* entry, absl::string_view id) {
  while (entry != nullptr && entry->id != id) entry = entry->next.get();
  return entry == nullptr ? -1 : entry->row;
}

std::optional<int32_t> IdIndex::Find(absl::string_view id) const {
  int32_t row = -1;
  Find({&id, 1}, {&row, 1});
  if (row < 0) return std::nullopt;
  return row;
}

void IdIndex::Find(std::span<const absl::string_view> ids,
                   std::span<int32_t> rows) const {
  struct Walk {
    uint64_t hash;
    const Node* node;  // null at its end
    const Slot* slot;
    const Entry* entry;
  };
  constexpr size_t kTogether = 16;
  std::array<Walk, kTogether> walks;
  for (size_t first = 0; first < ids.size(); first += kTogether) {
    const size_t count = std::min(kTogether, ids.size() - first);
    for (size_t i = 0; i < count; ++i) {
      walks[i] = {Hash(ids[first + i]), root_.get(), nullptr, nullptr};
    }
    bool walking = root_ != nullptr;
    for (int shift = 0; walking; shift += kBits) {
      for (size_t i = 0; i < count; ++i) {
        Walk& walk = walks[i];
        if (walk.node == nullptr) continue;
        walk.slot = Step(*walk.node, walk.hash, shift);
        __builtin_prefetch(walk.slot);
      }
      walking = false;
      for (size_t i = 0; i < count; ++i) {
        Walk& walk = walks[i];
        if (walk.node == nullptr) continue;
        walk.node = walk.slot == nullptr ? nullptr : walk.slot->below.get();
        if (walk.node != nullptr) {
          walking = true;
          __builtin_prefetch(walk.node);
        } else if (walk.slot != nullptr && walk.slot->hash == walk.hash) {
          walk.entry = walk.slot->entries.get();
          __builtin_prefetch(walk.entry);
        }
      }
    }
    for (size_t i = 0; i < count; ++i) {
      rows[first + i] = RowOf(walks[i].entry, ids[first + i]);
    }
  }
}

IdIndex::NodePtr IdIndex::InsertAt(const Node* node, int shift, uint64_t hash,
                                   Entry entry) {
  auto copy = node == nullptr ? std::make_shared<Node>()
                              : std::make_shared<Node>(*node);
  const uint32_t bit = DigitBit(hash, shift);
  const int at = SlotOf(copy->present, bit);
  if ((copy->present & bit) == 0) {
    Slot slot;
    slot.hash = hash;
    slot.entries = std::make_shared<const Entry>(std::move(entry));
    copy->present |= bit;
    copy->slots.insert(copy->slots.begin() + at, std::move(slot));
    return copy;
  }
  Slot& slot = copy->slots[at];
  if (slot.below != nullptr) {
    slot.below =
        InsertAt(slot.below.get(), shift + kBits, hash, std::move(entry));
  } else if (slot.hash == hash) {
    entry.next = std::move(slot.entries);
    slot.entries = std::make_shared<const Entry>(std::move(entry));
  } else {
    // Two hashes share this digit: push the old one a level down first.
    auto child = std::make_shared<Node>();
    child->present = DigitBit(slot.hash, shift + kBits);
    child->slots.push_back(std::move(slot));
    slot = Slot{};
    slot.below = InsertAt(child.get(), shift + kBits, hash, std::move(entry));
  }
  return copy;
}

void IdIndex::Insert(absl::string_view id, int32_t row) {
  root_ =
      InsertAt(root_.get(), 0, Hash(id), Entry{std::string(id), row, nullptr});
}

}  // namespace allot
