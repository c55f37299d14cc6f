// SPDX-License-Identifier: Apache-2.0
// The state that the solvers share: a problem in integers, the slots filled so
// far and the labelers' prices. Internal to lib/match.
//
// Letters: a[e] = (w[e] + penalty) / quantum, the integer value of filling a
// slot by edge e rather than leaving it empty; 0 where that is not worth it (or
// k or c is 0), and such edges are never used. p[l] is a labeler's price,
// r[e] = a[e] - p[l] the reduced value.
//
// Overflow. 0 <= a[e] <= A with A <= kMaxValue<V>. Every solver keeps
// 0 <= p[l] <= A + epsilon, epsilon <= A; shortest-path labels stay below 4 A
// (shortest_path.h). kMaxValue<int32_t> = 2^28, so 4 A <= 2^30 fits an int32;
// kMaxValue<int64_t> = 2^40 leaves room for sums over 2^22 slots. What a slot
// holds is marked by kHeld, 2^29 (2^59): it stays negative, and less a price it
// stays above -2^30 (-2^60).
#ifndef ALLOT_LIB_MATCH_FLOW_H_
#define ALLOT_LIB_MATCH_FLOW_H_

#include <cstdint>
#include <span>
#include <vector>

#include "lib/match/assignment.h"
#include "lib/match/problem.h"
#include "lib/match/raw_vector.h"

namespace allot {

template <typename V>
inline constexpr V kMaxValue = V{1} << (sizeof(V) == 4 ? 28 : 40);

template <typename V>
inline constexpr V kHeld = V{1} << (sizeof(V) == 4 ? 29 : 59);

template <typename V>
struct Flow {
  static constexpr int32_t kNone = -1;

  const Problem* problem = nullptr;
  double quantum = 1;
  V largest = 0;  // A
  V least = 0;    // of the positive a
  // Nothing was rounded, and sums over the problem are exact in doubles too.
  bool sums_exact = false;
  const int32_t* labeler = nullptr;  // [edges] the problem's
  // a, [edges]; less kHeld while a slot holds the edge, so that whoever looks
  // for a task's best passes over it.
  RawVector<V> value;

  std::vector<V> price;  // p, [labelers]

  // Slots of task t: [slot_begin[t], slot_begin[t + 1]), of which the first
  // filled[t] hold an edge. A task has at most as many slots as edges.
  std::vector<int32_t> slot_begin;  // [tasks + 1]
  std::vector<int32_t> filled;      // [tasks]
  struct Slot {
    int32_t task;
    int32_t edge;  // these, where filled
    int32_t labeler;
    int32_t place;  // among its labeler's holdings
    V worth;        // a of the edge
  };
  RawVector<Slot> slots;
  std::vector<int32_t> load;  // [labelers] how many slots each serves
  // The slots that a labeler serves stand together, with what a search wants to
  // know before it looks at the task: see shortest_path.h for free_bound.
  struct Holding {
    V worth;
    V free_bound;
    int32_t slot, task;
  };
  Holding* holdings(int32_t l) { return pool.data() + pool_begin[l]; }
  Holding& holding(int32_t slot) {
    return holdings(slots[slot].labeler)[slots[slot].place];
  }
  const Holding* holdings(int32_t l) const {
    return pool.data() + pool_begin[l];
  }
  RawVector<Holding> pool;
  std::vector<int32_t> pool_begin, pool_room;  // [labelers]

  int num_tasks() const { return problem->num_tasks(); }
  int num_labelers() const { return problem->num_labelers(); }
  int room(int task) const {
    return slot_begin[task + 1] - slot_begin[task] - filled[task];
  }
  bool taken(int32_t edge) const { return value[edge] < 0; }
  // a, taken or not.
  V worth(int32_t edge) const {
    return value[edge] + (value[edge] < 0 ? kHeld<V> : 0);
  }
  V slot_reduced(int32_t slot) const {
    return slots[slot].worth - price[slots[slot].labeler];
  }
  V reduced(int32_t edge) const { return worth(edge) - price[labeler[edge]]; }

  // Of the task's edges the one to the labeler, or kNone.
  int32_t FindEdge(int task, int32_t to) const {
    for (int32_t e = problem->offset[task]; e < problem->offset[task + 1];
         ++e) {
      if (labeler[e] == to) return e;
    }
    return kNone;
  }

  // Fills an empty slot of the task. Requires room(task) > 0, !taken(edge).
  // Like Move(), leaves free_bound at A, which is true of any edge.
  void Fill(int task, int32_t edge);
  // Empties the slot; the task's last filled slot moves into its place.
  void Empty(int32_t slot);
  // The slot changes labelers. Requires !taken(edge).
  void Move(int32_t slot, int32_t edge);
  void EmptyAll();
  // For whoever fills slots by the thousand: Choose() leaves out the holdings,
  // and ListHoldings() writes them all, with the bounds of their tasks, or A.
  void Choose(int task, int32_t edge) {
    ChooseHeld(task, edge, value[edge]);
    value[edge] -= kHeld<V>;
  }
  // The edge is marked already.
  void ChooseHeld(int task, int32_t edge, V worth) {
    Slot& slot = slots[slot_begin[task] + filled[task]++];
    slot.edge = edge;
    slot.labeler = labeler[edge];
    slot.worth = worth;
    ++load[slot.labeler];
  }
  void ListHoldings(const V* free_bound = nullptr);

  // Rows lie all over memory: asks for one that will be read soon.
  void PrefetchRow(int32_t task) const {
    const int32_t begin = problem->offset[task];
    const int32_t end = problem->offset[task + 1];
    constexpr int32_t kLine = 64 / sizeof(int32_t), kMost = 8 * kLine;
    for (int32_t e = begin; e < end && e < begin + kMost; e += kLine) {
      __builtin_prefetch(&value[e]);
      __builtin_prefetch(&labeler[e]);
    }
    // Rows do not begin where lines do.
    __builtin_prefetch(&value[end - 1]);
    __builtin_prefetch(&labeler[end - 1]);
  }

 private:
  void Link(int32_t slot, int32_t edge);
  void Unlink(int32_t slot);
  void MakeRoom(int32_t labeler);
};

// Prices in the unit of utility, rounded and brought into [0, A]; empty means
// all 0.
template <typename V>
void SetPrices(std::span<const double> price, Flow<V>& flow);

// Gives empty slots, in task order, to the best of those with room and those
// one of whose slots can move to somebody with room, less what that loses: for
// assignments that were cut short. Reads every row, and up to kRowsPerMove more
// a slot; where many more are empty than MostMoves(), whose moves would take
// longer than the bids that fill them, they first go to labelers with room
// alone. Holdings need not be listed before.
template <typename V>
void FillFree(Flow<V>& flow);

inline constexpr int64_t kRowsPerMove = 4;

template <typename V>
int64_t MostMoves(const Flow<V>& flow) {
  return 1 + flow.num_tasks() / 6;
}

// The exact gap of the integer problem at the flow's prices (or 2^62, if it is
// larger); 0 proves it optimal. Requires a feasible flow. O(edges).
template <typename V>
int64_t IntegerGap(const Flow<V>& flow);

// The answer, with its certificate against the real-valued problem; `exact` is
// set if the integer problem is proven optimal.
template <typename V>
Assignment ToAssignment(const Flow<V>& flow);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_FLOW_H_
