// SPDX-License-Identifier: Apache-2.0
// Exact repair: from any labeler prices to a proven optimum, by shortest paths
// in both directions. Internal to lib/match; hungarian.h and auction.h use it.
//
// The method. At fixed prices every task takes its best slots' worth of
// positive reduced values: the tasks are content, and only labelers are wrong,
// in one of two ways.
//   - An overloaded labeler is too cheap. Follow the shortest path of moves
//     (slot -> next best labeler of its task, or -> left empty) that frees one
//     of its slots, and raise prices along the searched tree.
//   - A labeler with room and a positive price is too dear. Follow the shortest
//     path of moves that brings a slot to it, or lower its price to 0; prices
//     fall along the searched tree.
// Both keep the tasks content (Dijkstra's labels are slacks >= 0), so when no
// labeler is wrong the optimality conditions hold and the gap is 0.
//
// Before any search, one overloaded labeler after the other raises her own
// price until her excess leaves for its next best, which takes care of most.
//
// While the first direction lasts prices only rise, so whatever a task's best
// unused edge was once worth bounds it from then on (free_bound). Most slots of
// an overloaded labeler can be passed over by that bound, without a look at the
// task's row; this is where the time goes otherwise.
//
// From prices 0 only the first direction happens and this is the Hungarian
// method; from an auction's prices few labelers are wrong.
//
// Labels. A label counts the value lost along the path; leaving the first slot
// empty loses r <= A, so labels at or above A are pruned. A tentative label is
// at most A + a[e] - p + p' <= 3 A: see flow.h.
//
// Edmonds and Karp (1972), doi:10.1145/321694.321699; Jonker and Volgenant
// (1987), doi:10.1007/BF02278710; Bertsekas and Castanon (1992) for reverse.
#ifndef ALLOT_LIB_MATCH_SHORTEST_PATH_H_
#define ALLOT_LIB_MATCH_SHORTEST_PATH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "lib/match/assignment.h"
#include "lib/match/deadline.h"
#include "lib/match/flow.h"
#include "lib/match/labeler_index.h"

namespace allot {

enum class RepairResult {
  kOptimal,
  kDeadline,  // feasible if limits.cut_back: nobody is overloaded any more
  kCapped,    // given up: too much is wrong. Overloaded; prices are usable
};

struct RepairLimits {
  Deadline deadline;
  // Slots too many and places too dear: beyond the first it is given up at
  // once, beyond the second it is not left to the searches.
  int64_t hopeless_excess = INT64_MAX;
  int64_t most_excess = INT64_MAX;
  int64_t most_scans = INT64_MAX;  // of labelers
  bool cut_back = true;            // at the deadline, to a feasible flow
};

template <typename V>
class Repair {
 public:
  // Keeps references; changes the flow's slots and prices, and builds the index
  // if it is needed and not built yet.
  Repair(Flow<V>& flow, LabelerIndex<V>& index);

  // Requires prices in [0, A]. Slots already filled matter only as a
  // preference among ties.
  RepairResult Run(const RepairLimits& limits, SolveStats& stats);

 private:
  struct Leaver {
    V loss;  // or a bound from below, until the task's row has been read
    int32_t slot;
    int32_t to;  // edge, or kNone to stay empty
  };
  struct Waiting {
    V base;
    int32_t place;  // among the labeler's holdings
  };
  struct Label {
    V distance;
    int32_t labeler;
  };

  void ContentTasks();
  void ChooseBest(int32_t task, int32_t k);
  void ChooseBestOfMany(int32_t task, int32_t k);
  void NoteBound(int32_t task, V bound);
  V FindLeavers(int32_t labeler, int32_t excess, int64_t& work);
  void RaisePrices();
  int64_t Excess() const;
  bool Relieve(int32_t source);
  void Follow(int32_t source, int32_t end_labeler, int32_t end_slot);
  bool Serves(int32_t labeler, int32_t task) const;
  void PrepareSupply();
  V Profit(int32_t task) const;
  bool Supply(int32_t source);
  void CutBack();
  bool OutOfLimits();

  void Push(V distance, int32_t labeler);
  Label Pop();
  void Begin(int32_t source);

  Flow<V>& flow_;
  LabelerIndex<V>& index_;
  RepairLimits limits_;
  RepairResult result_ = RepairResult::kOptimal;
  SolveStats* stats_ = nullptr;
  int64_t scans_ = 0;
  bool all_free_ = false;  // every price is 0

  std::vector<Label> heap_;
  // Of the search under way; valid where the stamp is this search's.
  int32_t search_ = 0;
  struct Node {
    V distance;
    int32_t search = 0;
    // The move that reaches it: of this slot to this edge, or, while supplying,
    // from it to this labeler.
    int32_t via_slot, via;
    bool settled;
  };
  std::vector<Node> node_;  // [labelers]
  struct Seen {
    V distance;
    int32_t search = 0;
  };
  std::vector<Seen> seen_;  // [tasks]
  // [tasks] No edge that the task does without has a larger reduced value.
  std::vector<V> free_bound_;
  std::vector<int32_t> tree_;  // settled labelers

  // While Supply() runs.
  bool supplying_ = false;
  std::vector<V> profit_;  // [tasks]
  std::vector<int32_t> touched_;
  std::vector<int32_t> kept_, order_, found_;
  std::vector<Leaver> leavers_, leaving_;
  std::vector<Waiting> waiting_;
};

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_SHORTEST_PATH_H_
