// SPDX-License-Identifier: Apache-2.0
#include "lib/match/auction_phase.h"

#include <algorithm>

#include "lib/match/kernels.h"

namespace allot {
namespace {

// How many bids before its turn a task's row is fetched.
constexpr size_t kAhead = 4;
// Bids a slot, or offers of a labeler, after which epsilon is too small.
constexpr int64_t kPatience = 32;

}  // namespace

template <typename V>
AuctionPhase<V>::AuctionPhase(Flow<V>& flow, LabelerIndex<V>& index)
    : flow_(flow), index_(index) {
  const Problem& problem = *flow.problem;
  flow.EmptyAll();
  flow.pool = RawVector<typename Flow<V>::Holding>();
  won_.resize(flow.slots.size());
  for (size_t s = 0; s < won_.size(); ++s) {
    won_[s] = {Flow<V>::kNone, flow.slots[s].task, 0};
  }
  open_.resize(flow.num_tasks());
  profit_.resize(flow.num_tasks());
  // A labeler with room for every task that lists her is free. That is counted
  // where she has a price to lose, or would keep more bids than she can have.
  int64_t places = 0;
  bool count = false;
  for (int l = 0; l < flow.num_labelers(); ++l) {
    places += std::min(problem.capacity[l], flow.num_tasks());
    count = count || flow.price[l] > 0;
  }
  count = count || places > 4 * static_cast<int64_t>(won_.size());
  if (count) index.Count(flow);
  int32_t begin = 0;
  keeper_.resize(flow.num_labelers());
  for (int l = 0; l < flow.num_labelers(); ++l) {
    const int32_t degree = count ? index.degree(l) : flow.num_tasks() + 1;
    const int32_t room = std::min(problem.capacity[l], degree);
    keeper_[l] = {begin, room, 0, room < degree};
    begin += room;
    if (!keeper_[l].contested) flow.price[l] = 0;
  }
  bids_kept_.resize(begin);
}

// Slots that are no worse than what is left by more than epsilon stay, at the
// level their task would bid for them today; the others are open.
template <typename V>
bool AuctionPhase<V>::Open(const Deadline& deadline) {
  const Problem& problem = *flow_.problem;
  for (Keeper& keeper : keeper_) keeper.load = 0;
  queue_.clear();
  open_slots_ = 0;
  for (int t = 0; t < flow_.num_tasks(); ++t) {
    const int32_t first = flow_.slot_begin[t], last = flow_.slot_begin[t + 1];
    if (first == last) continue;
    if (none_won_) {
      open_[t] = last - first;
      open_slots_ += open_[t];
      queue_.push_back(t);
      continue;
    }
    if (t % 256 == 0 && deadline.Passed()) return false;
    const int32_t begin = problem.offset[t];
    const V free =
        LargestReduced(flow_.labeler + begin, flow_.value.data() + begin,
                       flow_.price.data(), problem.offset[t + 1] - begin)
            .reduced;
    const V next = std::max(V{0}, free);
    open_[t] = 0;
    for (int32_t s = first; s < last; ++s) {
      const int32_t e = won_[s].edge;
      if (e == Flow<V>::kNone) {
        ++open_[t];
        continue;
      }
      if (won_[s].worth - flow_.price[flow_.labeler[e]] >= next - epsilon_) {
        const int32_t l = flow_.labeler[e];
        Keeper& keeper = keeper_[l];
        bids_kept_[keeper.begin + keeper.load++] = {
            won_[s].worth - next + epsilon_, s};
        continue;
      }
      won_[s].edge = Flow<V>::kNone;
      flow_.value[e] = won_[s].worth;
      ++open_[t];
    }
    if (open_[t] > 0) queue_.push_back(t);
    open_slots_ += open_[t];
  }
  none_won_ = false;
  for (const Keeper& keeper : keeper_) {
    if (keeper.load < 2) continue;
    std::make_heap(
        bids_kept_.data() + keeper.begin,
        bids_kept_.data() + keeper.begin + keeper.load,
        [](const Bid& x, const Bid& y) { return x.level > y.level; });
  }
  return true;
}

template <typename V>
void AuctionPhase<V>::Accept(int32_t slot, int32_t edge, V worth, V level) {
  const int32_t l = flow_.labeler[edge];
  Keeper& keeper = keeper_[l];
  const int32_t most = keeper.most;
  Bid* heap = bids_kept_.data() + keeper.begin;
  Won& won = won_[slot];
  int32_t hole;
  if (keeper.load == most && heap[0].level >= level) {
    // Kept from an earlier phase at better levels: no place for this bid.
    flow_.price[l] = level;
    ++open_[won.task];
    ++open_slots_;
    return;
  }
  won.edge = edge;
  won.worth = worth;
  flow_.value[edge] = worth - kHeld<V>;
  if (keeper.load < most) {
    hole = keeper.load++;
    while (hole > 0 && heap[(hole - 1) / 2].level > level) {
      heap[hole] = heap[(hole - 1) / 2];
      hole = (hole - 1) / 2;
    }
    heap[hole] = {level, slot};
    if (keeper.load == most && keeper.contested) {
      flow_.price[l] = std::max(flow_.price[l], heap[0].level);
    }
    return;
  }
  Won& outbid = won_[heap[0].slot];
  hole = 0;
  for (int32_t child = 1; child < most; child = 2 * hole + 1) {
    if (child + 1 < most && heap[child + 1].level < heap[child].level) ++child;
    if (heap[child].level >= level) break;
    heap[hole] = heap[child];
    hole = child;
  }
  heap[hole] = {level, slot};
  flow_.price[l] = heap[0].level;
  // Known, so that nobody waits for memory to be read.
  flow_.value[outbid.edge] = outbid.worth;
  outbid.edge = Flow<V>::kNone;
  ++open_slots_;
  if (open_[outbid.task]++ == 0) queue_.push_back(outbid.task);
}

template <typename V>
void AuctionPhase<V>::BidFor(int32_t task) {
  const Problem& problem = *flow_.problem;
  const int32_t begin = problem.offset[task];
  const int32_t end = problem.offset[task + 1];
  while (open_[task] == 1) {
    const BestTwo<V> two =
        TwoLargestReduced(flow_.labeler + begin, flow_.value.data() + begin,
                          flow_.price.data(), end - begin);
    open_[task] = 0;
    --open_slots_;
    if (two.best <= 0) return;  // it stays empty
    int32_t slot = flow_.slot_begin[task];
    while (won_[slot].edge != Flow<V>::kNone) ++slot;
    const int32_t e = begin + two.index;
    ++bids_;
    const V worth = two.best + flow_.price[flow_.labeler[e]];
    Accept(slot, e, worth, worth - std::max(V{0}, two.next) + epsilon_);
  }
  while (open_[task] > 0) {
    // All open slots bid at once, each against the best that none of them gets.
    const int want = std::min(open_[task] + 1, kMostTop);
    Top<V> top;
    TopReduced(flow_.labeler + begin, flow_.value.data() + begin,
               flow_.price.data(), end - begin, want, top);
    const V next = std::max(V{0}, top.reduced[want - 1]);
    int32_t slot = flow_.slot_begin[task];
    for (int i = 0; i < want - 1; ++i) {
      if (top.reduced[i] <= 0) {
        open_slots_ -= open_[task];
        open_[task] = 0;  // these stay empty
        return;
      }
      while (won_[slot].edge != Flow<V>::kNone) ++slot;
      const int32_t e = begin + top.index[i];
      --open_[task];
      --open_slots_;
      ++bids_;
      const V worth = top.reduced[i] + flow_.price[flow_.labeler[e]];
      Accept(slot, e, worth, worth - next + epsilon_);
    }
  }
}

template <typename V>
void AuctionPhase<V>::Escalate() {
  constexpr V kGrow = 8;
  epsilon_ =
      epsilon_ > flow_.largest / kGrow ? flow_.largest : kGrow * epsilon_;
}

// Whether no time is left but for filling the open slots: of the first plan, if
// they are few enough for FillFree() to move others for them. Later plans have
// one before them.
template <typename V>
bool AuctionPhase<V>::TimeToFill(const PhaseLimits& limits) const {
  const Deadline& deadline = limits.deadline;
  if (deadline.Passed()) return true;
  return deadline.clock != nullptr && saved_edge_.empty() &&
         open_slots_ <= MostMoves(flow_) &&
         deadline.NowNanos() + open_slots_ * limits.slot_nanos >=
             deadline.at_nanos;
}

template <typename V>
bool AuctionPhase<V>::Run(V epsilon, const PhaseLimits& limits,
                          SolveStats& stats) {
  const Deadline& deadline = limits.deadline;
  epsilon_ = epsilon;
  bids_ = 0;
  // What Finish() wrote is not ours to change.
  flow_.EmptyAll();
  if (finished_) Mark(-kHeld<V>);
  finished_ = false;
  saved_now_ = false;
  bool in_time = Open(deadline);
  // The last few would bid one after the other for long; the next phase, or
  // shortest paths, settle them sooner.
  const size_t tail = 4 + static_cast<size_t>(flow_.num_tasks()) / 8192;
  int64_t patience = kPatience * static_cast<int64_t>(won_.size()) + 1000;
  for (size_t head = 0; in_time && head + tail < queue_.size(); ++head) {
    if (bids_ >= patience) {
      // A price war: whoever must be priced out is far from it.
      Escalate();
      patience += kPatience * static_cast<int64_t>(won_.size());
    }
    if (head % 64 == 0 && TimeToFill(limits)) {
      in_time = false;
      break;
    }
    if (head >= 4096 && 2 * head >= queue_.size()) {
      queue_.erase(queue_.begin(), queue_.begin() + head);
      head = 0;
    }
    if (head + kAhead < queue_.size()) {
      flow_.PrefetchRow(queue_[head + kAhead]);
    }
    BidFor(queue_[head]);
  }
  const int64_t forward = bids_;
  if (limits.save && (in_time || saved_edge_.empty())) Save();
  queue_.clear();
  for (int l = 0; l < flow_.num_labelers() && in_time; ++l) {
    if (flow_.price[l] > 0 && keeper_[l].load < keeper_[l].most) {
      queue_.push_back(l);
    }
  }
  if (!queue_.empty() && !index_.built() && deadline.clock != nullptr &&
      deadline.NowNanos() + limits.index_nanos >= deadline.at_nanos) {
    in_time = false;
  }
  if (in_time && !queue_.empty()) {
    saved_now_ = false;
    index_.Build(flow_);
    int32_t longest = 0;
    for (int l = 0; l < flow_.num_labelers(); ++l) {
      longest = std::max(longest, index_.degree(l));
    }
    found_.resize(longest + 8);
    for (int t = 0; t < flow_.num_tasks(); ++t) profit_[t] = Profit(t);
    const size_t most = kPatience * keeper_.size() + 1000;
    for (size_t head = 0; head < queue_.size(); ++head) {
      if (head % most == most - 1) Escalate();
      if (head % 16 == 0 && deadline.Passed()) {
        in_time = false;
        break;
      }
      Attract(queue_[head]);
    }
  }
  if (limits.save && in_time) Save();
  stats.bids += forward;
  stats.scanned += bids_ - forward;
  ++stats.scaling_phases;
  return in_time;
}

template <typename V>
void AuctionPhase<V>::Finish() {
  flow_.EmptyAll();
  for (size_t s = 0; s < won_.size(); ++s) {
    const int32_t e = won_[s].edge;
    if (e == Flow<V>::kNone) continue;
    if (finished_) {
      flow_.Choose(won_[s].task, e);
    } else {
      flow_.ChooseHeld(won_[s].task, e, won_[s].worth);
    }
  }
  finished_ = true;
}

template <typename V>
void AuctionPhase<V>::Save() {
  // Where the bound of t10k-knn is best, after any phase.
  const V overshot = epsilon_ / 2 + epsilon_ / 8;
  saved_now_ = true;
  saved_edge_.resize(won_.size());
  for (size_t s = 0; s < won_.size(); ++s) saved_edge_[s] = won_[s].edge;
  saved_price_.resize(flow_.price.size());
  for (size_t l = 0; l < saved_price_.size(); ++l) {
    saved_price_[l] = std::max(V{0}, flow_.price[l] - overshot);
  }
}

template <typename V>
void AuctionPhase<V>::Restore() {
  flow_.price.swap(saved_price_);
  if (!saved_now_) {
    flow_.EmptyAll();
    if (!finished_) Mark(kHeld<V>);
    finished_ = true;
    for (size_t s = 0; s < won_.size(); ++s) won_[s].edge = saved_edge_[s];
  }
  Finish();
}

template <typename V>
void AuctionPhase<V>::Mark(V change) {
  for (const Won& won : won_) {
    if (won.edge != Flow<V>::kNone) flow_.value[won.edge] += change;
  }
}

template class AuctionPhase<int32_t>;
template class AuctionPhase<int64_t>;

}  // namespace allot
