// SPDX-License-Identifier: Apache-2.0
// The reverse half of a phase (auction.h): labelers with room lower their
// prices until tasks come over.
#include <algorithm>

#include "lib/match/auction_phase.h"
#include "lib/match/kernels.h"

namespace allot {

template <typename V>
V AuctionPhase<V>::Profit(int32_t task) const {
  V profit = flow_.largest;
  for (int32_t s = flow_.slot_begin[task]; s < flow_.slot_begin[task + 1];
       ++s) {
    if (won_[s].edge == Flow<V>::kNone) return 0;
    profit = std::min(profit,
                      won_[s].worth - flow_.price[flow_.labeler[won_[s].edge]]);
  }
  return profit;
}

// Lowers the price of a labeler with room until it is full or 0.
template <typename V>
void AuctionPhase<V>::Attract(int32_t labeler) {
  V& price = flow_.price[labeler];
  Keeper& keeper = keeper_[labeler];
  const int32_t room = keeper.most - keeper.load;
  if (room <= 0 || price == 0) return;
  const int32_t begin = index_.begin[labeler];
  // Tasks that would come for at least `least`. What decides is usually close
  // below the price, so look there first. A task must gain epsilon by coming.
  V step = 4 * epsilon_;
  for (;;) {
    const V least = step < price ? std::max(epsilon_, price - step) : epsilon_;
    const int found =
        FindAbove(index_.task.data() + begin, index_.value.data() + begin,
                  profit_.data(), index_.degree(labeler), least - 1,
                  found_.data())
            .count;
    offers_.clear();
    for (int i = 0; i < found; ++i) {
      const V worth = index_.value[begin + found_[i]];
      const int32_t t = index_.task[begin + found_[i]];
      if (worth == 0 || Serves(labeler, t)) continue;
      offers_.push_back({worth - profit_[t], worth, t});
    }
    bids_ += found;
    if (least == epsilon_ || static_cast<int32_t>(offers_.size()) > room) break;
    step = step > flow_.largest / 8 ? flow_.largest : 8 * step;
  }
  const auto better = [](const Offer& x, const Offer& y) {
    return x.level != y.level ? x.level > y.level : x.task < y.task;
  };
  const int32_t count = static_cast<int32_t>(offers_.size());
  V lowered = 0;
  if (count > room) {
    std::nth_element(offers_.begin(), offers_.begin() + room, offers_.end(),
                     better);
    lowered = std::max(V{0}, offers_[room].level - epsilon_);
    offers_.resize(room);
  }
  if (lowered < price) {
    price = lowered;
    const Bid* kept = &bids_kept_[keeper.begin];
    for (int32_t i = 0; i < keeper.load; ++i) {
      const int32_t t = won_[kept[i].slot].task;
      profit_[t] = Profit(t);
    }
  }
  for (const Offer& offer : offers_) {
    // The task's worst slot, or an empty one, changes over.
    int32_t worst = Flow<V>::kNone;
    V profit = 0;
    for (int32_t s = flow_.slot_begin[offer.task];
         s < flow_.slot_begin[offer.task + 1]; ++s) {
      if (won_[s].edge == Flow<V>::kNone) {
        worst = s;
        break;
      }
      const V r = won_[s].worth - flow_.price[flow_.labeler[won_[s].edge]];
      if (worst == Flow<V>::kNone || r < profit) {
        worst = s;
        profit = r;
      }
    }
    const int32_t left = won_[worst].edge;
    if (left != Flow<V>::kNone) {
      const int32_t from = flow_.labeler[left];
      flow_.value[left] += kHeld<V>;
      Drop(worst);
      if (flow_.price[from] > 0) queue_.push_back(from);
    }
    const int32_t edge = flow_.FindEdge(offer.task, labeler);
    won_[worst].edge = edge;
    won_[worst].worth = offer.worth;
    flow_.value[edge] -= kHeld<V>;
    bids_kept_[keeper.begin + keeper.load++] = {price, worst};
    profit_[offer.task] = Profit(offer.task);
  }
}

// Takes the slot's bid from its labeler. The kept bids need not stay a heap: no
// forward bid follows in the same phase.
template <typename V>
void AuctionPhase<V>::Drop(int32_t slot) {
  Keeper& keeper = keeper_[flow_.labeler[won_[slot].edge]];
  Bid* kept = bids_kept_.data() + keeper.begin;
  int32_t i = 0;
  while (kept[i].slot != slot) ++i;
  kept[i] = kept[--keeper.load];
}

template <typename V>
bool AuctionPhase<V>::Serves(int32_t labeler, int32_t task) const {
  for (int32_t s = flow_.slot_begin[task]; s < flow_.slot_begin[task + 1];
       ++s) {
    const int32_t e = won_[s].edge;
    if (e != Flow<V>::kNone && flow_.labeler[e] == labeler) return true;
  }
  return false;
}

template int32_t AuctionPhase<int32_t>::Profit(int32_t) const;
template int64_t AuctionPhase<int64_t>::Profit(int32_t) const;
template void AuctionPhase<int32_t>::Attract(int32_t);
template void AuctionPhase<int64_t>::Attract(int32_t);

}  // namespace allot
