// SPDX-License-Identifier: Apache-2.0
// A vector whose resize() leaves new elements as the memory was: for what is
// written right after. Internal to lib/match.
#ifndef ALLOT_LIB_MATCH_RAW_VECTOR_H_
#define ALLOT_LIB_MATCH_RAW_VECTOR_H_

#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace allot {

template <typename T>
struct RawAllocator : std::allocator<T> {
  static_assert(std::is_trivial_v<T>);
  template <typename U>
  struct rebind {
    using other = RawAllocator<U>;
  };
  void construct(T* p) { ::new (static_cast<void*>(p)) T; }
  template <typename... Args>
  void construct(T* p, Args&&... args) {
    ::new (static_cast<void*>(p)) T{std::forward<Args>(args)...};
  }
};

template <typename T>
using RawVector = std::vector<T, RawAllocator<T>>;

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_RAW_VECTOR_H_
