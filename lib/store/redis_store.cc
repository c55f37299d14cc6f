// SPDX-License-Identifier: Apache-2.0
#include "lib/store/redis_store.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "lib/base/mutex.h"
#include "lib/base/status_macros.h"
#include "lib/store/event_bytes.h"
#include "lib/store/redis_client.h"
#include "lib/store/redis_scripts.h"

namespace allot {
namespace {

constexpr int64_t kFormat = 1;
// Entries read in one round trip. One may hold 10,000 tasks, about 1 MB.
constexpr absl::string_view kEntriesAtOnce = "64";
constexpr size_t kPartBytes = 256 << 10;
// Of a checkpoint that was not written to its end.
constexpr absl::string_view kPartsLiveSeconds = "3600";
// Of a replica that ended in the middle of it.
constexpr absl::string_view kSavingLastsSeconds = "60";
constexpr int kMostTries = 8;

// Names of appends and checkpoints: unlike any other process's, ever.
class Names {
 public:
  Names() {
    std::random_device device;
    for (int word = 0; word < 4; ++word) {
      absl::StrAppend(&prefix_, absl::Hex(device(), absl::kZeroPad8));
    }
    prefix_.resize(20);
  }
  std::string Next() { return absl::StrCat(prefix_, "-", ++count_); }

 private:
  std::string prefix_;
  std::atomic<uint64_t> count_ = 0;
};

class RedisStore final : public Store {
 public:
  RedisStore(RedisAddress address, const Clock* clock)
      : address_(std::move(address)),
        index_(absl::StrCat(address_.prefix, ":pools")),
        client_(address_, clock, std::random_device()()) {}

  // Checks what is there, and what Redis promises.
  absl::Status Start();

  bool shared() const override { return true; }
  std::vector<std::string> warnings() const override { return warnings_; }
  absl::StatusOr<int64_t> Append(absl::string_view pool, int64_t after,
                                 std::span<const Event> events,
                                 absl::FunctionRef<void()>) override;
  absl::Status Load(absl::string_view pool, int64_t after,
                    EventVisitor visit) override;
  absl::Status LoadAll(const LogPositions& after, EventVisitor visit) override;
  absl::StatusOr<std::vector<LogEnd>> Ends() override;
  absl::Status SaveCheckpoints(
      std::span<const Checkpoint> checkpoints) override;
  absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() override;
  absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(
      absl::string_view pool) override;
  absl::Status Ping() override;

 private:
  // The last event of a pool's log that went through here.
  struct Seen {
    int64_t sequence = 0;
    std::string append;
  };
  struct Keys {
    std::string log;
    std::string end;
    std::string parts;   // before the generation
    std::string saving;  // while a checkpoint is written
  };

  Keys KeysOf(absl::string_view pool) const;
  std::string AppendSeenAt(absl::string_view pool, int64_t sequence);
  void See(absl::string_view pool, int64_t sequence, absl::string_view append);
  // Forgets what was seen of the log, so that it can be read anew.
  absl::Status Lost(absl::string_view pool, int64_t known, int64_t end);
  // Puts the pool into the index of pools.
  absl::Status Enter(absl::string_view pool);
  absl::StatusOr<std::vector<std::string>> PoolIds();
  absl::Status SaveCheckpoint(const Checkpoint& checkpoint);
  absl::Status SaveCheckpointAlone(const Checkpoint& checkpoint,
                                   const Keys& keys);
  absl::Status CheckDurability();

  const RedisAddress address_;
  const std::string index_;
  RedisClient client_;
  Names names_;
  std::vector<std::string> warnings_;

  Mutex mutex_;
  std::map<std::string, Seen, std::less<>> seen_ ABSL_GUARDED_BY(mutex_);
};

RedisStore::Keys RedisStore::KeysOf(absl::string_view pool) const {
  const std::string tag =
      pool.empty() ? absl::StrCat("%")
                   : absl::StrReplaceAll(
                         pool, {{"%", "%25"}, {"{", "%7b"}, {"}", "%7d"}});
  const std::string stem = absl::StrCat(address_.prefix, ":{", tag, "}:");
  return {absl::StrCat(stem, "log"), absl::StrCat(stem, "end"),
          absl::StrCat(stem, "checkpoint:"), absl::StrCat(stem, "saving")};
}

std::string RedisStore::AppendSeenAt(absl::string_view pool, int64_t sequence) {
  MutexLock lock(mutex_);
  const auto found = seen_.find(pool);
  return found != seen_.end() && found->second.sequence == sequence
             ? found->second.append
             : "";
}

void RedisStore::See(absl::string_view pool, int64_t sequence,
                     absl::string_view append) {
  MutexLock lock(mutex_);
  seen_[std::string(pool)] = {sequence, std::string(append)};
}

absl::Status RedisStore::Lost(absl::string_view pool, int64_t known,
                              int64_t end) {
  {
    MutexLock lock(mutex_);
    const auto found = seen_.find(pool);
    if (found != seen_.end()) seen_.erase(found);
  }
  return absl::DataLossError(absl::StrCat(
      "redis lost events of pool \"", pool,
      "\" that it had acknowledged: event ", known,
      " was there and is not, the log ends at ", end,
      "; the promise needs appendonly yes and appendfsync always"));
}

absl::StatusOr<int64_t> RedisStore::Append(absl::string_view pool,
                                           int64_t after,
                                           std::span<const Event> events,
                                           absl::FunctionRef<void()>) {
  const Keys keys = KeysOf(pool);
  // In a slot of its own. If the append fails, an id without a log is none.
  if (after == 0 && !events.empty()) ALLOT_RETURN_IF_ERROR(Enter(pool));
  const std::string name = names_.Next();
  const std::string number = absl::StrCat(after);
  const std::string known = AppendSeenAt(pool, after);
  std::vector<std::string> bytes;
  bytes.reserve(events.size());
  for (const Event& event : events) bytes.push_back(ToBytes(event));
  RedisCommand command = {"EVAL",   kAppendScript, "2",   keys.log,
                          keys.end, number,        known, name};
  command.insert(command.end(), bytes.begin(), bytes.end());
  ALLOT_ASSIGN_OR_RETURN(const RedisReply reply,
                         client_.Run(keys.log, command));
  const redisReply& raw = reply.raw();
  if (raw.type != REDIS_REPLY_ARRAY || raw.elements != 2) {
    return absl::InternalError("redis: the append script answers nonsense");
  }
  const absl::string_view what = RedisReply::Text(*raw.element[0]);
  const int64_t end = RedisReply::Number(*raw.element[1]);
  if (what == "lost") return Lost(pool, after, end);
  if (what == "moved") return LogMovedOn(pool, after, end);
  if (!events.empty()) See(pool, end, name);
  return end;
}

// One entry of a log; borrowed from the reply.
struct Entry {
  int64_t sequence = 0;
  absl::string_view append;
  absl::string_view bytes;
};

absl::StatusOr<Entry> ParseEntry(absl::string_view pool,
                                 const redisReply& raw) {
  Entry entry;
  if (raw.elements == 2 && raw.element[1]->elements == 4) {
    absl::string_view id = RedisReply::Text(*raw.element[0]);
    absl::ConsumeSuffix(&id, "-0");
    entry.append = RedisReply::Text(*raw.element[1]->element[1]);
    entry.bytes = RedisReply::Text(*raw.element[1]->element[3]);
    if (absl::SimpleAtoi(id, &entry.sequence)) return entry;
  }
  return absl::DataLossError(
      absl::StrCat("redis: the log of pool \"", pool,
                   "\" holds an entry that allot did not write"));
}

absl::Status RedisStore::Load(absl::string_view pool, int64_t after,
                              EventVisitor visit) {
  const Keys keys = KeysOf(pool);
  after = std::max<int64_t>(after, 0);
  ALLOT_ASSIGN_OR_RETURN(const RedisReply meta,
                         client_.Run(keys.end, {"HGET", keys.end, "end"}));
  const int64_t end = RedisReply::Number(meta.raw());
  if (end < after) return Lost(pool, after, end);
  if (end == 0) return absl::OkStatus();
  const std::string until = absl::StrCat(end, "-0");
  int64_t last = after;  // visited
  // The first read begins with the last event known, to see that it is that.
  for (bool first = true; first || last < end; first = false) {
    const std::string from =
        absl::StrCat(first && after > 0 ? after : last + 1, "-0");
    ALLOT_ASSIGN_OR_RETURN(
        const RedisReply reply,
        client_.Run(keys.log, {"XRANGE", keys.log, from, until, "COUNT",
                               kEntriesAtOnce}));
    const int64_t before = last;
    for (size_t i = 0; i < reply.raw().elements; ++i) {
      ALLOT_ASSIGN_OR_RETURN(const Entry entry,
                             ParseEntry(pool, *reply.raw().element[i]));
      if (entry.sequence == after) {
        const std::string known = AppendSeenAt(pool, after);
        if (!known.empty() && entry.append != known) {
          return Lost(pool, after, end);
        }
        continue;
      }
      if (entry.sequence != last + 1) break;
      ALLOT_ASSIGN_OR_RETURN(Event event, ParseEventBytes(pool, entry.bytes));
      ALLOT_RETURN_IF_ERROR(visit(entry.sequence, std::move(event)));
      last = entry.sequence;
      See(pool, last, entry.append);
    }
    if (last == before && last < end) {
      // Trimmed behind a checkpoint, maybe just now.
      return absl::OutOfRangeError(absl::StrCat(
          "the log of pool \"", pool, "\" does not reach back to event ",
          last + 1, "; start from its checkpoint"));
    }
  }
  return absl::OkStatus();
}

absl::Status RedisStore::Enter(absl::string_view pool) {
  return client_.Run(index_, {"SADD", index_, pool}).status();
}

absl::StatusOr<std::vector<std::string>> RedisStore::PoolIds() {
  ALLOT_ASSIGN_OR_RETURN(const RedisReply reply,
                         client_.Run(index_, {"SMEMBERS", index_}));
  std::vector<std::string> ids;
  for (size_t i = 0; i < reply.raw().elements; ++i) {
    ids.emplace_back(RedisReply::Text(*reply.raw().element[i]));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

absl::StatusOr<std::vector<LogEnd>> RedisStore::Ends() {
  ALLOT_ASSIGN_OR_RETURN(const std::vector<std::string> ids, PoolIds());
  std::vector<RedisClient::Keyed> commands;
  commands.reserve(ids.size());
  for (const std::string& id : ids) {
    RedisClient::Keyed& command = commands.emplace_back();
    command.key = KeysOf(id).end;
    command.command = {"HMGET", command.key, "end", "checkpoint"};
  }
  ALLOT_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                         client_.RunAll(commands));
  std::vector<LogEnd> ends;
  for (size_t i = 0; i < ids.size(); ++i) {
    const redisReply& raw = replies[i].raw();
    if (raw.elements != 2) continue;
    const int64_t end = RedisReply::Number(*raw.element[0]);
    if (end == 0) continue;
    ends.push_back({ids[i], end, RedisReply::Number(*raw.element[1])});
  }
  return ends;
}

absl::Status RedisStore::LoadAll(const LogPositions& after,
                                 EventVisitor visit) {
  ALLOT_ASSIGN_OR_RETURN(const std::vector<LogEnd> ends, Ends());
  for (const LogEnd& end : ends) {
    const auto known = after.find(end.pool);
    const int64_t from = known == after.end() ? 0 : known->second;
    if (from >= end.sequence) continue;
    ALLOT_RETURN_IF_ERROR(Load(end.pool, from, visit));
  }
  return absl::OkStatus();
}

absl::Status RedisStore::SaveCheckpoint(const Checkpoint& checkpoint) {
  ALLOT_RETURN_IF_ERROR(Enter(checkpoint.pool));
  const Keys keys = KeysOf(checkpoint.pool);
  // Replicas find one due at the same moment: one of them is enough.
  ALLOT_ASSIGN_OR_RETURN(
      const RedisReply first,
      client_.Run(keys.saving,
                  {"SET", keys.saving, "1", "NX", "EX", kSavingLastsSeconds}));
  if (first.IsNil()) return absl::OkStatus();
  const absl::Status saved = SaveCheckpointAlone(checkpoint, keys);
  client_.Run(keys.saving, {"DEL", keys.saving}).status().IgnoreError();
  return saved;
}

absl::Status RedisStore::SaveCheckpointAlone(const Checkpoint& checkpoint,
                                             const Keys& keys) {
  const std::string generation = names_.Next();
  const std::string parts = keys.parts + generation;
  size_t count = 0;
  for (size_t begin = 0; begin < checkpoint.bytes.size() || count == 0;
       begin += kPartBytes, ++count) {
    const std::string field = absl::StrCat(count);
    const absl::string_view part =
        absl::string_view(checkpoint.bytes).substr(begin, kPartBytes);
    ALLOT_RETURN_IF_ERROR(
        client_.Run(parts, {"HSET", parts, field, part}).status());
    if (count == 0) {
      ALLOT_RETURN_IF_ERROR(
          client_.Run(parts, {"EXPIRE", parts, kPartsLiveSeconds}).status());
    }
  }
  const std::string sequence = absl::StrCat(checkpoint.sequence);
  const std::string number = absl::StrCat(count);
  const std::string keep =
      address_.keep_events < 0
          ? ""
          : absl::StrCat(std::max<int64_t>(
                1, checkpoint.sequence + 1 - address_.keep_events));
  return client_
      .Run(keys.log, {"EVAL", kCheckpointScript, "3", keys.log, keys.end, parts,
                      sequence, generation, number, keys.parts, keep})
      .status();
}

absl::Status RedisStore::SaveCheckpoints(
    std::span<const Checkpoint> checkpoints) {
  for (const Checkpoint& checkpoint : checkpoints) {
    ALLOT_RETURN_IF_ERROR(SaveCheckpoint(checkpoint));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Checkpoint>> RedisStore::LoadCheckpoint(
    absl::string_view pool) {
  const Keys keys = KeysOf(pool);
  for (int tries = 0; tries < kMostTries; ++tries) {
    ALLOT_ASSIGN_OR_RETURN(
        const RedisReply reply,
        client_.Run(keys.end,
                    {"HMGET", keys.end, "checkpoint", "generation", "parts"}));
    const redisReply& raw = reply.raw();
    if (raw.elements != 3 || raw.element[1]->type == REDIS_REPLY_NIL) {
      return std::nullopt;
    }
    Checkpoint checkpoint;
    checkpoint.pool = std::string(pool);
    checkpoint.sequence = RedisReply::Number(*raw.element[0]);
    const std::string parts =
        absl::StrCat(keys.parts, RedisReply::Text(*raw.element[1]));
    const int64_t count = RedisReply::Number(*raw.element[2]);
    int64_t read = 0;
    for (; read < count; ++read) {
      const std::string field = absl::StrCat(read);
      ALLOT_ASSIGN_OR_RETURN(const RedisReply part,
                             client_.Run(parts, {"HGET", parts, field}));
      if (part.IsNil()) break;
      absl::StrAppend(&checkpoint.bytes, part.text());
    }
    if (read == count) return checkpoint;
    // Replaced while it was read.
  }
  return absl::DataLossError(absl::StrCat("the checkpoint of pool \"", pool,
                                          "\" in redis has parts missing"));
}

absl::StatusOr<std::vector<Checkpoint>> RedisStore::LoadCheckpoints() {
  ALLOT_ASSIGN_OR_RETURN(const std::vector<std::string> ids, PoolIds());
  std::vector<Checkpoint> checkpoints;
  for (const std::string& id : ids) {
    ALLOT_ASSIGN_OR_RETURN(std::optional<Checkpoint> checkpoint,
                           LoadCheckpoint(id));
    if (checkpoint) checkpoints.push_back(*std::move(checkpoint));
  }
  return checkpoints;
}

absl::Status RedisStore::Ping() {
  return client_.Run(index_, {"EXISTS", index_}).status();
}

// What Redis says of its setting `name`; empty if it does not tell.
std::string Setting(RedisClient& client, const RedisHost& node,
                    absl::string_view name) {
  const absl::StatusOr<RedisReply> reply =
      client.RunOn(node, {"CONFIG", "GET", name});
  if (!reply.ok() || reply->raw().elements != 2) return "";
  return std::string(RedisReply::Text(*reply->raw().element[1]));
}

absl::Status RedisStore::CheckDurability() {
  for (const RedisHost& node : client_.Nodes()) {
    const std::string name = absl::StrCat("redis ", node.host, ":", node.port);
    const std::string appendonly = Setting(client_, node, "appendonly");
    const std::string sync = Setting(client_, node, "appendfsync");
    const std::string policy = Setting(client_, node, "maxmemory-policy");
    if (appendonly.empty() || sync.empty()) {
      warnings_.push_back(absl::StrCat(
          name,
          " does not tell how it persists (CONFIG GET is not allowed): what is "
          "acknowledged survives a crash of Redis only with appendonly yes and "
          "appendfsync always"));
    } else if (appendonly != "yes" || sync != "always") {
      warnings_.push_back(absl::StrCat(
          name, " has appendonly ", appendonly, " and appendfsync ", sync,
          ": what is acknowledged may be lost when Redis crashes; set "
          "appendonly yes and appendfsync always"));
    }
    if (!policy.empty() && policy != "noeviction") {
      warnings_.push_back(absl::StrCat(
          name, " has maxmemory-policy ", policy,
          ": it may throw away logs when memory is short; set noeviction"));
    }
  }
  if (address_.require_durable && !warnings_.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "require_durable is set and ", absl::StrJoin(warnings_, "; ")));
  }
  return absl::OkStatus();
}

absl::Status RedisStore::Start() {
  const std::string key = absl::StrCat(address_.prefix, ":format");
  const std::string version = absl::StrCat(kFormat);
  ALLOT_RETURN_IF_ERROR(client_.Run(key, {"SETNX", key, version}).status());
  ALLOT_ASSIGN_OR_RETURN(const RedisReply found,
                         client_.Run(key, {"GET", key}));
  if (RedisReply::Number(found.raw()) != kFormat) {
    return absl::FailedPreconditionError(absl::StrCat(
        "redis: ", key, " says ", found.text(),
        "; this allot reads and writes ", kFormat,
        ": run the version that wrote it, or choose another prefix"));
  }
  return CheckDurability();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenRedis(const RedisAddress& address,
                                                 const Clock* clock) {
  static const SystemClock system_clock;
  RedisAddress complete = address;
  if (!address.password_file.empty()) {
    std::ifstream file(address.password_file);
    if (!std::getline(file, complete.password)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "store: redis: cannot read a password from ", address.password_file));
    }
  }
  auto store = std::make_unique<RedisStore>(
      std::move(complete), clock == nullptr ? &system_clock : clock);
  ALLOT_RETURN_IF_ERROR(store->Start());
  return store;
}

}  // namespace allot
