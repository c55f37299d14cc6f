// SPDX-License-Identifier: Apache-2.0
#include "server/quotas.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "server/peek.h"

namespace allot {

absl::StatusOr<std::vector<QuotaRule>> ParseQuotas(absl::string_view file,
                                                   const JsonValue& list) {
  std::vector<QuotaRule> rules;
  std::set<std::string> pools;
  for (const JsonValue& item : list.items) {
    JsonObject object(file, item);
    QuotaRule rule;
    rule.pool = object.Text("pool").value_or("");
    rule.calls_per_second =
        object.Number("calls_per_second", 0.001, 1e6).value_or(0);
    rule.burst = object.Number("burst", 1, 1e6)
                     .value_or(std::max(1.0, rule.calls_per_second));
    rule.in_flight =
        static_cast<int>(object.Whole("in_flight", 1, 1'000'000).value_or(0));
    if (rule.pool.empty()) {
      object.Fail(item, "pool: must be the id of a pool, or \"*\"");
    }
    if (!pools.insert(rule.pool).second) {
      object.Fail(
          item, absl::StrCat("pool: \"", rule.pool, "\" has a quota already"));
    }
    if (rule.calls_per_second == 0 && rule.in_flight == 0) {
      object.Fail(item, "a quota needs calls_per_second or in_flight");
    }
    ALLOT_RETURN_IF_ERROR(object.Finish());
    rules.push_back(std::move(rule));
  }
  return rules;
}

void Quotas::Set(const std::vector<QuotaRule>& rules) {
  auto next = std::make_shared<Rules>();
  for (const QuotaRule& from : rules) {
    Rule rule;
    if (from.calls_per_second > 0) {
      const double gap = 1e9 / from.calls_per_second;
      rule.gap_nanos = std::max<int64_t>(1, static_cast<int64_t>(gap));
      rule.slack_nanos = static_cast<int64_t>(gap * (from.burst - 1));
    }
    rule.in_flight = from.in_flight;
    if (from.pool == "*") {
      next->has_default = true;
      next->fallback = rule;
      continue;
    }
    const uint64_t hash = HashPool(from.pool);
    std::unique_ptr<Account>& account = accounts_[hash];
    if (account == nullptr) account = std::make_unique<Account>();
    rule.account = account.get();
    next->by_pool[hash] = rule;
  }
  const bool any = next->has_default || !next->by_pool.empty();
  rules_.Set(std::move(next));
  any_.store(any, std::memory_order_release);
}

Quotas::Outcome Quotas::Take(uint64_t pool_hash, int64_t now_nanos) {
  if (!any_.load(std::memory_order_acquire)) return {};
  const std::shared_ptr<const Rules> rules = rules_.Get();
  const auto it = rules->by_pool.find(pool_hash);
  if (it == rules->by_pool.end() && !rules->has_default) return {};
  const Rule& rule = it == rules->by_pool.end() ? rules->fallback : it->second;
  Account* account =
      rule.account != nullptr ? rule.account : &lanes_[pool_hash % kLanes];
  if (account->in_flight.fetch_add(1, std::memory_order_relaxed) >=
          rule.in_flight &&
      rule.in_flight > 0) {
    Give(account);
    return {false, nullptr, 100'000'000};
  }
  if (rule.gap_nanos > 0) {
    int64_t due = account->due_nanos.load(std::memory_order_relaxed);
    while (true) {
      const int64_t early = due - now_nanos - rule.slack_nanos;
      if (early > 0) {
        Give(account);
        return {false, nullptr, early};
      }
      if (account->due_nanos.compare_exchange_weak(
              due, std::max(due, now_nanos) + rule.gap_nanos,
              std::memory_order_relaxed)) {
        break;
      }
    }
  }
  return {true, account, 0};
}

}  // namespace allot
