// SPDX-License-Identifier: Apache-2.0
// One scaling phase of the auction (auction.h). Internal to lib/match.
//
// Letters: p price, v a task's profit (the reduced value of its worst slot, 0
// if one is empty), epsilon the least raise of a bid. A phase keeps epsilon
// complementary slackness: no edge a task does without is worth more than
// epsilon above its worst slot, and no slot is worth less than -epsilon.
#ifndef ALLOT_LIB_MATCH_AUCTION_PHASE_H_
#define ALLOT_LIB_MATCH_AUCTION_PHASE_H_

#include <cstdint>
#include <vector>

#include "lib/match/assignment.h"
#include "lib/match/deadline.h"
#include "lib/match/flow.h"
#include "lib/match/labeler_index.h"

namespace allot {

struct PhaseLimits {
  Deadline deadline;
  // What listing the edges by labeler takes, which cannot be cut short, and
  // what filling one more open slot adds to the time kept back from the
  // deadline.
  int64_t index_nanos = 0, slot_nanos = 0;
  bool save = false;  // keep what is reached for Restore()
};

template <typename V>
class AuctionPhase {
 public:
  // Keeps references: `index` lists the problem's edges by labeler.
  AuctionPhase(Flow<V>& flow, LabelerIndex<V>& index);

  // Auctions all slots anew from the flow's prices. False at the deadline. The
  // flow's slots are in use by the phases; call Finish() to see them. Where the
  // bids get out of hand epsilon grows, so every phase ends.
  bool Run(V epsilon, const PhaseLimits& limits, SolveStats& stats);

  // Writes the slots won into the flow, but no holdings.
  void Finish();

  // Writes into the flow what the last step that ended had reached, with prices
  // a little lower, for those of a phase overshoot. No phase may follow.
  void Restore();
  // The flow's prices change places with those lower ones.
  void SwapPrices() { flow_.price.swap(saved_price_); }

 private:
  struct Bid {
    V level;
    int32_t slot;
  };
  struct Offer {
    V level, worth;
    int32_t task;
  };

  bool Open(const Deadline& deadline);
  bool TimeToFill(const PhaseLimits& limits) const;
  void Save();
  bool Serves(int32_t labeler, int32_t task) const;
  void BidFor(int32_t task);
  void Accept(int32_t slot, int32_t edge, V worth, V level);
  void Drop(int32_t slot);
  void Attract(int32_t labeler);
  V Profit(int32_t task) const;
  void Mark(V change);
  void Escalate();

  Flow<V>& flow_;
  LabelerIndex<V>& index_;
  V epsilon_ = 0;
  int64_t bids_ = 0;
  bool finished_ = false;            // since the last bid
  bool saved_now_ = false;           // the slots won are those saved
  bool none_won_ = true;             // before the first phase
  std::vector<int32_t> saved_edge_;  // [slots]
  std::vector<V> saved_price_;       // [labelers]

  // What a bid reads and writes of a slot, or of a labeler, stands together.
  struct Won {
    int32_t edge;  // or kNone
    int32_t task;
    V worth;  // a of the edge
  };
  std::vector<Won> won_;       // [slots]
  std::vector<int32_t> open_;  // [tasks] slots without an edge
  int64_t open_slots_ = 0;     // their sum
  // The bids that a labeler keeps: a heap, the lowest on top, of `load` entries
  // from `begin` in bids_kept_, and at most `most`.
  struct Keeper {
    int32_t begin, most, load;
    bool contested;  // more tasks list her than she has room for
  };
  std::vector<Keeper> keeper_;  // [labelers]
  std::vector<Bid> bids_kept_;
  std::vector<int32_t> queue_;
  std::vector<int32_t> found_;
  std::vector<V> profit_;  // v, kept while reverse
  std::vector<Offer> offers_;
};

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_AUCTION_PHASE_H_
