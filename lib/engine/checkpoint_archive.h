// SPDX-License-Identifier: Apache-2.0
// How a checkpoint's values become bytes and back: one walk over a structure,
// by a CheckpointWriter or a CheckpointReader.
#ifndef ALLOT_LIB_ENGINE_CHECKPOINT_ARCHIVE_H_
#define ALLOT_LIB_ENGINE_CHECKPOINT_ARCHIVE_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace allot {

template <typename T>
concept Number = std::is_arithmetic_v<T>;

class CheckpointWriter {
 public:
  static constexpr bool kReading = false;

  template <Number T>
  bool operator()(T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return true;
  }
  bool operator()(std::string& value) {
    uint64_t size = value.size();
    (*this)(size);
    bytes_ += value;
    return true;
  }
  template <typename T>
  bool Size(const T& container, uint64_t& size) {
    size = container.size();
    return (*this)(size);
  }
  bool Raw(void* data, size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
    return true;
  }
  std::string Take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class CheckpointReader {
 public:
  static constexpr bool kReading = true;

  explicit CheckpointReader(absl::string_view bytes) : bytes_(bytes) {}

  template <Number T>
  bool operator()(T& value) {
    return Raw(&value, sizeof(value));
  }
  bool operator()(std::string& value) {
    uint64_t size = 0;
    if (!(*this)(size) || size > bytes_.size()) return false;
    value.assign(bytes_.data(), size);
    bytes_.remove_prefix(size);
    return true;
  }
  // Of a container to be filled; every element takes a byte at least, so a size
  // that the bytes cannot hold is refused before anything is allocated.
  template <typename T>
  bool Size(const T&, uint64_t& size) {
    return (*this)(size) && size <= bytes_.size();
  }
  bool Raw(void* data, size_t size) {
    if (size > bytes_.size()) return false;
    std::memcpy(data, bytes_.data(), size);
    bytes_.remove_prefix(size);
    return true;
  }
  bool done() const { return bytes_.empty(); }

 private:
  absl::string_view bytes_;
};

template <typename A, typename T, typename Each>
bool Items(A& archive, std::vector<T>& items, const Each& each) {
  uint64_t size = 0;
  if (!archive.Size(items, size)) return false;
  if constexpr (A::kReading) items.resize(size);
  for (T& item : items) {
    if (!each(archive, item)) return false;
  }
  return true;
}

template <typename A, typename T>
bool Plain(A& archive, std::vector<T>& items) {
  return Items(archive, items, [](A& a, T& item) { return a(item); });
}

template <typename A, typename T>
bool Maybe(A& a, std::optional<T>& value) {
  bool present = value.has_value();
  if (!a(present)) return false;
  if (!present) return true;
  if constexpr (A::kReading) value.emplace();
  return a(*value);
}

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_CHECKPOINT_ARCHIVE_H_
