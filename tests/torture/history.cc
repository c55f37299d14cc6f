// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/history.h"

#include <fstream>
#include <type_traits>

#include "absl/strings/str_cat.h"

namespace allot::torture {
namespace {

constexpr uint64_t kMagic = 0x3230747372746c61;  // "altrst02"

template <typename T>
void Put(std::ofstream& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.write(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
bool Get(std::ifstream& in, T& value) {
  return bool(in.read(reinterpret_cast<char*>(&value), sizeof(value)));
}

template <typename T>
void PutAll(std::ofstream& out, const std::vector<T>& values) {
  Put(out, uint64_t{values.size()});
  for (const T& value : values) Put(out, value);
}

template <typename T>
bool GetAll(std::ifstream& in, std::vector<T>& values) {
  uint64_t size = 0;
  if (!Get(in, size)) return false;
  for (uint64_t i = 0; i < size; ++i) {
    T value;
    if (!Get(in, value)) return false;
    values.push_back(value);
  }
  return true;
}

}  // namespace

Counts CountOperations(const std::vector<Call>& calls) {
  Counts counts;
  for (const Call& call : calls) {
    ++counts.calls;
    const bool answered = call.returned != kNever;
    counts.repeated_calls += answered && call.attempts > 1 ? 1 : 0;
    counts.repeated_calls += static_cast<int64_t>(call.again.size());
    const auto items = static_cast<int64_t>(call.items.size());
    const bool release = call.kind == Kind::kRelease ||
                         call.kind == Kind::kSkip ||
                         call.kind == Kind::kWithdraw;
    switch (call.kind) {
      case Kind::kAllocate:
        counts.claims += items;
        break;
      case Kind::kRenew:
        counts.renewals += items;
        break;
      case Kind::kRelease:
        counts.releases += items;
        break;
      case Kind::kSkip:
        counts.skips += items;
        break;
      case Kind::kWithdraw:
        counts.withdrawals += items;
        break;
      case Kind::kReport:
        counts.answers += items;
        break;
    }
    for (const Item& item : call.items) {
      counts.late += item.outcome == Outcome::kRecordedLate ? 1 : 0;
      counts.in_time += item.outcome == Outcome::kRecorded ? 1 : 0;
      counts.not_open += item.outcome == Outcome::kNotOpen ? 1 : 0;
      counts.ended += release && item.outcome == Outcome::kOk ? 1 : 0;
      counts.duplicates += item.outcome == Outcome::kDuplicate ||
                                   item.outcome == Outcome::kConflict
                               ? 1
                               : 0;
    }
  }
  return counts;
}

absl::Status SaveHistory(const History& history, const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  Put(out, kMagic);
  Put(out, history.shared);
  Put(out, uint64_t{history.calls.size()});
  for (const Call& call : history.calls) {
    Put(out, call.invoked);
    Put(out, call.returned);
    Put(out, call.lease_duration);
    Put(out, call.response);
    Put(out, call.attempts);
    Put(out, call.pool);
    Put(out, call.kind);
    PutAll(out, call.items);
    PutAll(out, call.again);
  }
  Put(out, uint64_t{history.kept.size()});
  for (const std::vector<Kept>& of_replica : history.kept) {
    PutAll(out, of_replica);
  }
  if (!out.flush()) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<History> LoadHistory(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const absl::Status bad =
      absl::DataLossError(absl::StrCat(path, " is no history, or cut short"));
  uint64_t magic = 0, calls = 0;
  History history;
  if (!Get(in, magic) || magic != kMagic || !Get(in, history.shared) ||
      !Get(in, calls)) {
    return bad;
  }
  for (uint64_t i = 0; i < calls; ++i) {
    Call call;
    if (!(Get(in, call.invoked) && Get(in, call.returned) &&
          Get(in, call.lease_duration) && Get(in, call.response) &&
          Get(in, call.attempts) && Get(in, call.pool) && Get(in, call.kind) &&
          GetAll(in, call.items) && GetAll(in, call.again))) {
      return bad;
    }
    history.calls.push_back(std::move(call));
  }
  uint64_t replicas = 0;
  if (!Get(in, replicas)) return bad;
  for (uint64_t i = 0; i < replicas; ++i) {
    if (!GetAll(in, history.kept.emplace_back())) return bad;
  }
  return history;
}

}  // namespace allot::torture
